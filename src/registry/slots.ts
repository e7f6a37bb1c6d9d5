import { bad, good, type Outcome } from '../domain/fault.ts';

/** Bounded concurrency for each host: turns are given in the order they were asked for. */
export interface Slots {
  /** Waits for a turn; the value gives it back. Faults: LIMIT_EXCEEDED when the queue is full, DEADLINE_EXCEEDED. */
  take(host: string, signal: AbortSignal): Promise<Outcome<() => void>>;
}

interface Lane {
  running: number;
  readonly waiting: Set<() => void>;
}

export function createSlots(perHost: number, queue: number): Slots {
  // Holds busy hosts only.
  const lanes = new Map<string, Lane>();
  return {
    async take(host, signal) {
      const lane = lanes.get(host) ?? { running: 0, waiting: new Set() };
      lanes.set(host, lane);
      const giveBack = (): void => {
        const [next] = lane.waiting;
        if (next !== undefined) {
          lane.waiting.delete(next);
          next();
          return;
        }
        lane.running -= 1;
        if (lane.running === 0) lanes.delete(host);
      };
      if (lane.running < perHost) {
        lane.running += 1;
        return good(giveBack);
      }
      if (lane.waiting.size >= queue) return bad('LIMIT_EXCEEDED', `more than ${queue} requests wait for ${host}`, { transient: true });
      return await new Promise((resolve) => {
        const turn = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(good(giveBack));
        };
        const giveUp = (): void => {
          lane.waiting.delete(turn);
          resolve(bad('DEADLINE_EXCEEDED', `no time was left to wait for a turn at ${host}`));
        };
        lane.waiting.add(turn);
        if (signal.aborted) return giveUp();
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
