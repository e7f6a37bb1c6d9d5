import { bad, good, type Outcome } from '../domain/fault.ts';
import type { RegistryLimits } from './limits.ts';
import { statusFault } from './statusFault.ts';
import type { Ask, Attempt, Reply, Transport } from './transport.ts';
import { sleep } from './wait.ts';

/** Sends until there is a reply that is no outage, a fault that will not pass, or no attempt and no time left. */
export type Send = (ask: Ask, what: string, signal: AbortSignal) => Promise<Outcome<Reply>>;

export interface RetryParts {
  readonly transport: Transport;
  readonly limits: RegistryLimits;
  clock(): number;
  /** From 0 to 1: callers that failed together must not come back together. */
  jitter(): number;
}

export function createSend({ transport, limits, clock, jitter }: RetryParts): Send {
  return async (ask, what, signal) => {
    for (let attempt = 1; ; attempt += 1) {
      if (signal.aborted) return bad('DEADLINE_EXCEEDED', `no time was left to ask ${ask.place.registry} for ${what}`);
      const tried = read(await transport.send(ask, signal), ask, what, clock());
      if (tried.ok) return good(tried.reply);
      // A moment later than it was asked for: a timer may be early.
      const wait = tried.after !== null ? tried.after + 2 + limits.backoff * jitter() : limits.backoff * 2 ** (attempt - 1) * (0.5 + jitter() / 2);
      if (!tried.retry || attempt >= limits.attempts || wait > limits.longestWait) return { ok: false, fault: tried.fault };
      if (!(await sleep(wait, signal))) return { ok: false, fault: tried.fault };
    }
  };
}

function read(attempt: Attempt, ask: Ask, what: string, now: number): Attempt {
  if (!attempt.ok) return attempt;
  const { status, headers, url } = attempt.reply;
  // After a redirect it is another host that fails.
  const host = url.origin === ask.url.origin ? ask.place.registry : url.host;
  const failed = statusFault(host, status, headers['retry-after'], what, now);
  return failed === null ? attempt : { ok: false, ...failed };
}
