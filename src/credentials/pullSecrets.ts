import { LRUCache } from 'lru-cache';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { type DockerConfigEntry, readDockerConfig, readDockercfg } from './readDockerConfig.ts';

/** Where pull secrets are read: the Kubernetes API. Null: there is none. */
export interface PullSecretSource {
  readSecret(namespace: string, name: string, signal: AbortSignal): Promise<Outcome<SecretValues | null>>;
  /** Names of its imagePullSecrets. */
  readServiceAccount(namespace: string, name: string, signal: AbortSignal): Promise<Outcome<readonly string[] | null>>;
}

interface SecretValues {
  readonly type: string;
  readonly data: Readonly<Record<string, string>>;
}

export interface PullSecretLimits {
  /** Milliseconds that what was read is kept in memory. */
  readonly keptFor: number;
  /** Milliseconds that an answer without credentials is believed: whoever creates the Secret tries again soon. */
  readonly absentFor: number;
  /** Milliseconds for one question. */
  readonly askFor: number;
  /** Bytes of Secrets in memory. */
  readonly bytes: number;
  /** Questions at the same time. */
  readonly asking: number;
}

export const pullSecretLimits: PullSecretLimits = { keptFor: 30_000, absentFor: 2_000, askFor: 3_000, bytes: 32 * 1024 * 1024, asking: 100 };

/** The pull secrets of namespaces. What stands in the way of one is a fault beside what the others hold. */
export interface PullSecrets {
  entries(namespace: string, names: readonly string[], signal: AbortSignal): Promise<Found<DockerConfigEntry>>;
  /** Names of the pull secrets of a service account. */
  ofServiceAccount(namespace: string, name: string, signal: AbortSignal): Promise<Found<string>>;
}

export interface Found<T> {
  readonly found: readonly T[];
  readonly faults: readonly Fault[];
}

/** A Pod with more of them than this has the rest left out, and that is said. */
const mostSecrets = 16;

interface Kept {
  readonly outcome: Outcome<readonly unknown[]>;
}

export function createPullSecrets(source: PullSecretSource, limits: PullSecretLimits = pullSecretLimits): PullSecrets {
  // Purged by a timer, not only when it is looked for: a Secret is not to be held longer than it must.
  const kept = new LRUCache<string, Kept>({ maxSize: limits.bytes, ttlAutopurge: true, ttl: limits.keptFor });
  const flights = new Map<string, Promise<Outcome<readonly unknown[]>>>();

  /** Asks once for all who want to know, under a limit of its own. The key names the question, and so the type of its answer. */
  const ask = <T>(key: string, question: (signal: AbortSignal) => Promise<Outcome<{ readonly list: readonly T[]; readonly bytes: number }>>) => {
    const before = kept.get(key)?.outcome ?? flights.get(key);
    if (before !== undefined) return before as Outcome<readonly T[]> | Promise<Outcome<readonly T[]>>;
    if (flights.size >= limits.asking) return bad('REGISTRY_UNAUTHORIZED', 'too many pull secrets are being read at once', { transient: true });
    const flight = question(AbortSignal.timeout(limits.askFor))
      .catch((cause: unknown) => bad('INTERNAL', 'a pull secret could not be read', { cause }))
      .then((read): Outcome<readonly T[]> => {
        const outcome = read.ok ? good(read.value.list) : read;
        const size = (read.ok ? read.value.bytes : 0) + key.length + 256;
        kept.set(key, { outcome }, { size, ttl: read.ok ? limits.keptFor : limits.absentFor });
        return outcome;
      })
      .finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };

  const readOne = (namespace: string, name: string): Outcome<readonly DockerConfigEntry[]> | Promise<Outcome<readonly DockerConfigEntry[]>> => {
    const what = `the pull secret ${safeText(`${namespace}/${name}`, 300)}`;
    if (!isObjectName(namespace) || !isObjectName(name)) return refused(`${what} has no valid name`);
    return ask<DockerConfigEntry>(`secret ${namespace}/${name}`, async (signal) => {
      const read = await source.readSecret(namespace, name, signal);
      if (!read.ok) return couldNotBeRead(what, read.fault);
      if (read.value === null) return refused(`${what} does not exist`);
      const entries = readSecret(read.value);
      if (entries === null) return refused(`${what} is of no type that the kubelet pulls with`);
      // What was wrong inside is said without what is inside.
      if (!entries.ok) return refused(`${what} holds no Docker configuration that can be read`);
      const bytes = Object.values(read.value.data).reduce((sum, value) => sum + value.length, 0);
      return good({ list: entries.value, bytes });
    });
  };

  return {
    async entries(namespace, names, signal) {
      const wanted = [...new Set(names)];
      const outcomes = await Promise.all(wanted.slice(0, mostSecrets).map((name) => within(readOne(namespace, name), signal)));
      const tooMany = wanted.length > mostSecrets ? [refused(`of the ${wanted.length} pull secrets only the first ${mostSecrets} are read`)] : [];
      return collect([...outcomes, ...tooMany]);
    },
    async ofServiceAccount(namespace, name, signal) {
      const what = `the service account ${safeText(`${namespace}/${name}`, 300)}`;
      if (!isObjectName(namespace) || !isObjectName(name)) return collect([refused(`${what} has no valid name`)]);
      const asked = ask<string>(`account ${namespace}/${name}`, async (own) => {
        const read = await source.readServiceAccount(namespace, name, own);
        if (!read.ok) return couldNotBeRead(what, read.fault);
        return read.value === null ? refused(`${what} does not exist`) : good({ list: read.value, bytes: read.value.join().length });
      });
      return collect([await within(asked, signal)]);
    },
  };
}

/** As the kubelet tells them: https://github.com/kubernetes/kubernetes/blob/v1.34.0/pkg/credentialprovider/secrets/secrets.go */
function readSecret({ type, data }: SecretValues): Outcome<readonly DockerConfigEntry[]> | null {
  const [key, read] = type === 'kubernetes.io/dockercfg' ? ['.dockercfg', readDockercfg] : ['.dockerconfigjson', readDockerConfig];
  const content = data[key];
  if ((type !== 'kubernetes.io/dockercfg' && type !== 'kubernetes.io/dockerconfigjson') || content === undefined) return null;
  return read(Buffer.from(content, 'utf8'));
}

/** RFC 1123 subdomain, as Kubernetes has it: nothing that would lead elsewhere in a path. */
function isObjectName(name: string): boolean {
  return name.length <= 253 && name.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(label));
}

function refused(message: string) {
  return bad('REGISTRY_UNAUTHORIZED', message);
}

function couldNotBeRead(what: string, why: Fault) {
  return bad('REGISTRY_UNAUTHORIZED', `${what} could not be read: ${why.message}`, { transient: why.transient });
}

function collect<T>(outcomes: readonly Outcome<readonly T[]>[]): Found<T> {
  return {
    found: outcomes.flatMap((outcome) => (outcome.ok ? outcome.value : [])),
    faults: outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.fault])),
  };
}

/** The answer, or that there was none when the caller had to go on; the asking goes on without them. */
async function within<T>(asked: Outcome<T> | Promise<Outcome<T>>, signal: AbortSignal): Promise<Outcome<T>> {
  if (!(asked instanceof Promise)) return asked;
  const late = Promise.withResolvers<Outcome<T>>();
  const onAbort = (): void => late.resolve(bad('REGISTRY_UNAUTHORIZED', 'the pull secrets could not be read in time', { transient: true }));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([asked, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
