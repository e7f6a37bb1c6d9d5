import { randomUUID } from 'node:crypto';
import { type Content, digestOf } from './content.ts';
import type { Answer } from './injection.ts';

/** Switches that a test may turn while the registry runs. */
export interface ProtocolSwitches {
  referrersApi: boolean;
  /** Referrers on one page; Infinity: all. */
  referrersPage: number;
}

export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly contentType: string;
  readonly body: Buffer;
}

const indexType = 'application/vnd.oci.image.index.v1+json';
const uploads = new Map<string, Buffer>();

/** The repository a path of the API is about; null for /v2/ itself. */
export function repositoryOf(pathname: string): string | null {
  return /^\/v2\/(.+?)\/(?:manifests|blobs|tags|referrers)\//.exec(pathname)?.[1] ?? null;
}

/** Answers as https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md has it, tags in memory. */
export function answer(asked: Asked, content: Content, switches: ProtocolSwitches): Answer {
  const { pathname } = asked.url;
  if (pathname === '/v2/' || pathname === '/v2') return json(200, {});
  const name = repositoryOf(pathname);
  if (name === null) return json(404, {});
  const rest = pathname.slice(`/v2/${name}/`.length);
  const tail = decodeURIComponent(rest.slice(rest.indexOf('/') + 1));
  if (rest.startsWith('manifests/')) return manifests(asked, content, name, tail, switches);
  if (rest.startsWith('blobs/uploads')) return upload(asked, content, name, tail.slice('uploads/'.length));
  if (rest.startsWith('blobs/')) return blob(asked, content, name, tail);
  if (rest.startsWith('referrers/')) return switches.referrersApi ? referrers(asked, content, name, tail, switches) : problem(404, 'NOT_FOUND');
  const tags = [...(content.find(name)?.tags.keys() ?? [])].sort();
  return content.find(name) === null ? problem(404, 'NAME_UNKNOWN') : json(200, { name, tags });
}

function manifests(asked: Asked, content: Content, name: string, reference: string, switches: ProtocolSwitches): Answer {
  if (asked.method === 'PUT') {
    const byDigest = reference.includes(':');
    const digest = content.putManifest(name, asked.body, asked.contentType, byDigest ? null : reference, byDigest ? reference : undefined);
    const subject = /"subject":\s*\{[^}]*"digest":\s*"([^"]+)"/.exec(asked.body.toString('utf8'))?.[1];
    return {
      status: 201,
      headers: {
        location: `/v2/${name}/manifests/${digest}`,
        'docker-content-digest': digest,
        ...(subject !== undefined && switches.referrersApi ? { 'oci-subject': subject } : {}),
      },
      body: Buffer.alloc(0),
    };
  }
  const found = content.manifest(name, reference);
  if (found === null) return problem(404, content.find(name) === null ? 'NAME_UNKNOWN' : 'MANIFEST_UNKNOWN');
  if (asked.method === 'DELETE') {
    const repository = content.repository(name);
    if (reference.includes(':')) repository.manifests.delete(reference);
    for (const [tag, digest] of repository.tags) if (tag === reference || digest === reference) repository.tags.delete(tag);
    return { status: 202, headers: {}, body: Buffer.alloc(0) };
  }
  return { status: 200, headers: { 'content-type': found.mediaType, 'docker-content-digest': found.digest }, body: found.bytes };
}

function blob(asked: Asked, content: Content, name: string, digest: string): Answer {
  const found = content.find(name)?.blobs.get(digest);
  if (found === undefined) return problem(404, 'BLOB_UNKNOWN');
  if (asked.method === 'DELETE') {
    content.repository(name).blobs.delete(digest);
    return { status: 202, headers: {}, body: Buffer.alloc(0) };
  }
  return { status: 200, headers: { 'content-type': 'application/octet-stream', 'docker-content-digest': digest }, body: found };
}

function upload(asked: Asked, content: Content, name: string, id: string): Answer {
  const blobs = content.repository(name).blobs;
  const digest = asked.url.searchParams.get('digest');
  const finish = (bytes: Buffer, wanted: string): Answer => {
    if (digestOf(bytes, wanted.startsWith('sha512:') ? 'sha512' : 'sha256') !== wanted) return problem(400, 'DIGEST_INVALID');
    blobs.set(wanted, bytes);
    return { status: 201, headers: { location: `/v2/${name}/blobs/${wanted}`, 'docker-content-digest': wanted }, body: Buffer.alloc(0) };
  };
  if (asked.method === 'POST') {
    const mount = asked.url.searchParams.get('mount');
    const mounted = mount === null ? undefined : content.find(asked.url.searchParams.get('from') ?? '')?.blobs.get(mount);
    if (mount !== null && mounted !== undefined) return finish(mounted, mount);
    if (digest !== null) return finish(asked.body, digest);
    const fresh = randomUUID();
    uploads.set(fresh, Buffer.alloc(0));
    return { status: 202, headers: { location: `/v2/${name}/blobs/uploads/${fresh}`, range: '0-0' }, body: Buffer.alloc(0) };
  }
  const before = uploads.get(id);
  if (before === undefined) return problem(404, 'BLOB_UPLOAD_UNKNOWN');
  const bytes = Buffer.concat([before, asked.body]);
  if (asked.method === 'PUT' && digest !== null) {
    uploads.delete(id);
    return finish(bytes, digest);
  }
  uploads.set(id, bytes);
  const headers = { location: `/v2/${name}/blobs/uploads/${id}`, range: `0-${Math.max(bytes.length - 1, 0)}` };
  return { status: asked.method === 'PATCH' ? 202 : 204, headers, body: Buffer.alloc(0) };
}

function referrers(asked: Asked, content: Content, name: string, subject: string, switches: ProtocolSwitches): Answer {
  const all = content.referrers(name, subject);
  const from = Number(asked.url.searchParams.get('from') ?? '0');
  const to = from + switches.referrersPage;
  const link = to < all.length ? { link: `</v2/${name}/referrers/${subject}?from=${to}>; rel="next"` } : {};
  const body = { schemaVersion: 2, mediaType: indexType, manifests: all.slice(from, to) };
  return { status: 200, headers: { 'content-type': indexType, ...link }, body: Buffer.from(JSON.stringify(body)) };
}

function problem(status: number, code: string): Answer {
  return json(status, { errors: [{ code, message: code.toLowerCase() }] });
}

function json(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: Buffer.from(JSON.stringify(value)) };
}
