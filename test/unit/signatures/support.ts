import type { Digest } from '../../../src/domain/digest.ts';
import type { Finds, Subject } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import type { Repository } from '../../../src/domain/image.ts';
import { isObject, property, text, textMap } from '../../../src/domain/json.ts';
import { type Call, type Descriptor, type Manifest, ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createLayouts, type LayoutLimits, type Signer, signerKinds } from '../../../src/signatures/index.ts';
import { digestOf } from '../../fakes/publish/push.ts';
import type { KeyPair, PublishedImage } from '../../fakes/publish.ts';

export const acme = 'acme/web';
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

/** The barest client of the distribution protocol: plain HTTP, no retries, no limits, digests checked. */
export const bareRegistry: Registry = {
  async manifest(repository, reference, call) {
    const answer = await get(repository, `manifests/${'tag' in reference ? reference.tag : reference.digest}`, call);
    return answer.ok ? good(readManifest(answer.value.bytes, answer.value.type)) : answer;
  },
  async has(repository, digest, call) {
    const answer = await get(repository, `manifests/${digest}`, call);
    return answer.ok ? good(true) : answer.fault.code === 'MANIFEST_UNKNOWN' ? good(false) : answer;
  },
  async blob(repository, { digest }, _longest, call) {
    const answer = await get(repository, `blobs/${digest}`, call);
    if (!answer.ok) return answer;
    return digestOf(answer.value.bytes) === digest ? good(answer.value.bytes) : bad('RESPONSE_INVALID', 'the blob does not have its digest');
  },
  async referrers(repository, digest, call) {
    const lists = await Promise.all([get(repository, `referrers/${digest}`, call), get(repository, `manifests/${digest.replace(':', '-')}`, call)]);
    const descriptors = lists.flatMap((list) =>
      list.ok && list.value.type.includes('index') ? readManifest(list.value.bytes, list.value.type).manifests : [],
    );
    const faults = lists.flatMap((list) => (list.ok || list.fault.code === 'MANIFEST_UNKNOWN' ? [] : [list.fault]));
    const [first] = faults;
    if (first !== undefined && faults.length === lists.length) return { ok: false, fault: first };
    return good({ descriptors: [...new Map(descriptors.map((each) => [each.digest, each])).values()], faults });
  },
};

async function get({ registry, repository }: Repository, path: string, call: Call): Promise<Outcome<{ readonly bytes: Buffer; readonly type: string }>> {
  try {
    const headers = { accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*' };
    const answer = await fetch(`http://${registry}/v2/${repository}/${path}`, { headers, signal: call.signal });
    const bytes = Buffer.from(await answer.arrayBuffer());
    if (answer.ok) return good({ bytes, type: answer.headers.get('content-type') ?? '' });
    return answer.status === 404 ? bad('MANIFEST_UNKNOWN', 'there is none') : bad('REGISTRY_UNAVAILABLE', `the registry answered ${answer.status}`);
  } catch (cause) {
    return bad('REGISTRY_UNAVAILABLE', 'the registry can not be reached', { cause });
  }
}

function readManifest(bytes: Buffer, mediaType: string): Manifest {
  const value: unknown = JSON.parse(bytes.toString('utf8'));
  const all = (list: unknown): Descriptor[] => (Array.isArray(list) ? list.map(readDescriptor) : []);
  const subject = property(value, 'subject');
  return {
    kind: mediaType.includes('index') ? 'index' : 'image',
    digest: digestOf(bytes),
    mediaType,
    size: bytes.length,
    artifactType: text(property(value, 'artifactType')),
    config: isObject(property(value, 'config')) ? readDescriptor(property(value, 'config')) : null,
    layers: all(property(value, 'layers')),
    manifests: all(property(value, 'manifests')),
    subject: isObject(subject) ? readDescriptor(subject) : null,
    annotations: textMap(property(value, 'annotations')),
  };
}

function readDescriptor(value: unknown): Descriptor {
  return {
    mediaType: text(property(value, 'mediaType')) ?? '',
    digest: property(value, 'digest') as Digest,
    size: Number(property(value, 'size')),
    artifactType: text(property(value, 'artifactType')),
    annotations: textMap(property(value, 'annotations')),
    platform: null,
  };
}
