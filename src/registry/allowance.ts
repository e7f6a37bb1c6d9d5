import type { IncomingHttpHeaders } from 'node:http';

/** What a registry said it still allows whoever asked. */
export interface Allowance {
  readonly remaining: number;
  /** Of the whole window; null where it is not said. */
  readonly limit: number | null;
}

/** Of a whole window, the part below which questions that can wait are not asked. */
const scarcePart = 0.1;
const scarceCount = 10;

export function isScarce({ remaining, limit }: Allowance): boolean {
  return remaining < (limit === null ? scarceCount : limit * scarcePart);
}

/**
 * Reads what is left of a rate limit: `RateLimit-Remaining: 76;w=21600` beside `RateLimit-Limit` as Docker Hub and GitHub write it (the
 * latter with `X-`), or `RateLimit: "default";r=76` beside `RateLimit-Policy: "default";q=100`. null where nothing of it is said.
 * https://docs.docker.com/docker-hub/usage/pulls/ https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-ratelimit-headers-10
 */
export function readAllowance(headers: IncomingHttpHeaders): Allowance | null {
  const one = (name: string): string => {
    const value = headers[name] ?? headers[`x-${name}`];
    return typeof value === 'string' ? value : '';
  };
  const remaining = leading(one('ratelimit-remaining')) ?? parameter(one('ratelimit'), 'r') ?? parameter(one('ratelimit'), 'remaining');
  if (remaining === null) return null;
  const limit = leading(one('ratelimit-limit')) ?? parameter(one('ratelimit-policy'), 'q') ?? parameter(one('ratelimit'), 'limit');
  return { remaining, limit: limit === 0 ? null : limit };
}

/** The number a field begins with. */
function leading(text: string): number | null {
  return number(/^\s*(\d{1,12})\s*(?:[;,]|$)/.exec(text)?.[1]);
}

/** The first number of that name: of several policies the first is as good as any. */
function parameter(text: string, name: string): number | null {
  const parts = text.slice(0, 1_000).split(/[;,]/);
  const found = parts.map((part) => part.trim().split('=')).find(([key]) => key === name);
  return number(/^\d{1,12}$/.exec(found?.[1] ?? '')?.[0]);
}

function number(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}
