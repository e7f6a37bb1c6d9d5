import { createHash } from 'node:crypto';
import { type Digest, parseDigest } from '../../../src/domain/digest.ts';
import { isObject } from '../../../src/domain/json.ts';

/** Where something is pushed: the registry's URL (`http://127.0.0.1:5000`; a bare `host:port` means http) and a repository in it. */
export interface Place {
  readonly registry: string;
  readonly repository: string;
  /** Value of the Authorization header, for a registry that wants one. */
  readonly authorization?: string;
  /** Instead of the global fetch: for TLS with a CA of one's own, or to count. */
  readonly fetch?: typeof fetch;
}

export interface RegistryDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

export const ociManifest = 'application/vnd.oci.image.manifest.v1+json';
export const ociIndex = 'application/vnd.oci.image.index.v1+json';
const emptyConfig = 'application/vnd.oci.empty.v1+json';

/** Host and port, as image references name the registry. */
export function registryHost(place: Place): string {
  return new URL(base(place)).host;
}

export function digestOf(bytes: Uint8Array): Digest {
  return checked(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);
}

/** https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#post-then-put */
export async function pushBlob(place: Place, bytes: Uint8Array, mediaType = 'application/octet-stream'): Promise<RegistryDescriptor> {
  const digest = digestOf(bytes);
  const started = await ask(place, 'POST', 'blobs/uploads/');
  const location = new URL(started.headers.get('location') ?? '', `${base(place)}/`);
  location.searchParams.set('digest', digest);
  await ask(place, 'PUT', location, bytes, 'application/octet-stream');
  return { mediaType, digest, size: bytes.length };
}

/** Pushes a manifest under a tag, or under its digest where no tag is named. */
export async function pushManifest(place: Place, manifest: object | Uint8Array, mediaType: string, tag?: string): Promise<RegistryDescriptor> {
  const bytes = manifest instanceof Uint8Array ? manifest : Buffer.from(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  await ask(place, 'PUT', `manifests/${tag ?? digest}`, bytes, mediaType);
  return { mediaType, digest, size: bytes.length };
}

/** A manifest as the registry has it, or null where there is none. */
export async function getManifest(place: Place, reference: string): Promise<Readonly<Record<string, unknown>> | null> {
  const answer = await ask(place, 'GET', `manifests/${reference}`, undefined, undefined, [404]);
  if (answer.status === 404) {
    await answer.body?.cancel();
    return null;
  }
  const body: unknown = await answer.json();
  return isObject(body) ? body : null;
}

/** Adds layers to the image under a tag, as cosign keeps its legacy signatures and attestations. */
export async function appendLayers(place: Place, tag: string, layers: readonly RegistryDescriptor[]): Promise<void> {
  const before = await getManifest(place, tag);
  const all = [...(Array.isArray(before?.['layers']) ? before['layers'] : []), ...layers];
  const config = await pushBlob(
    place,
    Buffer.from(JSON.stringify({ architecture: '', os: '', rootfs: { type: 'layers', diff_ids: all.map((layer) => layer.digest) } })),
    'application/vnd.oci.image.config.v1+json',
  );
  await pushManifest(place, { schemaVersion: 2, mediaType: ociManifest, config, layers: all }, ociManifest, tag);
}

/** Pushes an artifact that refers to a subject, and the fallback tag where the registry has no referrers API, as cosign does. */
export async function pushReferrer(
  place: Place,
  subject: RegistryDescriptor,
  layers: readonly RegistryDescriptor[],
  artifactType: string,
  annotations: Readonly<Record<string, string>> = {},
): Promise<RegistryDescriptor> {
  const config = await pushBlob(place, Buffer.from('{}'), emptyConfig);
  const { mediaType, digest, size } = subject;
  const manifest = { schemaVersion: 2, mediaType: ociManifest, artifactType, config, layers, subject: { mediaType, digest, size }, annotations };
  const pushed = { ...(await pushManifest(place, manifest, ociManifest)), artifactType };
  const listed = await ask(place, 'GET', `referrers/${digest}`, undefined, undefined, [404, 400]);
  await listed.body?.cancel();
  if (!listed.ok) {
    const tag = digest.replace(':', '-');
    const before = await getManifest(place, tag);
    const manifests = [...(Array.isArray(before?.['manifests']) ? before['manifests'] : []), pushed];
    await pushManifest(place, { schemaVersion: 2, mediaType: ociIndex, manifests }, ociIndex, tag);
  }
  return pushed;
}

function base(place: Place): string {
  return (place.registry.includes('://') ? place.registry : `http://${place.registry}`).replace(/\/$/, '');
}

async function ask(place: Place, method: string, path: string | URL, body?: Uint8Array, type?: string, allowed: readonly number[] = []): Promise<Response> {
  const url = typeof path === 'string' ? `${base(place)}/v2/${place.repository}/${path}` : path;
  const headers: Record<string, string> = { accept: `${ociManifest}, ${ociIndex}, */*` };
  if (place.authorization !== undefined) headers['authorization'] = place.authorization;
  if (type !== undefined) headers['content-type'] = type;
  const answer = await (place.fetch ?? fetch)(url, { method, headers, ...(body === undefined ? {} : { body: Buffer.from(body) }) });
  if (method !== 'GET') await answer.body?.cancel();
  if (!answer.ok && !allowed.includes(answer.status)) throw new Error(`${method} ${String(url)} was answered with ${answer.status}`);
  return answer;
}

function checked(text: string): Digest {
  const digest = parseDigest(text);
  if (!digest.ok) throw new Error(digest.fault.message);
  return digest.value;
}
