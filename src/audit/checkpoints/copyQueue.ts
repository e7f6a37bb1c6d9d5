import { setTimeout as delay } from 'node:timers/promises';
import type { AuditLog } from '../log.ts';
import type { CheckpointCopy } from './kind.ts';

export interface CopyStatus {
  readonly name: string;
  /** Checkpoints that are on their way. */
  readonly waiting: number;
  readonly copied: number;
  /** Attempts that failed. */
  readonly failed: number;
  /** Checkpoints that were given up. Every later one names all that they named. */
  readonly lost: number;
  /** Why the last attempt failed; null when it did not. */
  readonly reason: string | null;
}

export interface CopyLimits {
  /** Checkpoints that wait at most; then the oldest is given up. */
  readonly queue: number;
  /** Milliseconds between attempts: at first, and at most. */
  readonly retryAfter: number;
  readonly retryAtMost: number;
  /** Milliseconds for one attempt, and for what still waits at the end. */
  readonly attempt: number;
  readonly closeWithin: number;
}

const usualLimits: CopyLimits = { queue: 500, retryAfter: 1_000, retryAtMost: 60_000, attempt: 30_000, closeWithin: 5_000 };

/** Stands between the checkpoints and a place for copies: whatever that place does, nothing waits for it. */
export class CopyQueue {
  readonly #copy: CheckpointCopy;
  readonly #log: AuditLog;
  readonly #limits: CopyLimits;
  readonly #stopped = new AbortController();
  readonly #waiting: { readonly name: string; readonly text: string }[] = [];
  #copied = 0;
  #failed = 0;
  #lost = 0;
  #reason: string | null = null;
  #closing = false;
  #draining: Promise<void> | null = null;

  constructor(copy: CheckpointCopy, log: AuditLog, limits: Partial<CopyLimits> = {}) {
    this.#copy = copy;
    this.#log = log;
    this.#limits = { ...usualLimits, ...limits };
  }

  status(): CopyStatus {
    const { name } = this.#copy;
    return { name, waiting: this.#waiting.length, copied: this.#copied, failed: this.#failed, lost: this.#lost, reason: this.#reason };
  }

  send(name: string, text: string): void {
    if (this.#waiting.length >= this.#limits.queue) {
      this.#waiting.shift();
      this.#lost += 1;
    }
    this.#waiting.push({ name, text });
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = null;
    });
  }

  /** Gives what still waits a while, then gives it up. */
  async close(): Promise<void> {
    this.#closing = true;
    const timer = setTimeout(() => this.#stopped.abort(), this.#limits.closeWithin);
    await this.#draining;
    clearTimeout(timer);
    this.#stopped.abort();
    this.#lost += this.#waiting.length;
    if (this.#waiting.length > 0) this.#log.warn({ copy: this.#copy.name, lost: this.#waiting.length }, 'audit checkpoints were not copied before the end');
    this.#waiting.length = 0;
  }

  async #drain(): Promise<void> {
    const { signal } = this.#stopped;
    let wait = this.#limits.retryAfter;
    for (let next = this.#waiting[0]; next !== undefined && !signal.aborted; next = this.#waiting[0]) {
      const outcome = await this.#copy.write(next.name, next.text, AbortSignal.any([signal, AbortSignal.timeout(this.#limits.attempt)]));
      if (outcome.ok) {
        if (this.#waiting[0] === next) this.#waiting.shift();
        this.#copied += 1;
        wait = this.#limits.retryAfter;
        if (this.#reason !== null) this.#log.info({ copy: this.#copy.name }, 'audit checkpoints are copied again');
        this.#reason = null;
        continue;
      }
      this.#failed += 1;
      const { code, message } = outcome.fault;
      // Once, until it works again: a place that is down must not flood the log.
      if (this.#reason === null) this.#log.warn({ copy: this.#copy.name, code, why: message }, 'an audit checkpoint can not be copied; it is tried again');
      this.#reason = message;
      // At the end there is one more attempt, not a long wait for the next.
      if (this.#closing) return;
      await delay(wait, undefined, { signal, ref: false }).catch(() => {});
      wait = Math.min(wait * 2, this.#limits.retryAtMost);
    }
  }
}
