import { availableParallelism } from 'node:os';
import type { Deadline } from '../domain/deadline.ts';
import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import type { EngineSet } from './engine.ts';
import { EngineThread } from './thread.ts';

/** What came out for one input: the worker's text, and the set it was evaluated under. */
export interface PoolAnswer<S> {
  readonly set: S;
  readonly results: string;
}

/** A set, and whatever its owner wants to have back with an answer. */
export interface PoolSet {
  readonly engine: EngineSet;
}

export interface PoolOptions {
  /** Worker threads that evaluate, beside one kept warm. */
  readonly workers: number;
  /** Milliseconds one input may take. */
  readonly timeout: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Readonly<Record<string, unknown>>) => void;
}

/** Threads that judge, for a machine with so many cores: one is left to the event loop. */
export function workersFor(cores: number): number {
  return Math.max(1, cores - 1);
}

/** What the machine has, or the container is allowed. */
export const defaultWorkers = workersFor(availableParallelism());

interface Pending<S> {
  readonly input: string;
  readonly settle: (outcome: Outcome<PoolAnswer<S>>) => void;
  /** Milliseconds since the epoch: until then somebody waits. */
  readonly until: number;
  done: boolean;
  attempts: number;
}

interface Seat<S> {
  readonly thread: EngineThread;
  batch: { readonly set: S; readonly pending: readonly Pending<S>[]; readonly sent: number } | null;
  timer: NodeJS.Timeout | null;
  /** Who waits for the answer of a set that is tried. */
  trial: ((outcome: Outcome<readonly string[]>) => void) | null;
}

const longestQueue = 4096;
const largestBatch = 64;
const largestBatchCharacters = 4 * 1024 * 1024;
const mostAttempts = 3;
/** Milliseconds by which an answer may come after its deadline; well within the margin that is left to the API server. */
const sweepEvery = 20;
/** How long a thread may take to begin, ms: it may have to start first, on a busy machine. */
const longestStart = 10_000;

/**
 * Evaluates inputs in worker threads. What arrives in one turn of the event loop travels in one message. An input that takes too long
 * costs its thread, which a warm one replaces, and gets POLICY_TIMEOUT; the others of its batch are evaluated again.
 */
export class EnginePool<S extends PoolSet> {
  readonly #options: PoolOptions;
  readonly #seats = new Set<Seat<S>>();
  readonly #queue: Pending<S>[] = [];
  #spare: Seat<S> | null = null;
  #set: S | null = null;
  #scheduled = false;
  #closed = false;
  #deaths = 0;
  #sweeper: NodeJS.Timeout | null = null;

  constructor(options: PoolOptions) {
    this.#options = options;
    for (let i = 0; i < options.workers; i += 1) this.#seats.add(this.#seat());
    this.#spare = this.#seat();
  }

