export interface BackOff {
  /** Milliseconds to wait now. */
  next(): number;
  /** Starts again from the shortest. */
  reset(): void;
}

/** Pauses that double from `shortest` to `longest` milliseconds, each cut by up to half by chance, so that replicas don't ask in step. */
export function backOff(shortest: number, longest: number): BackOff {
  let pause = shortest;
  return {
    next() {
      const now = pause;
      pause = Math.min(longest, pause * 2);
      return now * (0.5 + Math.random() / 2);
    },
    reset() {
      pause = shortest;
    },
  };
}
