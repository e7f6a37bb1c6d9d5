import { type Fault, fault } from '../domain/fault.ts';
import type { Credential } from '../domain/registry.ts';
import type { AttemptFault } from './networkFault.ts';

/** How a request was authorised, in words for people. */
export type AskedAs = 'anonymously' | `with ${string}`;

export function askedAs(credential: Credential | null): AskedAs {
  if (credential === null) return 'anonymously';
  const words: Record<Credential['kind'], string> = { basic: 'a user name and password', identityToken: 'an identity token', bearer: 'a registry token' };
  return `with ${words[credential.kind]}`;
}

/** 401 and 403: never "not found", since nobody looked. */
export function unauthorized(who: string, status: number, what: string, as: AskedAs): Fault {
  const words = status === 403 ? '403 Forbidden' : '401 Unauthorized';
  return fault('REGISTRY_UNAUTHORIZED', `${who} answered ${words} for ${what}, asked ${as}`);
}

/** Statuses that are faults whatever was asked; null: the caller knows what to make of it. */
export function statusFault(host: string, status: number, retryAfter: string | string[] | undefined, what: string, now: number): AttemptFault | null {
  if (status === 429) {
    const after = readRetryAfter(retryAfter, now);
    const wait = after === null ? '' : `; it wants to be left alone for ${Math.ceil(after / 1000)} s`;
    return { fault: fault('REGISTRY_RATE_LIMITED', `${host} answered 429 Too Many Requests for ${what}${wait}`), retry: true, after };
  }
  if (isOutage(status)) {
    const after = readRetryAfter(retryAfter, now);
    return { fault: fault('REGISTRY_UNAVAILABLE', `${host} answered ${status} for ${what}`), retry: true, after };
  }
  return null;
}

/** A status that says that the registry, or what it needs, is down. */
export function isOutage(status: number): boolean {
  return status === 408 || (status >= 500 && status !== 501);
}

/** A status that nothing explains. */
export function unexpectedStatus(host: string, status: number, what: string): Fault {
  return fault('RESPONSE_INVALID', `${host} answered with the unexpected status ${status} for ${what}`);
}

/** Milliseconds: seconds, or a date (RFC 9110, 10.2.3). */
export function readRetryAfter(value: string | string[] | undefined, now: number): number | null {
  if (typeof value !== 'string') return null;
  if (/^\d{1,9}$/.test(value.trim())) return Number(value.trim()) * 1000;
  // Date.parse alone takes many a text for a date.
  const at = /^[A-Z][a-z]{2,8}, /.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