  /**
   * Tries a set on sample inputs in a thread of its own, which then stands ready; in force it is only after `use`.
   * Fault: POLICY_BROKEN when it does not get through them within `patience` ms.
   */
  async try(set: S, samples: readonly string[], patience: number): Promise<Outcome<readonly string[]>> {
    // The spare is borrowed, since it is warm: if the set hangs, no thread that serves is lost.
    const { promise, resolve } = Promise.withResolvers<Outcome<readonly string[]>>();
    const seat = this.#spare ?? this.#seat();
    this.#spare = null;
    seat.trial = resolve;
    const timer = setTimeout(() => {
      const name = set.engine.policies[seat.thread.progress()?.policy ?? -1];
      resolve(
        bad('POLICY_BROKEN', `the policies did not get through a sample in ${patience} ms${name === undefined ? '' : `: the policy ${name} was running`}`),
      );
    }, patience);
    seat.thread.load(set.engine);
    seat.thread.judge(samples);
    const outcome = await promise;
    clearTimeout(timer);
    seat.trial = null;
    if (outcome.ok && this.#spare === null && !this.#closed) this.#spare = seat;
    else await seat.thread.stop();
    if (!this.#closed) this.#spare ??= this.#seat();
    return outcome;
  }

  /** Puts a set in force for all that is not yet handed to a thread. */
  use(set: S): void {
    this.#set = set;
    for (const seat of this.#seats) seat.thread.load(set.engine);
    this.#spare?.thread.load(set.engine);
  }

  /** Evaluates the set in force on an input (JSON text). Faults: POLICY_TIMEOUT, POLICY_BROKEN when no set is in force, INTERNAL. */
  evaluate(input: string, deadline: Deadline): Promise<Outcome<PoolAnswer<S>>> {
    if (this.#set === null || this.#closed) return Promise.resolve(bad('POLICY_BROKEN', 'no policies are in force'));
    if (deadline.at <= Date.now()) return Promise.resolve(tooLate());
    if (this.#queue.length >= longestQueue) return Promise.resolve(bad('POLICY_TIMEOUT', 'more requests wait for the policies than can be judged in time'));
    return new Promise((resolve) => {
      const pending: Pending<S> = {
        input,
        until: deadline.at,
        done: false,
        attempts: 0,
        settle: (outcome) => {
          if (pending.done) return;
          pending.done = true;
          resolve(outcome);
        },
      };
      this.#queue.push(pending);
      this.#schedule();
      this.#sweeper ??= setTimeout(() => this.#sweep(), sweepEvery);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#sweeper !== null) clearTimeout(this.#sweeper);
    const seats = [...this.#seats, ...(this.#spare === null ? [] : [this.#spare])];
    for (const seat of seats) {
      if (seat.timer !== null) clearTimeout(seat.timer);
      for (const pending of seat.batch?.pending ?? []) pending.settle(bad('INTERNAL', 'the policies were shut down'));
    }
    for (const pending of this.#queue.splice(0)) pending.settle(bad('INTERNAL', 'the policies were shut down'));
    this.#seats.clear();
    this.#spare = null;
    await Promise.all(seats.map((seat) => seat.thread.stop()));
  }

  /** Answers those whose deadline has passed. One timer for all: most answers come long before, and timers cost. */
  #sweep(): void {
    this.#sweeper = null;
    const now = Date.now();
    let waiting = false;
    for (const pending of [...this.#queue, ...[...this.#seats].flatMap((seat) => seat.batch?.pending ?? [])]) {
      if (!pending.done && pending.until <= now) pending.settle(tooLate());
      waiting ||= !pending.done;
    }
    if (waiting && !this.#closed) this.#sweeper = setTimeout(() => this.#sweep(), sweepEvery);
  }

  #seat(): Seat<S> {
    const seat: Seat<S> = {
      thread: new EngineThread({ answered: (results) => this.#answered(seat, results), died: (cause) => this.#died(seat, cause) }),
      batch: null,
      timer: null,
      trial: null,
    };
    if (this.#set !== null) seat.thread.load(this.#set.engine);
    return seat;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    const set = this.#set;
    if (set === null) return;
    const idle = [...this.#seats].filter((seat) => seat.batch === null);
    for (const [i, seat] of idle.entries()) {
      const share = Math.min(largestBatch, Math.ceil(this.#queue.length / (idle.length - i)));
      const pending = this.#take(share);
      if (pending.length === 0) return;
      seat.batch = { set, pending, sent: Date.now() };
      seat.thread.load(set.engine);
      seat.thread.judge(pending.map((one) => one.input));
      seat.timer ??= setTimeout(() => this.#watch(seat), this.#options.timeout);
    }
  }

  #take(most: number): readonly Pending<S>[] {
    const taken: Pending<S>[] = [];
    let characters = 0;
    while (taken.length < most && characters < largestBatchCharacters) {
      const next = this.#queue.shift();
      if (next === undefined) break;
      if (next.done) continue;
      taken.push(next);
      characters += next.input.length;
    }
    return taken;
  }

  #answered(seat: Seat<S>, results: readonly string[]): void {
    const { batch } = seat;
    seat.batch = null;
    this.#deaths = 0;
    seat.trial?.(good(results));
    if (batch === null) return;
    for (const [i, pending] of batch.pending.entries()) {
      const result = results[i];
      pending.settle(result === undefined ? bad('INTERNAL', 'the policy engine gave no answer') : good({ set: batch.set, results: result }));
    }
    if (this.#queue.length > 0) this.#schedule();
  }

  /** One timer a seat, set when it falls due and not for each batch: most batches are long gone by then. */
  #watch(seat: Seat<S>): void {
    seat.timer = null;
    if (seat.batch === null || !this.#seats.has(seat)) return;
    const { timeout } = this.#options;
    const progress = seat.thread.progress();
    const since = progress === null ? seat.batch.sent : Math.max(progress.since, seat.batch.sent);
    const left = (progress === null ? Math.max(timeout, longestStart) : timeout) - (Date.now() - since);
    if (left > 0) {
      seat.timer = setTimeout(() => this.#watch(seat), Math.min(left, timeout));
      return;
    }
    const name = progress === null ? null : (seat.batch.set.engine.policies[progress.policy] ?? null);
    const reason = name === null ? 'the policy engine did not begin in time' : `the policy ${name} ran longer than ${timeout} ms and was stopped`;
    this.#options.log('error', reason);
    seat.thread.stop().catch(() => {});
    this.#replace(seat, progress?.input ?? null, fault('POLICY_TIMEOUT', reason));
  }

  #died(seat: Seat<S>, cause: unknown): void {
    if (this.#closed) return;
    if (seat.trial !== null) {
      seat.trial(bad('POLICY_BROKEN', 'the policy engine died on the new policies', { cause }));
      return;
    }
    this.#deaths += 1;
    const progress = seat.thread.progress();
    const name = progress === null ? null : (seat.batch?.set.engine.policies[progress.policy] ?? null);
    const reason = name === null ? 'the policy engine died' : `the policy engine died while it ran the policy ${name}`;
    this.#options.log('error', reason, { cause });
    this.#replace(seat, progress?.input ?? null, fault('INTERNAL', reason, { cause }));
  }

  /** Puts a warm thread in the place of one that is lost; only the input it was lost on is given up. */
  #replace(lost: Seat<S>, culprit: number | null, why: Fault): void {
    if (lost.timer !== null) clearTimeout(lost.timer);
    const again: Pending<S>[] = [];
    for (const [i, pending] of (lost.batch?.pending ?? []).entries()) {
      if (culprit === null) pending.attempts += 1;
      if (i === culprit || pending.attempts >= mostAttempts) pending.settle({ ok: false, fault: why });
      else again.push(pending);
    }
    lost.batch = null;
    this.#queue.unshift(...again);
    if (lost === this.#spare) this.#spare = null;
    else if (this.#seats.delete(lost)) this.#promote();
    // A thread that can't even start must not be started in a tight loop.
    const delay = this.#deaths < 3 ? 0 : Math.min(100 * 2 ** this.#deaths, 5000);
    setTimeout(() => {
      if (this.#closed) return;
      if (this.#seats.size < this.#options.workers) this.#seats.add(this.#seat());
      this.#spare ??= this.#seat();
      this.#schedule();
    }, delay);
    this.#schedule();
  }

  #promote(): void {
    if (this.#spare === null) return;
    this.#seats.add(this.#spare);
    this.#spare = null;
  }
}

function tooLate(): Outcome<never> {
  return bad('POLICY_TIMEOUT', 'the deadline passed before the policies answered');
}
