import { type Digest, parseDigest } from './digest.ts';
import { bad, good, type Outcome } from './fault.ts';

/** A repository, as `registry/repository` names it: registry with its port, docker.io for Docker Hub; `library/` spelled out. */
export interface Repository {
  readonly registry: string;
  readonly repository: string;
}

/** An image reference: at least one of tag and digest is there (a reference with neither means the tag `latest`). */
export interface ImageReference extends Repository {
  readonly tag: string | null;
  readonly digest: Digest | null;
}

/** The only thing evidence may be asked for: content, not a name that can move. */
export interface PinnedReference extends ImageReference {
  readonly digest: Digest;
}

const longestName = 255;
/** A name, `:` and a tag, `@` and a SHA-512 digest. */
const longestReference = longestName + 129 + 136;
const domainPart = '(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])';
const domain = new RegExp(`^(?:${domainPart}(?:\\.${domainPart})*|\\[[0-9a-fA-F:]{2,39}\\])(?::[0-9]{1,5})?$`);
const path = /^[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

export function isTag(text: string): boolean {
  return tagForm.test(text);
}

/**
 * Parses what a container's `image` field holds, by the grammar and the defaults of Docker and containerd:
 * https://github.com/distribution/reference/blob/v0.6.0/reference.go (grammar), normalize.go (docker.io, library/).
 * The registry is lower-cased: two spellings of one host must not be two identities.
 */
export function parseReference(text: string): Outcome<ImageReference> {
  if (text.length === 0) return bad('REFERENCE_INVALID', 'the image reference is empty');
  if (text.length > longestReference) return bad('REFERENCE_INVALID', `the image reference is longer than ${longestReference} characters`);

  const at = text.indexOf('@');
  const beforeDigest = at < 0 ? text : text.slice(0, at);
  let digest: Digest | null = null;
  if (at >= 0) {
    const parsed = parseDigest(text.slice(at + 1));
    if (!parsed.ok) return parsed;
    digest = parsed.value;
  }

  const colon = beforeDigest.lastIndexOf(':');
  const tagged = colon > beforeDigest.lastIndexOf('/');
  const name = tagged ? beforeDigest.slice(0, colon) : beforeDigest;
  const tag = tagged ? beforeDigest.slice(colon + 1) : null;
  if (tag !== null && !isTag(tag)) return bad('REFERENCE_INVALID', 'the tag has characters that a tag can not have');

  const repository = parseRepository(name);
  if (!repository.ok) return repository;
  return good({ ...repository.value, tag: tag ?? (digest === null ? 'latest' : null), digest });
}

/** Parses `registry/repository` or a short Docker Hub name, without tag or digest. */
export function parseRepository(name: string): Outcome<Repository> {
  if (/^[0-9a-f]{64}$/.test(name)) return bad('REFERENCE_INVALID', '64 hexadecimal digits are an image ID, not an image reference');
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const named = slash > 0 && (/[.:]/.test(first) || first === 'localhost' || first !== first.toLowerCase());
  const registry = named ? first.toLowerCase() : 'docker.io';
  const rest = named ? name.slice(slash + 1) : name;
  if (!domain.test(registry) || (named && !isHost(registry))) return bad('REFERENCE_INVALID', 'the registry is no host name with an optional port');
  if (rest !== rest.toLowerCase()) return bad('REFERENCE_INVALID', 'the repository name must be lower case');
  if (!path.test(rest)) return bad('REFERENCE_INVALID', 'the repository name is not well formed');
  const hub = registry === 'docker.io' || registry === 'index.docker.io';
  const result = hub ? { registry: 'docker.io', repository: rest.includes('/') ? rest : `library/${rest}` } : { registry, repository: rest };
  if (repositoryName(result).length > longestName) return bad('REFERENCE_INVALID', `the repository name is longer than ${longestName} characters`);
  return good(result);
}

/**
 * Whether a registry is written as the one host it is. Some spellings are read as another host further on: `Acme` in lower case is a
 * Docker Hub user, 0x7f.1 and 2130706433 are 127.0.0.1, port 05000 is 5000, and an IPv6 address has many forms. The standard of the
 * reading is https://url.spec.whatwg.org/#host-parsing
 */
function isHost(registry: string): boolean {
  if (!/[.:]/.test(registry) && registry !== 'localhost') return false;
  // Without a scheme that has a default port, no port is dropped; with http's kind of host, numbers are read as addresses.
  const url = URL.parse(`http://${registry}`);
  return url !== null && (url.host === registry || (url.port === '' && `${url.host}:80` === registry));
}

/** `registry/repository`, the name that globs, signers and policies match. */
export function repositoryName({ registry, repository }: Repository): string {
  return `${registry}/${repository}`;
}

/** The whole reference, written out: `registry/repository:tag@digest`. */
export function formatReference(reference: ImageReference): string {
  const tag = reference.tag === null ? '' : `:${reference.tag}`;
  const digest = reference.digest === null ? '' : `@${reference.digest}`;
  return `${repositoryName(reference)}${tag}${digest}`;
}

export function isPinned(reference: ImageReference): reference is PinnedReference {
  return reference.digest !== null;
}
