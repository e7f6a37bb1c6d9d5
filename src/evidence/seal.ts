import { createHash, createHmac, timingSafeEqual } from 'node:crypto';

const macLength = 43;

/** What a stored value turns out to be. Only `good` may be used. */
export type Opened =
  | { readonly state: 'good'; readonly since: number; readonly value: unknown }
  | { readonly state: 'bad' }
  | { readonly state: 'otherVersion' };

const version = 1;

/** Name under which a fact is stored: of one length, and telling nothing of the fact. */
export function storedName(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A fact as it is stored: HMAC-SHA-256 over key and body (base64url), then the body as JSON. `since` in milliseconds since the epoch. */
export function seal(secret: Uint8Array, key: string, since: number, value: unknown): string {
  const body = JSON.stringify({ version, since, value });
  return macOf(secret, key, body) + body;
}

/** Opens what a store gave. The body is parsed only when the HMAC says that it is ours, and for this very key. */
export function open(secret: Uint8Array, key: string, sealed: string): Opened {
  const body = sealed.slice(macLength);
  const expected = Buffer.from(macOf(secret, key, body));
  const given = Buffer.from(sealed.slice(0, macLength));
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { state: 'bad' };
  const parsed: unknown = JSON.parse(body);
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed) || !('since' in parsed) || !('value' in parsed)) return { state: 'bad' };
  if (parsed.version !== version) return { state: 'otherVersion' };
  return typeof parsed.since === 'number' ? { state: 'good', since: parsed.since, value: parsed.value } : { state: 'bad' };
}

function macOf(secret: Uint8Array, key: string, body: string): string {
  // The length keeps apart where the key ends and the body begins.
  return createHmac('sha256', secret).update(`tidewaiter fact ${key.length} ${key}${body}`).digest('base64url');
}
