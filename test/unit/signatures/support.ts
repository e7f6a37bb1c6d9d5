import type { Digest } from '../../../src/domain/digest.ts';
import type { Finds, Subject } from '../../../src/domain/evidence.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import type { Repository } from '../../../src/domain/image.ts';
import { ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createRegistry } from '../../../src/registry/index.ts';
import { createLayouts, type LayoutLimits, type Signer, signerKinds } from '../../../src/signatures/index.ts';
import type { KeyPair, PublishedImage } from '../../fakes/publish.ts';

export const patience = (): AbortSignal => AbortSignal.timeout(10_000);

/** A signer of every image, by one key unless said otherwise. */
export async function makeSigner(
  registry: Registry,
  entry: { readonly key?: KeyPair } & Readonly<Record<string, unknown>>,
  more: {
    readonly limits?: Partial<LayoutLimits>;
    readonly revoked?: { readonly digests?: readonly string[]; readonly keys?: readonly string[] };
    readonly files?: Readonly<Record<string, string>>;
  } = {},
): Promise<Signer> {
  const { key, ...rest } = entry;
  const written = { name: 'release', kind: 'cosign-key', images: ['**'], ...(key === undefined ? {} : { key: key.publicPem }), ...rest };
  const settings = signerKinds['cosign-key'].settings.parse(written);
  const signer = await signerKinds['cosign-key'].create(settings, {
    layouts: createLayouts(registry, more.limits),
    revoked: { digests: more.revoked?.digests ?? [], keys: more.revoked?.keys ?? [] },
    async file(path) {
      const content = more.files?.[path];
      return content === undefined ? bad('CONFIG_INVALID', `there is no file ${path}`) : good(Buffer.from(content));
    },
  });
  if (!signer.ok) throw new Error(signer.fault.message);
  return signer.value;
}

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
    platforms: image.platforms.map((each) => ({ platform: each.platform, digest: each.digest, imageId: each.imageId, created: null, user: null, labels: {} })),
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
