import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { canonicalJson } from '../domain/canonical.ts';
import type { Deadline } from '../domain/deadline.ts';
import type { Fault } from '../domain/fault.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import { type Access, type Credential, type Keychain, ownAccess } from '../domain/registry.ts';
import { type ImageRights, ownRights, type Puller, type RightsFinder } from '../domain/rights.ts';
import { matchCredentials } from './match.ts';
import type { PullSecrets } from './pullSecrets.ts';
import type { DockerConfigEntry } from './readDockerConfig.ts';

/** A repository that an image may be read from, and the Secret that /mutate adds for it. */
export interface PullPlace {
  readonly repository: Repository;
  readonly pullSecret: string | null;
}

export interface PullRightsParts {
  /** The configuration's own credentials: where it has some, they are used and no Secret is read. */
  readonly configured: Keychain;
  readonly secrets: PullSecrets;
  /** Where an image may be read from, its source and its mirrors; empty for what is no reference. */
  places(written: string, how: 'place' | 'identify'): readonly PullPlace[];
}

/** Rights of Pods, and the keychain that knows what they stand for. */
export interface PullRights extends RightsFinder, Keychain {}

/** Tells rights apart without telling what they are: worth nothing outside this process, and the same for each of its configurations. */
const processKey = randomBytes(32);

/** Of one image. Each costs a question to the registry where those before are refused. */
const mostCandidates = 5;
const mostHeld = 5_000;
/** Longer than any question that was begun with a right; each request that has the right holds it anew. */
const heldFor = 300_000;

/** Credentials by repository. */
type Held = ReadonlyMap<string, Credential>;

export function createPullRights({ configured, secrets, places }: PullRightsParts): PullRights {
  const held = new LRUCache<string, Held>({ max: mostHeld, ttl: heldFor, ttlAutopurge: true });

  const hold = (credentials: Held): Access => {
    const key = createHmac('sha256', processKey)
      .update(canonicalJson([...credentials]))
      .digest('hex');
    held.set(key, credentials);
    return { key };
  };

  /** The places for which the configuration has nothing. A credential that should be there and can't be had is the configuration's business too. */
  const unserved = async (all: readonly PullPlace[], signal: AbortSignal): Promise<readonly PullPlace[]> => {
    const own = await Promise.all(all.map(({ repository }) => configured.credential(repository.registry, repository.repository, ownAccess, signal)));
    return all.filter((_, i) => {
      const outcome = own[i];
      return outcome?.ok === true && outcome.value === null;
    });
  };

  const find = async (written: string, how: 'place' | 'identify', { namespace, workload }: Puller, deadline: Deadline): Promise<ImageRights> => {
    const { signal } = deadline;
    const needed = await unserved(places(written, how), signal);
    if (needed.length === 0) return ownRights;
    const own = await namesOf({ namespace, workload }, secrets, signal);
    const names = [...own.found, ...(how === 'place' ? needed.flatMap(({ pullSecret }) => pullSecret ?? []) : [])];
    if (names.length === 0) return { ...ownRights, faults: own.faults };
    const read = await secrets.entries(namespace, names, signal);
    const [first, ...rest] = choices(needed, read.found).map(hold);
    return { accesses: first === undefined ? ownRights.accesses : [first, ...rest], faults: [...own.faults, ...read.faults] };
  };

  return {
    find,
    async credential(host, repository, access, signal) {
      const own = held.get(access.key);
      // An access that is not held is refused by the configured keychain.
      if (own === undefined) return configured.credential(host, repository, access, signal);
      const outcome = await configured.credential(host, repository, ownAccess, signal);
      if (!outcome.ok || outcome.value !== null) return outcome;
      return { ok: true, value: own.get(repositoryName({ registry: host, repository })) ?? null };
    },
  };
}

/**
 * A Pod names its Secrets itself: where it names none, the API server has put in those of its service account before any webhook was
 * asked. A template has yet to become a Pod.
 * https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#serviceaccount-admission-controller
 */
async function namesOf(
  { namespace, workload }: Puller,
  secrets: PullSecrets,
  signal: AbortSignal,
): Promise<{ readonly found: readonly string[]; readonly faults: readonly Fault[] }> {
  const { pullSecrets, serviceAccount, templatePath } = workload;
  if (pullSecrets.length > 0 || templatePath === '') return { found: pullSecrets, faults: [] };
  return secrets.ofServiceAccount(namespace, serviceAccount ?? 'default', signal);
}

/**
 * One map for each try: the first candidate of every repository, then the second. In an order of their own, so that an image has the
 * same right before and after it was placed at a mirror.
 */
function choices(places: readonly PullPlace[], entries: readonly DockerConfigEntry[]): readonly Held[] {
  const candidates = places
    .map(({ repository }) => ({
      name: repositoryName(repository),
      credentials: distinct(matchCredentials(entries, repository.registry, repository.repository)).slice(0, mostCandidates),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const tries = Math.max(0, ...candidates.map(({ credentials }) => credentials.length));
  return Array.from({ length: tries }, (_, i) => {
    const chosen = candidates.map(({ name, credentials }) => [name, credentials[i] ?? credentials.at(-1)] as const);
    return new Map(chosen.filter((entry): entry is readonly [string, Credential] => entry[1] !== undefined));
  });
}

function distinct(credentials: readonly Credential[]): readonly Credential[] {
  return [...new Map(credentials.map((credential) => [canonicalJson(credential), credential])).values()];
}
