import { createHmac, timingSafeEqual } from 'node:crypto';
import { type ExceptionStamps, sealText } from '../domain/exception.ts';
import type { ReadException } from './read.ts';
import { type ExceptionStatus, longestBreakglass } from './schema.ts';

/** Keys of the seal. The first one seals; all of them open, so that a key can be replaced. */
export interface SealKeys {
  /** Empty while there is none: nothing is sealed then, and nothing opens. */
  keys(): readonly Uint8Array[];
}

/** Bytes that a key has at least. */
export const shortestKey = 32;

/** How far the clocks of API server and webhook may be apart, in milliseconds. */
const skew = 5 * 60_000;

export function makeSeal(key: Uint8Array, textToSeal: string): string {
  return createHmac('sha256', key).update(textToSeal).digest('base64url');
}

function fits(keys: readonly Uint8Array[], textToSeal: string, seal: string): boolean {
  const given = Buffer.from(seal);
  return keys.some((key) => {
    const expected = Buffer.from(makeSeal(key, textToSeal));
    return given.length === expected.length && timingSafeEqual(given, expected);
  });
}

export function stampsOf({ createdBy, changedBy, approvedBy, acknowledgedBy, writtenAt, approvedAt }: ExceptionStatus): ExceptionStamps {
  return { createdBy, changedBy, approvedBy, acknowledgedBy, writtenAt, approvedAt };
}

/** What is wrong with the seal of an object, in words; null when it is ours, and about this object as it is now. */
export function faultOfSeal({ identity, revision, status, createdAt }: ReadException, { keys }: SealKeys): string | null {
  if (status === null) return 'it has no seal: it was not written through the webhook';
  if (status.revision !== revision) return 'its spec was changed behind the webhook’s back';
  const stamps = stampsOf(status);
  if (identity.uid !== null && fits(keys(), sealText(identity, revision, stamps), status.seal)) return null;
  // What the API server is about to create has no uid yet. That seal is bound to the moment instead, and can't carry an approval.
  const moment = createdAt !== null && Math.abs(createdAt - Date.parse(status.writtenAt)) <= skew;
  if (stamps.approvedBy === null && moment && fits(keys(), sealText({ ...identity, uid: null }, revision, stamps), status.seal)) return null;
  return keys().length === 0 ? 'there is no key to open its seal with' : 'its seal is not ours, or is that of another object';
}

/** Milliseconds since the epoch: the end of an exception, wherever its spec puts it. */
export function ceilingOf({ spec }: Pick<ReadException, 'spec'>, writtenAt: number, longest: number): number {
  return Math.min(Date.parse(spec.expires), writtenAt + (spec.breakglass ? longestBreakglass : longest));
}
