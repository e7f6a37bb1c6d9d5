import { open, seal, storedName } from './seal.ts';
import { type FactStore, largestValue } from './stores/store.ts';

export type RecallResult = 'hit' | 'miss' | 'unavailable' | 'bad' | 'undecodable';

export interface SharedEvents {
  /** `bad`: somebody else wrote it, or changed it. */
  readonly recalled?: (result: RecallResult) => void;
}

export interface SharedLimits {
  /** Milliseconds that a look at the store may take. */
  readonly readWithin: number;
  /** Milliseconds that the store is left alone after it was too slow. */
  readonly restFor: number;
  /** Milliseconds that a fact is kept. */
  readonly keepFor: number;
}

export interface Recalled<T> {
  readonly value: T;
  /** Milliseconds since the epoch at which the source said so. */
  readonly since: number;
}

/** The second level of facts, behind the memory: sealed under a key of ours, and checked again when they come back. */
export interface SharedFacts {
  /** Never rejects, and takes no longer than its limit; null for whatever is not there, or not to be believed. */
  recall<T>(key: string, decode: (stored: unknown) => T | null): Promise<Recalled<T> | null>;
  keep(key: string, since: number, value: unknown): void;
}

/** Clocks of replicas differ; what claims to be from further ahead would stay fresh for too long. */
const clockSkew = 5_000;

export function createSharedFacts(store: FactStore, secret: Uint8Array, limits: SharedLimits, clock: () => number, events: SharedEvents = {}): SharedFacts {
  let restUntil = 0;

  const look = async <T>(key: string, decode: (stored: unknown) => T | null): Promise<Recalled<T> | RecallResult> => {
    if (clock() < restUntil) return 'unavailable';
    const read = await within(store.read(storedName(key)), limits.readWithin);
    if (read === null) restUntil = clock() + limits.restFor;
    if (read === null || read.state === 'unavailable') return 'unavailable';
    if (read.state === 'missing') return 'miss';
    const opened = open(secret, key, read.value);
    if (opened.state === 'bad') return 'bad';
    if (opened.state === 'otherVersion') return 'undecodable';
    const now = clock();
    if (opened.since > now + clockSkew) return 'miss';
    const value = decode(opened.value);
    return value === null ? 'undecodable' : { value, since: Math.min(now, opened.since) };
  };

  return {
    async recall(key, decode) {
      const result = await look(key, decode);
      events.recalled?.(typeof result === 'string' ? result : 'hit');
      return typeof result === 'string' ? null : result;
    },
    keep(key, since, value) {
      const name = storedName(key);
      const sealed = seal(secret, key, since, value);
      // What was there before is no longer what the source says.
      if (Buffer.byteLength(sealed) > largestValue) store.remove(name);
      else store.write(name, sealed, limits.keepFor);
    },
  };
}

/** What comes in time, else null. */
function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(null), milliseconds);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
