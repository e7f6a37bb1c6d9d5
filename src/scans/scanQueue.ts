import { LRUCache } from 'lru-cache';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';

export interface QueueLimits {
  /** Scans at a time. */
  readonly concurrency: number;
  /** Scans that wait for their turn. */
  readonly waiting: number;
  /** Results that are kept. */
  readonly kept: number;
  /** Milliseconds after which a result is made anew, in the background; it counts until then. */
  readonly rescanAfter: number;
  /** Milliseconds before a scan that failed is tried again. */
  readonly retryAfter: number;
}

/** What is known of one image: the last result, and whether a scan is under way. */
export interface ScanStanding<T> {
  readonly result: T | null;
  /** Why the last scan failed; null when it did not. */
  readonly failed: Fault | null;
  /** Settles, and never rejects, when the scan that is under way is done; null when none is. */
  readonly running: Promise<void> | null;
}

interface Entry<T> {
  readonly result: T | null;
  readonly failed: Fault | null;
  readonly at: number;
}

/** Scans each thing once, so many at a time, and keeps what came of it. */
export class ScanQueue<T> {
  readonly #limits: QueueLimits;
  readonly #clock: () => number;
  readonly #known: LRUCache<string, Entry<T>>;
  readonly #running = new Map<string, Promise<void>>();
  readonly #waiting: (() => void)[] = [];
  readonly #closing = new AbortController();
  #busy = 0;

  constructor(limits: QueueLimits, clock: () => number) {
    this.#limits = limits;
    this.#clock = clock;
    this.#known = new LRUCache({ max: limits.kept });
  }

  /** What is known under a key; a scan is started where nothing is, or it is old. */
  ask(key: string, scan: (signal: AbortSignal) => Promise<Outcome<T>>): Outcome<ScanStanding<T>> {
    const entry = this.#known.get(key);
    const due = entry === undefined || this.#clock() - entry.at >= (entry.failed === null ? this.#limits.rescanAfter : this.#limits.retryAfter);
    if (this.#closing.signal.aborted) return bad('INTERNAL', 'this scan source is closed', { transient: true });
    let running = this.#running.get(key) ?? null;
    if (due && running === null) {
      if (this.#waiting.length >= this.#limits.waiting) {
        if (entry === undefined) return bad('LIMIT_EXCEEDED', 'too many images wait to be scanned', { transient: true });
      } else {
        running = this.#run(key, scan).finally(() => this.#running.delete(key));
        this.#running.set(key, running);
      }
    }
    return good({ result: entry?.result ?? null, failed: entry?.failed ?? null, running });
  }

  /** Ends what runs and lets go of what waits. */
  close(): void {
    this.#closing.abort();
    for (const go of this.#waiting.splice(0)) go();
  }

  async #run(key: string, scan: (signal: AbortSignal) => Promise<Outcome<T>>): Promise<void> {
    const { signal } = this.#closing;
    await this.#turn();
    try {
      if (signal.aborted) return;
      const outcome = await scan(signal).catch((cause: unknown) => bad('INTERNAL', 'the scan could not be started', { cause, transient: true }));
      if (signal.aborted) return;
      this.#known.set(key, { ...this.#conclude(key, outcome), at: this.#clock() });
    } finally {
      this.#busy -= 1;
      this.#waiting.shift()?.();
    }
  }

  /**
   * An older result stays beside a scan that failed: its own age says what it is worth. A scan that did end, and whose report can't be
   * used, takes it away: what it can't be read for may be what it found.
   */
  #conclude(key: string, outcome: Outcome<T>): Pick<Entry<T>, 'result' | 'failed'> {
    if (outcome.ok) return { result: outcome.value, failed: null };
    const before = outcome.fault.transient ? (this.#known.peek(key)?.result ?? null) : null;
    return { result: before, failed: outcome.fault };
  }

  async #turn(): Promise<void> {
    if (this.#busy >= this.#limits.concurrency) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#busy += 1;
  }
}
