import { hash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical.ts';
import { type Digest, parseDigest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isTag, type Repository, repositoryName } from '../domain/image.ts';
import { property } from '../domain/json.ts';
import type { ArtifactStore, Registry } from '../domain/registry.ts';
import { readJson } from '../domain/strictJson.ts';
import type { RegistryLimits } from './limits.ts';
import { nextPage } from './link.ts';
import type { AskRegistry, Question } from './session.ts';
import type { Reply } from './transport.ts';

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
/** https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md#guidance-for-an-empty-descriptor */
const emptyType = 'application/vnd.oci.empty.v1+json';
const empty = Buffer.from('{}');
/** Tags that are listed at most. */
const mostTags = 200_000;

/** Bytes of answers that say nothing we need. */
const longestAnswer = 64 << 10;

/** Pushes and lists. https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#push */
export function createArtifacts(ask: AskRegistry, registry: Pick<Registry, 'manifest' | 'blob'>, limits: RegistryLimits): ArtifactStore {
  const pushBlob = async (repository: Repository, content: Buffer, digest: Digest, call: Parameters<AskRegistry>[1]): Promise<Outcome<void>> => {
    const what = `a blob in ${repositoryName(repository)}`;
    const question = { repository, accept: '*/*', longest: longestAnswer, what } as const;
    const there = await ask({ ...question, operation: 'head', path: ['blobs', digest], right: 'push' }, call);
    if (there.ok && there.value.status === 200) return good(undefined);
    const begun = await ask(
      { ...question, operation: 'push', path: ['blobs', 'uploads/'], upload: { method: 'POST', type: null, content: Buffer.alloc(0) } },
      call,
    );
    if (!begun.ok) return begun;
    const place = uploadPlace(begun.value, repository, digest);
    if (!place.ok) return place;
    const upload = { method: 'PUT', type: 'application/octet-stream', content } as const;
    return created(await ask({ ...question, operation: 'push', path: ['blobs', 'uploads/'], url: place.value, upload }, call), repository, what);
  };

  return {
    async push(repository, tag, { artifactType, mediaType, content }, call) {
      const bytes = Buffer.from(content);
      const layer = { mediaType, digest: digestOf(bytes), size: bytes.length };
      const config = { mediaType: emptyType, digest: digestOf(empty), size: empty.length };
      for (const [blob, { digest }] of [
        [empty, config],
        [bytes, layer],
      ] as const) {
        const pushed = await pushBlob(repository, blob, digest, call);
        if (!pushed.ok) return pushed;
      }
      const manifest = Buffer.from(canonicalJson({ artifactType, config, layers: [layer], mediaType: manifestType, schemaVersion: 2 }), 'utf8');
      const upload = { method: 'PUT', type: manifestType, content: manifest } as const;
      const what = `${repositoryName(repository)}:${tag}`;
      const answer = await ask({ repository, operation: 'push', path: ['manifests', tag], accept: '*/*', longest: longestAnswer, what, upload }, call);
      const put = created(answer, repository, what);
      if (put.ok) return good(digestOf(manifest));
      // An answer to an earlier attempt may have been lost, and tags that were written once may be refused.
      const there = await registry.manifest(repository, { tag }, call);
      return there.ok && there.value.digest === digestOf(manifest) ? good(there.value.digest) : put;
    },

    async tags(repository, call) {
      const what = `the tags of ${repositoryName(repository)}`;
      const tags: string[] = [];
      let url: URL | null = null;
      for (;;) {
        const question: Question = {
          repository,
          operation: 'manifest',
          path: ['tags', 'list'],
          accept: 'application/json',
          longest: limits.listBytes,
          what,
          ...(url === null ? {} : { url }),
        };
        const page: Outcome<Reply> = await ask(question, call);
        if (!page.ok) return page;
        const read = readTags(page.value, repository, what, limits.depth);
        if (!read.ok) return read;
        tags.push(...read.value);
        const next = nextPage(page.value.headers['link'], page.value.url);
        if (!next.ok) return bad(next.fault.code, `${repository.registry} answered for ${what} with ${next.fault.message}`);
        if (next.value === null) return good(tags);
        if (tags.length >= mostTags || read.value.length === 0) return bad('LIMIT_EXCEEDED', `${repositoryName(repository)} has more tags than are read`);
        url = next.value;
      }
    },

    async pull(repository, tag, artifactType, longest, call) {
      const manifest = await registry.manifest(repository, { tag }, call);
      if (!manifest.ok) return manifest;
      const [layer, ...more] = manifest.value.layers;
      if (manifest.value.artifactType !== artifactType || layer === undefined || more.length > 0) {
        return bad('MANIFEST_INVALID', `${repositoryName(repository)}:${tag} is no artifact of type ${artifactType} with one layer`);
      }
      return registry.blob(repository, layer, longest, call);
    },
  };
}

function readTags({ status, body }: Reply, repository: Repository, what: string, depth: number): Outcome<readonly string[]> {
  if (status === 404) return bad('MANIFEST_UNKNOWN', `the registry has no ${repositoryName(repository)}`);
  if (status !== 200) return bad('RESPONSE_INVALID', `${repository.registry} answered with the unexpected status ${status} for ${what}`);
  const json = readJson(body, { depth });
  const list = json.ok ? property(json.value, 'tags') : undefined;
  if (list === null) return good([]);
  if (!Array.isArray(list)) return bad('RESPONSE_INVALID', `${repository.registry} answered for ${what} with no list of tags`);
  return good(list.filter((tag): tag is string => typeof tag === 'string' && isTag(tag)));
}

/** Where a blob is to be put: the registry says, but it may not send it elsewhere. */
function uploadPlace({ status, headers, url }: Reply, repository: Repository, digest: Digest): Outcome<URL> {
  const { location } = headers;
  if (status !== 202 || typeof location !== 'string' || !URL.canParse(location, url.href)) {
    return bad('RESPONSE_INVALID', `${repository.registry} takes no upload to ${repositoryName(repository)}: status ${status}`);
  }
  const place = new URL(location, url);
  place.hash = '';
  if (place.origin !== url.origin) return bad('REGISTRY_NOT_LISTED', `${repository.registry} wants an upload put on another host, which is not done`);
  place.searchParams.set('digest', digest);
  return good(place);
}

function created(answer: Outcome<Reply>, repository: Repository, what: string): Outcome<void> {
  if (!answer.ok) return answer;
  const { status } = answer.value;
  return status === 201
    ? good(undefined)
    : bad('RESPONSE_INVALID', `${repository.registry} answered with the unexpected status ${status} to the push of ${what}`);
}

function digestOf(bytes: Buffer): Digest {
  const digest = parseDigest(`sha256:${hash('sha256', bytes)}`);
  if (!digest.ok) throw new Error('a SHA-256 is a digest');
  return digest.value;
}
