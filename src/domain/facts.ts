import type { Deadline } from './deadline.ts';
import type { FaultCode, Outcome } from './fault.ts';

/** How long a kind of fact is believed. Milliseconds. */
export interface Lifetime {
  /** Answered from the store without asking again. */
  readonly freshFor: number;
  /** After this age a fact is answered from the store and asked again in the background. */
  readonly refreshAfter: number;
  /** After this age a fact is not used at all, although its source be out of reach. Absent: as long as facts may outlive the reach of theirs. */
  readonly heldFor?: number;
}

/** What an answer is that has a fault beside it, such as an outage: used once, never kept, and no reason to forget what was known before. */
export interface Passing {
  readonly outage: FaultCode;
}

/** How long a value is believed, and whether it may leave this process. */
export interface Belief<T> {
  /** "Found none" is believed for a shorter time than what was found, and what rests on an outage not at all. */
  (value: T): Lifetime | Passing;
  /**
   * Reads back what a store outside the process gave; null for what has not the shape. Absent where a fact must stay in memory: its key
   * means something to this process only, as the key of a Pod's own credential does.
   */
  readonly decode?: (stored: unknown) => T | null;
}

/**
 * A belief in what was read with a right of the key `access`. The key of a Pod's own credential means something to this process only: what
 * was read with it stays here.
 */
export function believe<T>(access: string, lives: (value: T) => Lifetime | Passing, decode: (stored: unknown) => T | null): Belief<T> {
  return access === '' ? Object.assign((value: T) => lives(value), { decode }) : lives;
}

/** An outcome, and whether it rests on a fact whose source can't be reached now. */
export interface Known<T> {
  readonly outcome: Outcome<T>;
  /** Seconds since the source said so, where the source could not be asked again; null in all other cases. */
  readonly lastKnownGoodAge: number | null;
}

/**
 * Facts about content, kept under what they depend on. A fact in the store answers at once (no promise, so that a warm admission never
 * waits); else the question is asked, once for all who want to know, under a time limit of its own. A fault is never kept.
 */
export interface Facts {
  /**
   * @param key all that the answer depends on: source, trust, repository, digest, access
   * @param lifetime of a value, and whether it may be shared
   * @param ask runs under its own limit; a caller whose deadline passes first gets DEADLINE_EXCEEDED and the asking goes on
   */
  know<T>(key: string, lifetime: Belief<T>, ask: (signal: AbortSignal) => Promise<Outcome<T>>, deadline: Deadline): Known<T> | Promise<Known<T>>;
  /** Puts in what was learned on the way of another question. */
  learn<T>(key: string, value: T): void;
}
