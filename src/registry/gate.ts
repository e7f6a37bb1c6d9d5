import type { IncomingHttpHeaders } from 'node:http';
import { LRUCache } from 'lru-cache';
import { type Fault, fault } from '../domain/fault.ts';
import { isScarce, readAllowance } from './allowance.ts';
import { abandonProbe, admit, type BreakerRules, type BreakerState, beginProbe, closed, fail } from './breaker.ts';
import { type Asked, type Budget, type BudgetRules, createBudget } from './budget.ts';
import type { AttemptFault } from './networkFault.ts';
import { isOutage, readRetryAfter } from './statusFault.ts';

/** Told whenever the breaker of a host changes. */
export interface BreakerEvent {
  /** Host with port. */
  readonly host: string;
  readonly state: BreakerState['kind'];
}

/** What stands before every exchange with a host: its breaker, and the pauses that it asked for. */
export interface Gate {
  /** Why nothing may be sent now; null where it may, or where somebody finds out just now. Changes nothing. */
  refusal(asked: Asked): AttemptFault | null;
  /** Lets an exchange begin, after the probe where one is under way. Its end must be told, once. */
  enter(asked: Asked, signal: AbortSignal): Promise<Pass | AttemptFault>;
  /** Whether the breaker of a host is closed. */
  isClosed(host: string): boolean;
  /** Whether a host has said lately that it will not answer whoever asks with this right much longer. */
  isScarce(asked: Pick<Asked, 'host' | 'access'>): boolean;
  /** Forgets all hosts. */
  close(): void;
}

export interface Pass {
  /** An answer; its status is null where it was none that can be read. */
  answered(status: number | null, headers: IncomingHttpHeaders): void;
  /** None. `connection`: not even a connection. */
  failed(why: Fault, connection: boolean): void;
  /** Nothing was learned. */
  abandoned(): void;
}

export interface GateParts {
  readonly breaker: BreakerRules;
  readonly budget: BudgetRules;
  clock(): number;
  /** From 0 to 1. */
  jitter(): number;
  onBreaker(event: BreakerEvent): void;
}

/** Milliseconds: windows of rate limits last from a minute to hours, and the next answer says anew. */
const scarceFor = 600_000;

interface Entry {
  readonly state: BreakerState;
  /** Settled at the end of the probe, or when somebody else found out. */
  readonly probe: PromiseWithResolvers<void> | null;
}

const unknown: Entry = { state: closed, probe: null };

export function createGate(parts: GateParts): Gate {
  const { clock, jitter } = parts;
  // A host that answers needs no entry.
  const entries = new LRUCache<string, Entry>({ max: 1_000 });
  const budget = createBudget(parts.budget, jitter);
  /** Until when, in milliseconds since the epoch. */
  const scarce = new LRUCache<string, number>({ max: 1_000 });
  const entryOf = (host: string): Entry => entries.get(host) ?? unknown;

  const change = (host: string, next: BreakerState): void => {
    const before = entryOf(host);
    const probe = next.kind !== 'probing' ? null : (before.probe ?? Promise.withResolvers<void>());
    if (next === closed) entries.delete(host);
    else entries.set(host, { state: next, probe });
    if (probe === null) before.probe?.resolve();
    if (before.state.kind !== next.kind) parts.onBreaker({ host, state: next.kind });
  };

  const refusal = (asked: Asked): AttemptFault | null => {
    const { host } = asked;
    const now = clock();
    const { state } = entryOf(host);
    if (state.kind === 'open' && now < state.until) return openFault(host, state.cause, state.until - now);
    return paused(budget, asked, now);
  };

  const begin = (asked: Asked, isProbe: boolean): Pass => {
    const { host, repository } = asked;
    const since = clock();
    const failed = (cause: string, connection: boolean): void =>
      change(host, fail(entryOf(host).state, { cause, repository, connection, since }, isProbe, parts.breaker, clock(), jitter()));
    return {
      answered(status, headers) {
        const after = readRetryAfter(headers['retry-after'], clock());
        const allowance = readAllowance(headers);
        if (allowance !== null && isScarce(allowance)) scarce.set(scarceKey(asked), clock() + scarceFor);
        else if (allowance !== null) scarce.delete(scarceKey(asked));
        if (status === 429 || (status === 503 && after !== null)) budget.limited({ ...asked, status, after }, clock());
        else budget.answered(asked);
        if (status !== null && isOutage(status)) failed(`${host} answered ${status}`, false);
        else change(host, closed);
      },
      failed: ({ message }, connection) => failed(message, connection),
      abandoned() {
        if (isProbe) change(host, abandonProbe(entryOf(host).state, clock()));
      },
    };
  };

  return {
    refusal,
    async enter(asked, signal) {
      const { host } = asked;
      for (;;) {
        const refused = refusal(asked);
        if (refused !== null) return refused;
        const { state, probe } = entryOf(host);
        const admitted = admit(state, clock());
        if (admitted === 'send') return begin(asked, false);
        if (admitted === 'probe') {
          change(host, beginProbe(state));
          return begin(asked, true);
        }
        if (probe !== null && !(await settles(probe.promise, signal))) {
          return { fault: fault('DEADLINE_EXCEEDED', `no time was left to wait until ${host} answers again`), retry: false, after: null };
        }
      }
    },
    isClosed: (host) => entryOf(host).state.kind === 'closed',
    isScarce: (asked) => (scarce.get(scarceKey(asked)) ?? 0) > clock(),
    close() {
      for (const host of [...entries.keys()]) change(host, closed);
    },
  };
}

function scarceKey({ host, access }: Pick<Asked, 'host' | 'access'>): string {
  return `${access} ${host}`;
}

function openFault(host: string, cause: string, left: number): AttemptFault {
  const seconds = Math.ceil(left / 1000);
  return {
    fault: fault('REGISTRY_UNAVAILABLE', `${host} failed again and again and is not asked for ${seconds} s; the last time: ${cause}`),
    retry: false,
    after: null,
  };
}

function paused(budget: Budget, asked: Asked, now: number): AttemptFault | null {
  const pause = budget.pause(asked, now);
  return pause === null ? null : { fault: pause.fault, retry: true, after: pause.left };
}

/** Whether it settles before there is no time left. */
function settles(promise: Promise<void>, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const giveUp = (): void => resolve(false);
    signal.addEventListener('abort', giveUp, { once: true });
    void promise.then(() => {
      signal.removeEventListener('abort', giveUp);
      resolve(true);
    });
  });
}
