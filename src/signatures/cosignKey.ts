import { createHash } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial } from '@sigstore/verify';
import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { parseRepository, type Repository } from '../domain/image.ts';
import { createKeySigner } from './keySigner.ts';
import { readPublicKey, type TrustedKey } from './keys.ts';
import type { SignerKind, SignerParts } from './signer.ts';
import type { TrustedLogs } from './verify.ts';

const pem = z
  .string()
  .min(1)
  .max(64 * 1024);
const path = z.string().min(1).max(4096);

const settings = z
  .strictObject({
    name: z.string().min(1).max(64),
    images: z.array(z.string().min(1).max(255)).min(1).max(256).readonly().describe('globs over registry/repository: where this signer counts'),
    kind: z.literal('cosign-key'),
    keyFile: path.optional().describe('file with a public key in PEM'),
    key: pem.optional().describe('public key in PEM'),
    keys: z.array(pem).min(1).max(16).readonly().optional().describe('public keys in PEM, any of which will do'),
    transparencyLog: z.boolean().default(false).describe('whether signatures must be recorded in a transparency log of the trusted root'),
    trustedRoot: z.strictObject({ file: path }).readonly().optional().describe('Sigstore trusted root (JSON), needed for the transparency log'),
    repository: z
      .string()
      .refine((name) => parseRepository(name).ok, 'must be a registry/repository')
      .optional()
      .describe('where signatures live, if elsewhere than beside the image'),
    annotations: z.record(z.string().min(1).max(255), z.string().max(4096)).readonly().optional().describe('annotations that must have been signed'),
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
    const keys = await readKeys(entry, parts);
    if (!keys.ok) return keys;
    const root = entry.trustedRoot === undefined ? good(null) : await readTrustedRoot(entry.trustedRoot.file, parts);
    if (!root.ok) return root;
    const repository = entry.repository === undefined ? good(null) : parseRepository(entry.repository);
    if (!repository.ok) return repository;
    const annotations = entry.annotations ?? {};
    return good(
      createKeySigner({
        name: entry.name,
        kind: entry.kind,
        images: entry.images,
        trust: hashTrust(keys.value, annotations, root.value, repository.value, parts),
        keys: keys.value,
        logs: root.value?.logs ?? null,
        repository: repository.value,
        annotations,
        layouts: parts.layouts,
        revoked: parts.revoked,
      }),
    );
  },
};

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

interface ReadRoot {
  readonly logs: TrustedLogs;
  readonly hash: string;
}

const longestRoot = 1024 * 1024;

/** https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_trustroot.proto */
async function readTrustedRoot(file: string, parts: SignerParts): Promise<Outcome<ReadRoot>> {
  const bytes = await parts.file(file);
  if (!bytes.ok) return bytes;
  if (bytes.value.length > longestRoot) return bad('CONFIG_INVALID', `a trusted root is not longer than ${longestRoot} bytes`);
  try {
    const { tlogs } = TrustedRoot.fromJSON(JSON.parse(Buffer.from(bytes.value).toString('utf8')));
    if (tlogs.length === 0) return bad('CONFIG_INVALID', 'the trusted root names no transparency log');
    // What keys sign needs no authority: of the root, only its logs are trusted.
    const material = toTrustMaterial({ mediaType: '', certificateAuthorities: [], timestampAuthorities: [], ctlogs: [], tlogs });
    return good({ logs: material.tlogs, hash: createHash('sha256').update(bytes.value).digest('hex') });
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the trusted root can not be read', { cause });
  }
}

/** All that a fact of this signer depends on; what is revoked too, so that no fact outlives a revocation. */
function hashTrust(
  keys: readonly TrustedKey[],
  annotations: Readonly<Record<string, string>>,
  root: ReadRoot | null,
  repository: Repository | null,
  { revoked }: SignerParts,
): string {
  const all = [
    'cosign-key',
    keys.map(({ id }) => id).sort(),
    Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)),
    root?.hash ?? null,
    repository,
    [...revoked.digests].sort(),
    [...revoked.keys].sort(),
  ];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}
