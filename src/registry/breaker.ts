/**
 * Whether a host is asked at all, as a pure state machine: closed (it is), open (not until a time), probing (one request finds out).
 * https://learn.microsoft.com/en-us/azure/architecture/patterns/circuit-breaker
 */

/** One failed exchange. */
export interface Failure {
  /** What went wrong, for people: shown as the reason while the host is left alone. */
  readonly cause: string;
  readonly repository: string;
  /** No connection came about, or its TLS failed: certain to be a matter of the host, whatever repository was asked for. */
  readonly connection: boolean;
  /** Milliseconds since the epoch when the exchange began. */
  readonly since: number;
}

/** Failures without an answer between them. */
export interface Run {
  readonly failures: number;
  readonly connections: number;
  /** Distinct, no more than the rules look at. */
  readonly repositories: readonly string[];
  readonly since: number;
  readonly latest: number;
}

export type BreakerState =
  | { readonly kind: 'closed'; readonly run: Run | null }
  | { readonly kind: 'open'; readonly until: number; readonly openings: number; readonly cause: string }
  | { readonly kind: 'probing'; readonly openings: number; readonly cause: string };

/** Times in milliseconds. */
export interface BreakerRules {
  /** Failures in a row. */
  readonly failures: number;
  /** Among them, where each may be the fault of its repository. */
  readonly repositories: number;
  /** From the first to the last: many requests that fail at one instant are one event. */
  readonly lasting: number;
  /** Failures that lie further apart have nothing to do with each other. */
  readonly forgottenAfter: number;
  /** The first time open; doubles with each probe that fails, with jitter. */
  readonly firstOpen: number;
  readonly longestOpen: number;
}

export const closed: BreakerState = { kind: 'closed', run: null };

/** What a request may do: be sent, be sent as the probe, wait for the probe, or not be sent. */
export type Admittance = 'send' | 'probe' | 'wait' | 'refuse';

export function admit(state: BreakerState, now: number): Admittance {
  if (state.kind === 'closed') return 'send';
  if (state.kind === 'probing') return 'wait';
  return now < state.until ? 'refuse' : 'probe';
}

export function beginProbe(state: BreakerState): BreakerState {
  return state.kind === 'open' ? { kind: 'probing', openings: state.openings, cause: state.cause } : state;
}

/** The probe ended without telling anything, such as by its caller's deadline: the next request is the probe. */
export function abandonProbe(state: BreakerState, now: number): BreakerState {
  return state.kind === 'probing' ? { kind: 'open', until: now, openings: state.openings, cause: state.cause } : state;
}

/** @param jitter from 0 to 1 */
export function fail(state: BreakerState, failure: Failure, isProbe: boolean, rules: BreakerRules, now: number, jitter: number): BreakerState {
  const { cause } = failure;
  if (state.kind === 'closed') {
    const before = state.run !== null && now - state.run.latest <= rules.forgottenAfter ? state.run : null;
    const run = extend(before, failure, rules, now);
    return isOutage(run, rules, now) ? { kind: 'open', until: now + openFor(1, rules, jitter), openings: 1, cause } : { kind: 'closed', run };
  }
  // What was sent before the host was given up says nothing new.
  if (state.kind === 'open' || !isProbe) return state;
  const openings = state.openings + 1;
  return { kind: 'open', until: now + openFor(openings, rules, jitter), openings, cause };
}

function extend(run: Run | null, { repository, connection, since }: Failure, rules: BreakerRules, now: number): Run {
  const known = run?.repositories ?? [];
  const isNew = !known.includes(repository) && known.length < rules.repositories;
  return {
    failures: (run?.failures ?? 0) + 1,
    connections: (run?.connections ?? 0) + (connection ? 1 : 0),
    repositories: isNew ? [...known, repository] : known,
    since: Math.min(run?.since ?? since, since),
    latest: now,
  };
}

function isOutage({ failures, connections, repositories, since }: Run, rules: BreakerRules, now: number): boolean {
  if (now - since < rules.lasting || failures < rules.failures) return false;
  return connections >= rules.failures || repositories.length >= rules.repositories;
}

/** Between half and all of the doubled time: replicas that failed together must not come back together. */
function openFor(openings: number, { firstOpen, longestOpen }: BreakerRules, jitter: number): number {
  return Math.min(longestOpen, firstOpen * 2 ** Math.min(openings - 1, 30)) * (0.5 + jitter / 2);
}
