import type { Credential } from '../domain/registry.ts';
import { matchesPattern } from './pattern.ts';
import type { DockerConfigEntry } from './readDockerConfig.ts';

interface Location {
  readonly host: string;
  readonly port: string;
  /** Empty, or from its first slash on. */
  readonly path: string;
}

/** The kubelet's name for the entry that every image of Docker Hub falls back to. */
const hubKey = 'index.docker.io';

/**
 * The credentials for a repository in the order in which the kubelet tries them, so that what can be pulled can be examined: keys in
 * reverse lexicographic order (so a longer path comes before its own beginning), of the same key the first one written; host label by
 * label with globs, the same port, a path that is a plain prefix.
 * https://kubernetes.io/docs/concepts/containers/images/#config-json and
 * https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/credentialprovider/keyring.go (Add, URLsMatch, Lookup)
 */
export function matchCredentials(entries: readonly DockerConfigEntry[], host: string, repository: string): readonly Credential[] {
  const keyed = entries.map(({ key, credential }) => ({ key: normalizeKey(key), credential })).sort((a, b) => (a.key < b.key ? 1 : a.key > b.key ? -1 : 0));
  const image = locate(`${host}/${repository}`);
  const found = keyed.filter(({ key }) => covers(locate(key), image));
  const chosen = found.length === 0 && host === 'docker.io' ? keyed.filter(({ key }) => key === hubKey) : found;
  return chosen.map(({ credential }) => credential);
}

/** The first of them. */
export function matchCredential(entries: readonly DockerConfigEntry[], host: string, repository: string): Credential | null {
  return matchCredentials(entries, host, repository)[0] ?? null;
}

/** Without scheme, and without the API version that docker once wrote behind the host. */
function normalizeKey(key: string): string {
  const bare = key.replace(/^https?:\/\//, '');
  const slash = bare.indexOf('/');
  if (slash < 0) return bare;
  const path = bare.slice(slash).replace(/^\/v[12]\//, '/');
  return path === '/' ? bare.slice(0, slash) : `${bare.slice(0, slash)}${path}`;
}

function locate(url: string): Location {
  const slash = url.indexOf('/');
  const authority = slash < 0 ? url : url.slice(0, slash);
  const port = /:(\d+)$/.exec(authority)?.[1] ?? '';
  return { host: port === '' ? authority : authority.slice(0, -port.length - 1), port, path: slash < 0 ? '' : url.slice(slash) };
}

function covers(key: Location, image: Location): boolean {
  if (key.port !== image.port || !image.path.startsWith(key.path)) return false;
  const labels = key.host.split('.');
  const host = image.host.split('.');
  return labels.length === host.length && labels.every((label, i) => matchesPattern(label, host[i] ?? ''));
}
