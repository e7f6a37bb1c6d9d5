import { bad, good, type Outcome } from '../domain/fault.ts';

/** Who wants a slot: for which repository, and on behalf of whom. */
export interface Claimant {
  /** A namespace; empty for nobody in particular. */
  readonly party: string;
  readonly repository: string;
}

/**
 * Bounded concurrency for each host, fair between those on whose behalf it is asked, and between the repositories of each: they take
 * turns, each in the order of its requests. No party holds more than three quarters of the slots, and no repository more than three
 * quarters of those, so that one that hangs is not in the way of others. Where the queue is full, whoever has most in it gives way.
 */
export interface Slots {
  /** Waits for a turn; the value gives it back. Faults: LIMIT_EXCEEDED when the queue is full, DEADLINE_EXCEEDED. */
  take(host: string, claimant: Claimant, signal: AbortSignal): Promise<Outcome<() => void>>;
}

interface Waiting {
  start(): void;
  giveWay(): void;
}

/** Of one party, by repository, whose turn is next first. None is empty. */
type Queues = Map<string, Set<Waiting>>;

interface Lane {
  running: number;
  waiting: number;
  /** Running, by party and by repository. */
  readonly parties: Map<string, number>;
  readonly repositories: Map<string, number>;
  /** By party, whose turn is next first. None is empty. */
  readonly queues: Map<string, Queues>;
}

interface Bounds {
  readonly perHost: number;
  readonly party: number;
  readonly repository: number;
}

export function createSlots(perHost: number, queue: number): Slots {
  // Holds busy hosts only.
  const lanes = new Map<string, Lane>();
  const party = perHost - Math.floor(perHost / 4);
  const bounds: Bounds = { perHost, party, repository: party - Math.floor(party / 4) };
  return {
    async take(host, claimant, signal) {
      const lane = lanes.get(host) ?? { running: 0, waiting: 0, parties: new Map(), repositories: new Map(), queues: new Map() };
      lanes.set(host, lane);
      const giveBack = (): void => {
        hold(lane, claimant, -1);
        // One of its party and one of its repository may both have waited for this one.
        for (let next = shift(lane, bounds); next !== null; next = shift(lane, bounds)) next.start();
        if (lane.running === 0) lanes.delete(host);
      };
      const begin = (): Outcome<() => void> => {
        hold(lane, claimant, 1);
        return good(giveBack);
      };
      if (hasRoom(lane, claimant, bounds)) return begin();
      const full = (): Outcome<never> => bad('LIMIT_EXCEEDED', `more than ${queue} requests wait for ${host}`, { transient: true });
      if (lane.waiting >= queue && !makeRoom(lane, claimant)) return full();
      return await new Promise((resolve) => {
        const done = (outcome: Outcome<() => void>): void => {
          signal.removeEventListener('abort', giveUp);
          resolve(outcome);
        };
        const waiting: Waiting = { start: () => done(begin()), giveWay: () => done(full()) };
        const giveUp = (): void => {
          remove(lane, claimant, waiting);
          resolve(bad('DEADLINE_EXCEEDED', `no time was left to wait for a turn at ${host}`));
        };
        if (signal.aborted) return giveUp();
        add(lane, claimant, waiting);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}

function hasRoom({ running, parties, repositories }: Lane, { party, repository }: Claimant, bounds: Bounds): boolean {
  if (running >= bounds.perHost || (repositories.get(repository) ?? 0) >= bounds.repository) return false;
  return party === '' || (parties.get(party) ?? 0) < bounds.party;
}

function hold(lane: Lane, { party, repository }: Claimant, slots: 1 | -1): void {
  lane.running += slots;
  count(lane.parties, party, slots);
  count(lane.repositories, repository, slots);
}

function count(held: Map<string, number>, name: string, slots: 1 | -1): void {
  const now = (held.get(name) ?? 0) + slots;
  if (now === 0) held.delete(name);
  else held.set(name, now);
}

function add(lane: Lane, { party, repository }: Claimant, waiting: Waiting): void {
  const queues: Queues = lane.queues.get(party) ?? new Map();
  const own = queues.get(repository) ?? new Set();
  lane.queues.set(party, queues.set(repository, own.add(waiting)));
  lane.waiting += 1;
}

function remove(lane: Lane, { party, repository }: Claimant, waiting: Waiting): void {
  const queues = lane.queues.get(party);
  const own = queues?.get(repository);
  if (queues === undefined || own?.delete(waiting) !== true) return;
  lane.waiting -= 1;
  if (own.size === 0) queues.delete(repository);
  if (queues.size === 0) lane.queues.delete(party);
}

/** The next one that may begin; its party goes to the end, and its repository to the end of the party's. */
function shift(lane: Lane, bounds: Bounds): Waiting | null {
  for (const [party, queues] of lane.queues) {
    for (const [repository, own] of queues) {
      const [next] = own;
      if (next === undefined || !hasRoom(lane, { party, repository }, bounds)) continue;
      remove(lane, { party, repository }, next);
      if (queues.delete(repository)) queues.set(repository, own);
      if (lane.queues.delete(party)) lane.queues.set(party, queues);
      return next;
    }
  }
  return null;
}

/** Turns the latest of the one that has most away (of the party, and there of the repository), unless the newcomer would then have as much. */
function makeRoom(lane: Lane, newcomer: Claimant): boolean {
  const [party, queues] = most(lane.queues, waitingOf) ?? [];
  if (party === undefined || queues === undefined) return false;
  const [repository, own] = most(queues, ({ size }) => size) ?? [];
  const latest = own === undefined ? undefined : [...own].at(-1);
  if (repository === undefined || own === undefined || latest === undefined) return false;
  const others = party === newcomer.party ? (queues.get(newcomer.repository)?.size ?? 0) : waitingOf(lane.queues.get(newcomer.party) ?? new Map());
  if ((party === newcomer.party ? own.size : waitingOf(queues)) <= others + 1) return false;
  remove(lane, { party, repository }, latest);
  latest.giveWay();
  return true;
}

function waitingOf(queues: Queues): number {
  let waiting = 0;
  for (const own of queues.values()) waiting += own.size;
  return waiting;
}

function most<T>(entries: ReadonlyMap<string, T>, size: (value: T) => number): readonly [string, T] | null {
  let largest: readonly [string, T] | null = null;
  for (const entry of entries) if (largest === null || size(entry[1]) > size(largest[1])) largest = entry;
  return largest;
}
