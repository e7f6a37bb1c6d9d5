import { bad, type Outcome } from '../domain/fault.ts';
import { waitFor } from './wait.ts';

/** Work that several callers want at once is done once, under a time limit of its own: nobody's deadline ends it for the others. */
export interface Flights<T> {
  /** Joins the work under way for a key, or starts it. The caller's own signal ends only its waiting. */
  join(key: string, what: string, signal: AbortSignal, work: (signal: AbortSignal) => Promise<Outcome<T>>): Promise<Outcome<T>>;
}

export function createFlights<T>(milliseconds: number): Flights<T> {
  const underway = new Map<string, Promise<Outcome<T>>>();
  return {
    join(key, what, signal, work) {
      if (signal.aborted) return Promise.resolve(bad('DEADLINE_EXCEEDED', `no time was left to ask for ${what}`));
      const known = underway.get(key);
      if (known !== undefined) return waitFor(known, signal, what);
      const started = work(AbortSignal.timeout(milliseconds))
        // To the callers the flight's own limit is not their deadline, but a registry that is too slow.
        .then((done): Outcome<T> => {
          const late = !done.ok && done.fault.code === 'DEADLINE_EXCEEDED';
          return late ? bad('REGISTRY_UNAVAILABLE', `${what} did not come within ${milliseconds} ms`) : done;
        })
        .finally(() => underway.delete(key));
      underway.set(key, started);
      return waitFor(started, signal, what);
    },
  };
}
