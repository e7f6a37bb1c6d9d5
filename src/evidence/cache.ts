import { LRUCache } from 'lru-cache';
import type { Deadline } from '../domain/deadline.ts';
import type { Facts, Known, Lifetime, Passing } from '../domain/facts.ts';
import { bad, type FaultCode, good, type Outcome } from '../domain/fault.ts';

export interface FactLimits {
  /** Facts kept at most. */
  readonly entries: number;
  /** Milliseconds that asking for one fact may take, however long its callers wait. */
  readonly askFor: number;
  /** Milliseconds that a fact may outlive the reach of its source. */
  readonly lastKnownGoodFor: number;
  /** Questions in flight at most; beyond it a question is a LIMIT_EXCEEDED fault. */
  readonly asking: number;
}

export interface FactEvents {
  readonly hit?: () => void;
  readonly asked?: (milliseconds: number, code: FaultCode | null) => void;
}

interface Fact {
  readonly known: Known<unknown>;
  readonly since: number;
}

/** An outage: only these may be bridged by what was known before. 401, 403 and 404 are answers. */
const outages: ReadonlySet<FaultCode> = new Set(['REGISTRY_UNAVAILABLE', 'REGISTRY_RATE_LIMITED', 'DEADLINE_EXCEEDED']);

/** Facts in the memory of this process: bounded, single flight, refreshed ahead of expiry, last known good through an outage. */
export function createFacts(limits: FactLimits, clock: () => number, events: FactEvents = {}): Facts {
  const facts = new LRUCache<string, Fact>({ max: limits.entries });
  const flights = new Map<string, Promise<Known<unknown>>>();

  const keep = <T>(key: string, value: T): Known<T> => {
    const known: Known<T> = { outcome: good(value), lastKnownGoodAge: null };
    facts.set(key, { known, since: clock() });
    return known;
  };

  const ask = <T>(key: string, lifetime: (value: T) => Lifetime | Passing, question: (signal: AbortSignal) => Promise<Outcome<T>>): Promise<Known<T>> => {
    const flying = flights.get(key);
    // The key names the question and so its type: two questions of different types under one key would be a defect of the caller.
    if (flying !== undefined) return flying as Promise<Known<T>>;
    if (flights.size >= limits.asking) {
      return Promise.resolve({ outcome: bad('LIMIT_EXCEEDED', 'too many questions are being asked at once', { transient: true }), lastKnownGoodAge: null });
    }
    const began = clock();
    const flight = runWithin(question, limits.askFor)
      .then((outcome): Known<T> => {
        events.asked?.(clock() - began, outcome.ok ? null : outcome.fault.code);
        if (!outcome.ok) return bridged<T>(key, outcome.fault.code) ?? { outcome, lastKnownGoodAge: null };
        const lives = lifetime(outcome.value);
        return 'outage' in lives ? (bridged<T>(key, lives.outage) ?? { outcome, lastKnownGoodAge: null }) : keep(key, outcome.value);
      })
      .finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };

  /** The fact from before, where its source is out of reach and the fact is not too old. */
  const bridged = <T>(key: string, code: FaultCode): Known<T> | null => {
    const fact = facts.peek(key);
    if (fact === undefined || !outages.has(code)) return null;
    const age = clock() - fact.since;
    return age > limits.lastKnownGoodFor ? null : { outcome: (fact.known as Known<T>).outcome, lastKnownGoodAge: Math.round(age / 1000) };
  };

  return {
    know<T>(key: string, lifetime: (value: T) => Lifetime | Passing, question: (signal: AbortSignal) => Promise<Outcome<T>>, deadline: Deadline) {
      const fact = facts.get(key);
      if (fact !== undefined) {
        const known = fact.known as Known<T>;
        const lives = known.outcome.ok ? lifetime(known.outcome.value) : { outage: known.outcome.fault.code };
        const age = clock() - fact.since;
        if (!('outage' in lives) && age < lives.freshFor) {
          events.hit?.();
          if (age > lives.refreshAfter) void ask(key, lifetime, question);
          return known;
        }
      }
      return raceDeadline(ask(key, lifetime, question), deadline.signal);
    },
    learn(key, value) {
      keep(key, value);
    },
  };
}

/** Runs a question under its own limit; whatever it throws is INTERNAL, never an answer. */
async function runWithin<T>(question: (signal: AbortSignal) => Promise<Outcome<T>>, milliseconds: number): Promise<Outcome<T>> {
  // Not AbortSignal.timeout: its timer would be held until it is due, long after most questions are answered.
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), milliseconds);
  try {
    const known = await raceDeadline(
      question(limit.signal).then((outcome): Known<T> => ({ outcome, lastKnownGoodAge: null })),
      limit.signal,
    );
    return known.outcome;
  } catch (cause) {
    return bad('INTERNAL', 'looking for evidence failed unexpectedly', { cause });
  } finally {
    clearTimeout(timer);
  }
}

function raceDeadline<T>(flight: Promise<Known<T>>, signal: AbortSignal): Promise<Known<T>> {
  const late = (): Known<T> => ({ outcome: bad('DEADLINE_EXCEEDED', 'there was no answer within the time limit'), lastKnownGoodAge: null });
  if (signal.aborted) return Promise.resolve(late());
  return new Promise((resolve, reject) => {
    const onAbort = (): void => resolve(late());
    signal.addEventListener('abort', onAbort, { once: true });
    flight.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
