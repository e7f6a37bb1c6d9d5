import { LRUCache } from 'lru-cache';
import type { Deadline } from '../domain/deadline.ts';
import type { Belief, Facts, Known } from '../domain/facts.ts';
import { bad, type FaultCode, good, type Outcome } from '../domain/fault.ts';
import type { Recalled, SharedFacts } from './sharedFacts.ts';

export interface FactLimits {
  /** Facts kept at most. */
  readonly entries: number;
  /** UTF-16 units that all facts kept may have as JSON; an image's own labels can be large. */
  readonly units?: number;
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
const outages: ReadonlySet<FaultCode> = new Set(['REGISTRY_UNAVAILABLE', 'REGISTRY_RATE_LIMITED', 'REVOCATION_UNAVAILABLE', 'DEADLINE_EXCEEDED']);

const usualUnits = 128 * 2 ** 20;

/**
 * Facts in the memory of this process: bounded, single flight, refreshed ahead of expiry, last known good through an outage. Behind
 * them, where there is one, the store that outlives the process: looked at before a source is asked, never instead of memory.
 */
export function createFacts(limits: FactLimits, clock: () => number, events: FactEvents = {}, shared: SharedFacts | null = null): Facts {
  const facts = new LRUCache<string, Fact>({ max: limits.entries, maxSize: limits.units ?? usualUnits });
  const flights = new Map<string, Promise<Known<unknown>>>();

  const keep = <T>(key: string, value: T, since: number): Known<T> => {
    const known: Known<T> = { outcome: good(value), lastKnownGoodAge: null };
    facts.set(key, { known, since }, { size: key.length + (typeof value === 'object' ? JSON.stringify(value).length : 1) });
    return known;
  };

  /** What the store knows, put into memory where it is younger than what is there; null where a source has to be asked all the same. */
  const recall = async <T>(store: SharedFacts, key: string, lifetime: Belief<T>, decode: (stored: unknown) => T | null): Promise<Known<T> | null> => {
    const recalled: Recalled<T> | null = await store.recall(key, decode);
    const before = facts.peek(key);
    if (recalled === null || (before !== undefined && before.since >= recalled.since)) return null;
    const lives = lifetime(recalled.value);
    if ('outage' in lives) return null;
    // Also what is too old is of use: it bridges an outage, with its true age.
    const known = keep(key, recalled.value, recalled.since);
    const age = clock() - recalled.since;
    // Who asks ahead of expiry has something fresh already: only what another replica has just refreshed spares the question.
    return age < lives.freshFor && (before === undefined || age <= lives.refreshAfter) ? known : null;
  };

  const ask = <T>(key: string, lifetime: Belief<T>, question: (signal: AbortSignal) => Promise<Outcome<T>>): Promise<Known<T>> => {
    const flying = flights.get(key);
    // The key names the question and so its type: two questions of different types under one key would be a defect of the caller.
    if (flying !== undefined) return flying as Promise<Known<T>>;
    if (flights.size >= limits.asking) {
      return Promise.resolve({ outcome: bad('LIMIT_EXCEEDED', 'too many questions are being asked at once', { transient: true }), lastKnownGoodAge: null });
    }
    const { decode } = lifetime;
    const store = decode === undefined ? null : shared;
    const askSource = async (): Promise<Known<T>> => {
      const began = clock();
      const outcome = await runWithin(question, limits.askFor);
      events.asked?.(clock() - began, outcome.ok ? null : outcome.fault.code);
      if (!outcome.ok) return bridged(key, lifetime, outcome.fault.code) ?? { outcome, lastKnownGoodAge: null };
      const lives = lifetime(outcome.value);
      if ('outage' in lives) return bridged(key, lifetime, lives.outage) ?? { outcome, lastKnownGoodAge: null };
      const since = clock();
      store?.keep(key, since, outcome.value);
      return keep(key, outcome.value, since);
    };
    const recalled = store === null || decode === undefined ? null : recall(store, key, lifetime, decode);
    const flight = (recalled === null ? askSource() : recalled.then((known) => known ?? askSource())).finally(() => flights.delete(key));
    flights.set(key, flight);
    return flight;
  };

  /** The fact from before, where its source is out of reach and the fact is not too old. */
  const bridged = <T>(key: string, lifetime: Belief<T>, code: FaultCode): Known<T> | null => {
    const fact = facts.peek(key);
    if (fact === undefined || !outages.has(code)) return null;
    const { outcome } = fact.known as Known<T>;
    const lives = outcome.ok ? lifetime(outcome.value) : null;
    const longest = lives !== null && 'heldFor' in lives ? Math.min(limits.lastKnownGoodFor, lives.heldFor) : limits.lastKnownGoodFor;
    const age = clock() - fact.since;
    return age > longest ? null : { outcome, lastKnownGoodAge: Math.round(age / 1000) };
  };

  return {
    know<T>(key: string, lifetime: Belief<T>, question: (signal: AbortSignal) => Promise<Outcome<T>>, deadline: Deadline) {
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
      keep(key, value, clock());
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
