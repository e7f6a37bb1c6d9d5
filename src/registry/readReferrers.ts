import { type Digest, splitDigest } from '../domain/digest.ts';
import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import type { Call, Descriptor, Referrers, Registry } from '../domain/registry.ts';
import { digestBytes } from './contentDigest.ts';
import type { RegistryLimits } from './limits.ts';
import { nextPage } from './link.ts';
import { readManifest } from './manifest.ts';
import type { AskRegistry } from './session.ts';
import type { Reply } from './transport.ts';
import { createTurns } from './turns.ts';

const indexType = 'application/vnd.oci.image.index.v1+json';

/** Older registries know no such path, and say so in different ways. */
const noReferrersApi: ReadonlySet<number> = new Set([400, 404, 405, 406, 501]);

/**
 * Lists referrers from the API and from the fallback tag, both at once and always both: a registry may answer the API with an empty
 * list although clients of an earlier day filled the tag.
 * https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-referrers
 */
export function createReferrers(ask: AskRegistry, manifest: Registry['manifest'], limits: RegistryLimits): Registry['referrers'] {
  const turn = createTurns();
  return async (repository, digest, call) => {
    const [api, tag] = await Promise.all([fromApi(ask, turn, limits, repository, digest, call), fromFallbackTag(manifest, repository, digest, call)]);
    const [first] = api.faults;
    if (first !== undefined && api.pages === 0 && tag.faults.length > 0) return { ok: false, fault: first };
    const union = new Map<Digest, Descriptor>();
    for (const descriptor of [...api.descriptors, ...tag.descriptors]) if (!union.has(descriptor.digest)) union.set(descriptor.digest, descriptor);
    const descriptors = [...union.values()];
    const faults = [...api.faults, ...tag.faults];
    const over = descriptors.length > limits.referrers && !faults.some(({ code }) => code === 'LIMIT_EXCEEDED');
    return good({ descriptors: descriptors.slice(0, limits.referrers), faults: over ? [...faults, tooMany(repository, digest, limits)] : faults });
  };
}

interface Listed extends Referrers {
  readonly pages: number;
}

async function fromApi(
  ask: AskRegistry,
  turn: (bytes: number) => Promise<void>,
  limits: RegistryLimits,
  repository: Repository,
  digest: Digest,
  call: Call,
): Promise<Listed> {
  const what = `the referrers of ${repositoryName(repository)}@${digest}`;
  const descriptors: Descriptor[] = [];
  let url: URL | null = null;
  for (let pages = 0; ; pages += 1) {
    if (pages === limits.pages || descriptors.length > limits.referrers) {
      return { pages, descriptors: descriptors.slice(0, limits.referrers), faults: [tooMany(repository, digest, limits)] };
    }
    const page: Outcome<Reply> = await ask(
      {
        repository,
        operation: 'referrers',
        path: ['referrers', digest],
        accept: indexType,
        longest: limits.listBytes,
        what,
        ...(url === null ? {} : { url }),
      },
      call,
    );
    if (page.ok) await turn(page.value.body.length);
    const read = page.ok ? readPage(page.value, repository, what, limits, pages === 0) : page;
    if (!read.ok) return { pages, descriptors, faults: [read.fault] };
    descriptors.push(...read.value.descriptors);
    if (read.value.next === null) return { pages: pages + 1, descriptors, faults: [] };
    url = read.value.next;
  }
}

interface Page {
  readonly descriptors: readonly Descriptor[];
  readonly next: URL | null;
}

function readPage(reply: Reply, repository: Repository, what: string, limits: RegistryLimits, first: boolean): Outcome<Page> {
  const { status, body, headers, url } = reply;
  const { registry } = repository;
  if (first && noReferrersApi.has(status)) return good({ descriptors: [], next: null });
  if (status !== 200) return bad('RESPONSE_INVALID', `${registry} answered with the unexpected status ${status} for ${what}`);
  const contentType = headers['content-type'];
  const index = readManifest(body, typeof contentType === 'string' ? contentType : null, digestBytes(body, 'sha256'), {
    ...limits,
    descriptors: limits.listDescriptors,
  });
  if (!index.ok) {
    const code = index.fault.code === 'LIMIT_EXCEEDED' ? 'LIMIT_EXCEEDED' : 'RESPONSE_INVALID';
    return bad(code, `${registry} answered for ${what} with ${index.fault.message}`);
  }
  if (index.value.kind !== 'index') return bad('RESPONSE_INVALID', `${registry} answered for ${what} with a manifest that is no index`);
  const next = nextPage(headers['link'], url);
  if (!next.ok) return bad(next.fault.code, `${registry} answered for ${what} with ${next.fault.message}`);
  return good({ descriptors: index.value.manifests, next: next.value });
}

/** `sha256-<hex>`, cut as the specification says. What stands there is an index, or somebody else's: `cosign copy` writes the image itself. */
async function fromFallbackTag(manifest: Registry['manifest'], repository: Repository, digest: Digest, call: Call): Promise<Referrers> {
  const { algorithm, hex } = splitDigest(digest);
  const found = await manifest(repository, { tag: `${algorithm}-${hex.slice(0, 64)}` }, call);
  if (found.ok) return { descriptors: found.value.manifests, faults: [] };
  return { descriptors: [], faults: found.fault.code === 'MANIFEST_UNKNOWN' ? [] : [found.fault] };
}

function tooMany(repository: Repository, digest: Digest, limits: RegistryLimits): Fault {
  const what = `${repositoryName(repository)}@${digest}`;
  return fault('LIMIT_EXCEEDED', `${what} has more referrers than are read (${limits.referrers} on ${limits.pages} pages)`);
}
