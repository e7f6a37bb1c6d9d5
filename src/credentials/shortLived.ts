import { bad, type FaultCode, type Outcome } from '../domain/fault.ts';
import type { Credential } from '../domain/registry.ts';

/** A credential and when it ends. */
export interface Issued {
  readonly credential: Credential;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

export interface ShortLivedOptions {
  /** Whom the credential is from, for messages. */
  readonly issuer: string;
  /** Must not tell in its faults what it was answered. */
  issue(signal: AbortSignal): Promise<Outcome<Issued>>;
  /** Milliseconds since the epoch. */
  clock?(): number;
  /** Milliseconds for one issue. */
  readonly patience?: number;
}

/** Never used in its last minute: a request on its way must not outlive it. */
const reserve = 60_000;
/** Share of the lifetime after which a new one is fetched, while the old one still serves. */
const refreshAt = 0.75;
/** Milliseconds after a failure before the issuer is asked again: long while there is something to go on with, else short. */
const pause = { withOne: 10_000, without: 1_000 };

/**
 * A credential that is fetched when it is first needed, once for all who need it, and anew before it ends. While it is good nobody
 * waits; a refresh that fails is only felt when the old one has ended.
 */
export function createShortLived({
  issuer,
  issue,
  clock = Date.now,
  patience = 10_000,
}: ShortLivedOptions): (signal: AbortSignal) => Promise<Outcome<Credential>> {
  let held: (Issued & { readonly refresh: number }) | null = null;
  let flight: Promise<Outcome<Credential>> | null = null;
  let failed: { readonly outcome: Outcome<never>; readonly at: number } | null = null;

  const fail = (outcome: Outcome<never>): Outcome<never> => {
    failed = { outcome, at: clock() };
    return outcome;
  };

  const fetchNew = async (): Promise<Outcome<Credential>> => {
    const limit = new AbortController();
    const timer = setTimeout(() => limit.abort(), patience);
    const asked = clock();
    try {
      const issued = await race(issue(limit.signal), limit.signal, issuer);
      if (!issued.ok) return fail(issued);
      failed = null;
      const { credential, until } = issued.value;
      held = { credential, until, refresh: asked + (until - asked) * refreshAt };
      return { ok: true, value: credential };
    } catch (error) {
      return fail(issueFault(issuer, error));
    } finally {
      clearTimeout(timer);
      flight = null;
    }
  };

  return async (signal) => {
    const now = clock();
    const usable = held !== null && now < held.until - reserve ? held : null;
    if (usable !== null) {
      if (now >= usable.refresh && (failed === null || now >= failed.at + pause.withOne)) flight ??= fetchNew();
      return { ok: true, value: usable.credential };
    }
    if (failed !== null && now < failed.at + pause.without) return failed.outcome;
    flight ??= fetchNew();
    return race(flight, signal, issuer);
  };
}

/**
 * What a client library threw, as a fault. Nothing of it is kept but its name and status: messages, and the requests that such errors
 * carry, hold tokens and what was answered.
 */
export function issueFault(issuer: string, error: unknown): Outcome<never> {
  const status = statusOf(error);
  const name = error instanceof Error && /^[A-Za-z.]{1,60}$/.test(error.name) ? error.name : 'Error';
  const refused = status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429;
  const code: FaultCode = refused || name === 'CredentialsProviderError' ? 'REGISTRY_UNAUTHORIZED' : 'REGISTRY_UNAVAILABLE';
  return bad(code, `no credential could be had from ${issuer}: ${name}${status === null ? '' : `, HTTP ${status}`}`);
}

/** Where the libraries of AWS, Azure and Google keep the HTTP status. */
function statusOf(error: unknown): number | null {
  if (typeof error !== 'object' || error === null) return null;
  const places = [
    'status' in error ? error.status : null,
    'statusCode' in error ? error.statusCode : null,
    '$metadata' in error && typeof error.$metadata === 'object' && error.$metadata !== null && 'httpStatusCode' in error.$metadata
      ? error.$metadata.httpStatusCode
      : null,
    'response' in error && typeof error.response === 'object' && error.response !== null && 'status' in error.response ? error.response.status : null,
  ];
  return places.find((status) => typeof status === 'number') ?? null;
}

async function race<T>(work: Promise<Outcome<T>>, signal: AbortSignal, issuer: string): Promise<Outcome<T>> {
  const late = Promise.withResolvers<Outcome<T>>();
  const onAbort = (): void => late.resolve(bad('REGISTRY_UNAVAILABLE', `no credential came from ${issuer} in time`));
  if (signal.aborted) onAbort();
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // Whoever comes late has nobody left to tell.
    work.catch(() => {});
  }
}
