import type { Digest } from '../../../src/domain/digest.ts';
import type { Finds, Subject } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import type { Repository } from '../../../src/domain/image.ts';
import type { Log } from '../../../src/domain/log.ts';
import { ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createOutbound, createRegistry } from '../../../src/registry/index.ts';
import {
  createLayouts,
  createProving,
  createTrustRoots,
  type LayoutLimits,
  type Proving,
  type Signer,
  type SignerKind,
  type SignerParts,
  signerKinds,
  type TrustRoots,
} from '../../../src/signatures/index.ts';
import type { KeyPair, PublishedImage } from '../../fakes/publish.ts';

/** One for all tests of a file: a thread takes a moment to start. */
export const proving = createProving();

export const patience = (): AbortSignal => AbortSignal.timeout(10_000);

export interface SignerOptions {
  readonly limits?: Partial<LayoutLimits>;
  readonly revoked?: { readonly digests?: readonly string[]; readonly keys?: readonly string[]; readonly identities?: readonly string[] };
  readonly files?: Readonly<Record<string, string>>;
  readonly trustRoots?: TrustRoots;
  readonly proving?: Proving;
}

/** A signer of every image, by one key unless said otherwise. */
export async function makeSigner(
  registry: Registry,
  entry: { readonly key?: KeyPair } & Readonly<Record<string, unknown>>,
  more: SignerOptions = {},
): Promise<Signer> {
  const { key, ...rest } = entry;
  const written = { name: 'release', kind: 'cosign-key', images: ['**'], ...(key === undefined ? {} : { key: key.publicPem }), ...rest };
  const kind: SignerKind = written.kind === 'cosign-keyless' ? signerKinds['cosign-keyless'] : signerKinds['cosign-key'];
  const signer = await kind.create(kind.settings.parse(written), {
    layouts: createLayouts(registry, more.limits),
    registry,
    proving: more.proving ?? proving,
    ...asking(),
    trustRoots: more.trustRoots ?? rootsOf(more.files ?? {}),
    revoked: { digests: more.revoked?.digests ?? [], keys: more.revoked?.keys ?? [], identities: more.revoked?.identities ?? [] },
    file: filesOf(more.files ?? {}),
  });
  if (!signer.ok) throw new Error(signer.fault.message);
  return signer.value;
}

/** What signers ask others with, and keep what they were told. */
export function asking(): Pick<SignerParts, 'outbound' | 'facts'> {
  return {
    outbound: createOutbound().ask,
    facts: createFacts({ entries: 100, askFor: 20_000, lastKnownGoodFor: 86_400_000, asking: 50 }, Date.now),
  };
}

/** Files that a configuration might name. */
export function filesOf(files: Readonly<Record<string, string>>): (path: string) => Promise<Outcome<Uint8Array>> {
  return async (path) => {
    const content = files[path];
    return content === undefined ? bad('CONFIG_INVALID', `there is no file ${path}`) : good(Buffer.from(content));
  };
}

/** Trust roots from such files. */
export function rootsOf(files: Readonly<Record<string, string>>): TrustRoots {
  return createTrustRoots({ file: filesOf(files), directory: '/nowhere', log: quiet, clock: Date.now });
}

export const quiet: Log = { info: () => {}, warn: () => {}, error: () => {} };

/** An image as the line would ask about it. */
export function subjectOf(image: PublishedImage, more: Partial<Pick<Subject, 'repositories' | 'access'>> & { readonly logical?: Repository } = {}): Subject {
  const place = { registry: new URL(image.place.registry).host, repository: image.place.repository };
  const { digest, mediaType, size } = image.descriptor;
  return {
    image: { ...(more.logical ?? place), tag: image.tag, digest },
    repositories: more.repositories ?? [place],
    manifest: {
      kind: mediaType.includes('index') ? 'index' : 'image',
      digest,
      mediaType,
      size,
      artifactType: null,
      config: null,
      layers: [],
      manifests: [],
      subject: null,
      annotations: {},
    },
    platforms: image.platforms.map((each) => ({
      platform: each.platform,
      digest: each.digest,
      imageId: each.imageId,
      created: null,
      user: null,
      labels: {},
      annotations: {},
      rootfs: null,
    })),
    access: more.access ?? ownAccess,
  };
}

/** What a signer finds, where it could look. */
export async function lookWith(signer: Signer, subject: Subject): Promise<Finds> {
  const outcome = await signer.look(subject, patience());
  if (!outcome.ok) throw new Error(`could not look: ${outcome.fault.code} ${outcome.fault.message}`);
  return outcome.value;
}

export async function attestationsWith(signer: Signer, subject: Subject, digest: Digest): Promise<Finds> {
  const outcome = await signer.attestations(subject, digest, patience());
  if (!outcome.ok) throw new Error(`could not look: ${outcome.fault.code} ${outcome.fault.message}`);
  return outcome.value;
}

/** The registry client, for registries of these hosts (`127.0.0.1:PORT`) without TLS. */
export function openRegistry(...hosts: readonly string[]): Registry {
  return createRegistry({
    hosts: hosts.map((host) => ({ host, plainHTTP: true, ca: null, alsoHosts: [] })),
    keychain: { credential: async () => good(null) },
  });
}
