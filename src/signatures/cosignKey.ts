import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { byRoot } from './byRoot.ts';
import { createClaimSigner, type Verification } from './claimSigner.ts';
import { readPublicKey, type TrustedKey } from './keys.ts';
import { createKeyVerifier } from './keyVerifier.ts';
import { commonSettings, readRepository } from './settings.ts';
import type { SignerKind, SignerParts } from './signer.ts';
import { trustedRootSettings } from './trustRoots/index.ts';

const pem = z
  .string()
  .min(1)
  .max(64 * 1024);

const settings = z
  .strictObject({
    ...commonSettings,
    kind: z.literal('cosign-key'),
    keyFile: z.string().min(1).max(4096).optional().describe('file with a public key in PEM'),
    key: pem.optional().describe('public key in PEM'),
    keys: z.array(pem).min(1).max(16).readonly().optional().describe('public keys in PEM, any of which will do'),
    transparencyLog: z.boolean().default(false).describe('whether signatures must be recorded in a transparency log of the trusted root'),
    trustedRoot: trustedRootSettings.optional().describe('Sigstore trusted root, needed for the transparency log'),
  })
  .refine(({ keyFile, key, keys }) => [keyFile, key, keys].filter((each) => each !== undefined).length === 1, 'needs exactly one of keyFile, key and keys')
  .refine(({ transparencyLog, trustedRoot }) => transparencyLog === (trustedRoot !== undefined), {
    path: ['trustedRoot'],
    message: 'is needed with transparencyLog: true, and has no meaning without it',
  });
type Settings = z.infer<typeof settings>;

/** Signatures and attestations by keys, as `cosign sign --key` and `cosign attest --key` make them. */
export const cosignKey: SignerKind<Settings> = {
  settings,
  async create(entry, parts) {
    const { name, kind, images, annotations = {} } = entry;
    const keys = await readKeys(entry, parts);
    if (!keys.ok) return keys;
    const verification = await chooseVerification(keys.value, entry, parts);
    if (!verification.ok) return verification;
    const repository = readRepository(entry);
    if (!repository.ok) return repository;
    return good(
      createClaimSigner({
        name,
        kind,
        images,
        annotations,
        repository: repository.value,
        trust: keys.value.map(({ id }) => id).sort(),
        verification: verification.value,
        layouts: parts.layouts,
        revoked: parts.revoked,
      }),
    );
  },
};

async function chooseVerification(keys: readonly TrustedKey[], { trustedRoot }: Settings, { trustRoots }: SignerParts): Promise<Outcome<Verification>> {
  if (trustedRoot === undefined) return good({ root: null, verify: createKeyVerifier(keys, null) });
  return byRoot(trustRoots, trustedRoot, ({ material: { tlogs } }) =>
    // What keys sign needs no authority: of the root, only its logs are trusted.
    tlogs.length === 0
      ? bad('TRUST_ROOT_UNAVAILABLE', 'the trusted root names no transparency log', { transient: false })
      : good(createKeyVerifier(keys, tlogs)),
  );
}

async function readKeys({ keyFile, key, keys }: Settings, parts: SignerParts): Promise<Outcome<readonly TrustedKey[]>> {
  const texts: string[] = [...(key === undefined ? [] : [key]), ...(keys ?? [])];
  if (keyFile !== undefined) {
    const file = await parts.file(keyFile);
    if (!file.ok) return file;
    texts.push(Buffer.from(file.value).toString('utf8'));
  }
  const trusted = new Map<string, TrustedKey>();
  for (const text of texts) {
    const read = readPublicKey(text);
    if (!read.ok) return read;
    trusted.set(read.value.id, read.value);
  }
  return good([...trusted.values()]);
}
