/** Lets a bounded number of requests in, holds a bounded number at the door for a bounded time, and turns the rest away. */
export interface Gate {
  /** Whether the caller is in, at once. Who is in must leave exactly once. */
  tryEnter(): boolean;
  /** Resolves to whether the caller is in, after at most `wait` milliseconds. Aborting gives the place in the queue up. */
  enter(wait: number, signal: AbortSignal): Promise<boolean>;
  leave(): void;
}

export function createGate(places: number, queue: number): Gate {
  let inside = 0;
  const waiting = new Set<(admitted: boolean) => void>();

  const wait = (milliseconds: number, signal: AbortSignal): Promise<boolean> =>
    new Promise((resolve) => {
      const settle = (admitted: boolean): void => {
        waiting.delete(settle);
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(admitted);
      };
      const giveUp = (): void => settle(false);
      const timer = setTimeout(giveUp, milliseconds);
      signal.addEventListener('abort', giveUp, { once: true });
      waiting.add(settle);
    });

  const tryEnter = (): boolean => {
    if (inside >= places) return false;
    inside += 1;
    return true;
  };

  return {
    tryEnter,
    async enter(milliseconds, signal) {
      if (signal.aborted) return false;
      return tryEnter() || (waiting.size < queue && (await wait(milliseconds, signal)));
    },
    leave() {
      const [next] = waiting;
      // The place is handed on without becoming free, so that nobody overtakes the queue.
      if (next === undefined) inside -= 1;
      else next(true);
    },
  };
}
