import { createHash } from 'node:crypto';
import { z } from 'zod';
import { good, type Outcome } from '../domain/fault.ts';
import { levels, storeTypes } from './notation/terms.ts';
import type { Trust } from './notation/verify.ts';
import type { SignerKind, SignerParts } from './signer.ts';

const path = z.string().min(1).max(4096);
const hostPattern = /^(?:\*\.)?(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?$/;

const settings = z
  .strictObject({
    name: z.string().min(1).max(64),
    images: z.array(z.string().min(1).max(255)).min(1).max(256).readonly().describe('globs over registry/repository: where this signer counts'),
    kind: z.literal('notation'),
    level: z.enum(levels).default('strict').describe('how strictly signatures are verified: strict, permissive, audit; skip: they are not'),
    trustStoreFile: path.optional().describe('file with the certificates of trusted authorities in PEM'),
    trustStoreType: z.enum(storeTypes).default('ca').describe('whose certificates these are: ca, or signingAuthority'),
    identities: z
      .array(z.string().min(1).max(1024))
      .min(1)
      .max(64)
      .readonly()
      .optional()
      .describe('whose signatures count: `x509.subject: C=US, ST=WA, O=Partner`, any of which will do, or a lone *'),
    tsaTrustStoreFile: path.optional().describe('file with the roots of trusted timestamp authorities in PEM; signatures need a timestamp then'),
    verifyTimestamp: z.enum(['always', 'afterCertExpiry']).default('always').describe('when a timestamp is needed, where tsaTrustStoreFile is given'),
    revocation: z.enum(['enforce', 'log', 'skip']).optional().describe('what is done with certificates that may be revoked; absent: as the level says'),
    revocationHosts: z
      .array(z.string().max(255).regex(hostPattern, 'must be a host, host:port or *.domain'))
      .max(64)
      .readonly()
      .default([])
      .describe('OCSP responders and CRL servers that may be asked whether a certificate is revoked: host, host:port or *.domain'),
  })
  .refine(({ level, trustStoreFile, identities }) => level === 'skip' || (trustStoreFile !== undefined && identities !== undefined), {
    message: 'needs trustStoreFile and identities, unless its level is skip',
  })
  .refine(({ identities = [] }) => identities.length < 2 || !identities.includes('*'), { path: ['identities'], message: '* stands alone' });
type Settings = z.infer<typeof settings>;

/** Signatures of the Notary Project, as `notation sign` makes them. https://github.com/notaryproject/specifications/tree/v1.1.0 */
export const notation: SignerKind<Settings> = {
  settings,
  async create(entry, parts) {
    // PKI.js, jose and cborg are loaded only where they are asked for.
    const [{ createNotationSigner }, { readLimits }] = await Promise.all([import('./notation/signer.ts'), import('./notation/referrers.ts')]);
    const trust = entry.level === 'skip' ? good(null) : await readTrust(entry, entry.level, parts);
    if (!trust.ok) return trust;
    return good(
      createNotationSigner({
        name: entry.name,
        kind: entry.kind,
        images: entry.images,
        hash: hashTrust(entry, trust.value, parts),
        trust: trust.value,
        revokedDigests: new Set(parts.revoked.digests),
        registry: parts.registry,
        limits: readLimits,
        clock: Date.now,
      }),
    );
  },
};

async function readTrust(entry: Settings, level: Trust['level'], parts: SignerParts): Promise<Outcome<Trust>> {
  const [{ readTrustStore }, { parseIdentity }, { createRevocation }] = await Promise.all([
    import('./notation/store.ts'),
    import('./notation/subject.ts'),
    import('./notation/revocation/check.ts'),
  ]);
  const { trustStoreFile, tsaTrustStoreFile, identities: written = [] } = entry;
  const read = async (file: string | undefined, holds: Parameters<typeof readTrustStore>[1]): Promise<ReturnType<typeof readTrustStore>> => {
    if (file === undefined) return good([]);
    const bytes = await parts.file(file);
    return bytes.ok ? readTrustStore(bytes.value, holds) : bytes;
  };
  const store = await read(trustStoreFile, 'signers');
  if (!store.ok) return store;
  const timestampRoots = await read(tsaTrustStoreFile, 'timestampRoots');
  if (!timestampRoots.ok) return timestampRoots;
  const identities = [];
  for (const identity of written.filter((each) => each !== '*')) {
    const parsed = parseIdentity(identity);
    if (!parsed.ok) return parsed;
    identities.push(parsed.value);
  }
  return good({
    store: store.value,
    storeType: entry.trustStoreType,
    identities: written.includes('*') ? null : identities,
    level,
    revocation: entry.revocation ?? null,
    checkRevocation: createRevocation({ outbound: parts.outbound, facts: parts.facts, hosts: entry.revocationHosts, clock: Date.now }),
    timestampRoots: tsaTrustStoreFile === undefined ? null : timestampRoots.value,
    verifyTimestamp: entry.verifyTimestamp,
    revokedKeys: new Set(parts.revoked.keys.map((key) => key.toLowerCase())),
    revokedIdentities: new Set(parts.revoked.identities),
  });
}

/** All that a fact of this signer depends on; what is revoked too, so that no fact outlives a revocation. */
function hashTrust({ level, identities = [], revocationHosts }: Settings, trust: Trust | null, { revoked }: SignerParts): string {
  const ids = (certificates: Trust['store'] | null | undefined): string[] | null =>
    certificates?.map(({ der }) => createHash('sha256').update(der).digest('hex')).sort() ?? null;
  const all = [
    'notation',
    level,
    [...identities].sort(),
    ids(trust?.store),
    trust?.storeType ?? null,
    ids(trust?.timestampRoots),
    trust?.verifyTimestamp ?? null,
    trust?.revocation ?? null,
    [...revocationHosts].sort(),
    [...revoked.digests].sort(),
    [...revoked.keys].sort(),
    [...revoked.identities].sort(),
  ];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}
