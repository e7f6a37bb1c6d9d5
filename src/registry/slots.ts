import { bad, good, type Outcome } from '../domain/fault.ts';

/**
 * Bounded concurrency for each host, fair between repositories: they take turns, each in the order of its requests, and none holds more
 * than three quarters of the slots, so that one that hangs is not in the way of others. Where the queue is full, the repository that has
 * most in it gives way.
 */
export interface Slots {
  /** Waits for a turn; the value gives it back. Faults: LIMIT_EXCEEDED when the queue is full, DEADLINE_EXCEEDED. */
  take(host: string, repository: string, signal: AbortSignal): Promise<Outcome<() => void>>;
}

interface Waiting {
  start(): void;
  giveWay(): void;
}

interface Lane {
  running: number;
  waiting: number;
  /** Running, by repository. */
  readonly held: Map<string, number>;
  /** By repository, whose turn is next first. None is empty. */
  readonly queues: Map<string, Set<Waiting>>;
}

export function createSlots(perHost: number, queue: number): Slots {
  // Holds busy hosts only.
  const lanes = new Map<string, Lane>();
  const most = perHost - Math.floor(perHost / 4);
  return {
    async take(host, repository, signal) {
      const lane = lanes.get(host) ?? { running: 0, waiting: 0, held: new Map(), queues: new Map() };
      lanes.set(host, lane);
      const giveBack = (): void => {
        hold(lane, repository, -1);
        // Whoever waits either waits for this slot or is of this repository: no more than one can begin.
        shift(lane, most)?.start();
        if (lane.running === 0) lanes.delete(host);
      };
      const begin = (): Outcome<() => void> => {
        hold(lane, repository, 1);
        return good(giveBack);
      };
      if (lane.running < perHost && (lane.held.get(repository) ?? 0) < most) return begin();
      const full = (): Outcome<never> => bad('LIMIT_EXCEEDED', `more than ${queue} requests wait for ${host}`, { transient: true });
      if (lane.waiting >= queue && !makeRoom(lane, repository)) return full();
      return await new Promise((resolve) => {
        const done = (outcome: Outcome<() => void>): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(outcome);
        };
        const waiting: Waiting = { start: () => done(begin()), giveWay: () => done(full()) };
        const giveUp = (): void => {
          remove(lane, repository, waiting);
          resolve(bad('DEADLINE_EXCEEDED', `no time was left to wait for a turn at ${host}`));
        };
        if (signal.aborted) return giveUp();
        add(lane, repository, waiting);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}

function add(lane: Lane, repository: string, waiting: Waiting): void {
  const own = lane.queues.get(repository) ?? new Set();
  lane.queues.set(repository, own.add(waiting));
  lane.waiting += 1;
}

function remove(lane: Lane, repository: string, waiting: Waiting): void {
  const own = lane.queues.get(repository);
  if (own?.delete(waiting) !== true) return;
  lane.waiting -= 1;
  if (own.size === 0) lane.queues.delete(repository);
}

function hold(lane: Lane, repository: string, slots: 1 | -1): void {
  lane.running += slots;
  const held = (lane.held.get(repository) ?? 0) + slots;
  if (held === 0) lane.held.delete(repository);
  else lane.held.set(repository, held);
}

/** The next one of a repository that holds fewer than `most` slots; its repository goes to the end. */
function shift(lane: Lane, most: number): Waiting | null {
  for (const [repository, own] of lane.queues) {
    const [next] = own;
    if (next === undefined || (lane.held.get(repository) ?? 0) >= most) continue;
    remove(lane, repository, next);
    lane.queues.delete(repository);
    if (own.size > 0) lane.queues.set(repository, own);
    return next;
  }
  return null;
}

/** Turns the latest of the repository that has most away, unless the newcomer's would then have as much. */
function makeRoom(lane: Lane, repository: string): boolean {
  let longest: readonly [string, Set<Waiting>] | null = null;
  for (const entry of lane.queues) if (longest === null || entry[1].size > longest[1].size) longest = entry;
  if (longest === null) return false;
  const [name, own] = longest;
  const latest = [...own].at(-1);
  if (latest === undefined || own.size <= (lane.queues.get(repository)?.size ?? 0) + 1) return false;
  remove(lane, name, latest);
  latest.giveWay();
  return true;
}
