import { LRUCache } from 'lru-cache';
import type { Digest } from '../domain/digest.ts';
import type { Outcome } from '../domain/fault.ts';
import type { Repository } from '../domain/image.ts';
import type { Call } from '../domain/registry.ts';
import { createFlights } from './flights.ts';

/**
 * Content that can't change, kept in memory by repository, digest and right of access: what one right has read serves no other.
 * Whoever asks at the same time shares one request.
 */
export interface Store<T> {
  kept(repository: Repository, digest: Digest, access: string): T | null;
  /** Keeps what was read in another way. */
  keep(repository: Repository, digest: Digest, access: string, value: T): void;
  /** Callers share a request only where `flight` is the same too. */
  read(
    place: { readonly repository: Repository; readonly digest: Digest; readonly what: string; readonly flight?: string },
    call: Call,
    fetch: (call: Call) => Promise<Outcome<T>>,
  ): Promise<Outcome<T>>;
}

/** `weigh` gives the bytes a value takes. */
export function createStore<T extends object>(longest: number, flight: number, weigh: (value: T) => number): Store<T> {
  const cache = new LRUCache<string, T>({ maxSize: longest, sizeCalculation: (value, key) => weigh(value) + key.length + 64, maxEntrySize: longest });
  const flights = createFlights<T>(flight);
  const keyOf = ({ registry, repository }: Repository, digest: string, access: string): string => JSON.stringify([registry, repository, digest, access]);
  return {
    kept: (repository, digest, access) => cache.get(keyOf(repository, digest, access)) ?? null,
    keep: (repository, digest, access, value) => {
      cache.set(keyOf(repository, digest, access), value);
    },
    async read({ repository, digest, what, flight: shared = '' }, call, fetch) {
      const key = keyOf(repository, digest, call.access.key);
      const kept = cache.get(key);
      if (kept !== undefined) return { ok: true, value: kept };
      return await flights.join(`${key}${shared}`, what, call.signal, async (signal) => {
        const outcome = await fetch({ signal, access: call.access });
        if (outcome.ok) cache.set(key, outcome.value);
        return outcome;
      });
    },
  };
}
