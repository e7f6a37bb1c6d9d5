/**
 * Until when an answer is waited for. The signal is made only where somebody really waits: a warm admission needs none, and timers cost.
 */
export interface Deadline {
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly signal: AbortSignal;
}

/** A deadline some milliseconds from now. */
export function deadlineIn(milliseconds: number, now: number): Deadline {
  let signal: AbortSignal | null = null;
  return {
    at: now + milliseconds,
    get signal(): AbortSignal {
      signal ??= AbortSignal.timeout(Math.max(0, Math.ceil(this.at - Date.now())));
      return signal;
    },
  };
}
