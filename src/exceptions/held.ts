import { type Exception, isInForce, nameException } from '../domain/exception.ts';
import type { Outcome } from '../domain/fault.ts';
import { labelOf, type ReadException, readException } from './read.ts';
import { ceilingOf, faultOfSeal, type SealKeys } from './seal.ts';

/** How long exceptions last, and when their end is spoken of. Milliseconds. */
export interface ExceptionTimes {
  readonly longest: number;
  readonly warnBefore: number;
}

/** An exception that a source holds. Only one that could be used is kept whole: anybody may write a great many that can't. */
export type Held =
  | { readonly state: 'usable'; readonly label: string; readonly exception: Exception; readonly acknowledgedBy: string | null }
  | { readonly state: 'pending'; readonly label: string; readonly expires: number }
  /** Nobody's act, or not what was approved. */
  | { readonly state: 'void'; readonly label: string; readonly reason: string };

/** What becomes of an exception as time goes by. */
export type Standing = 'inForce' | 'upcoming' | 'expired' | 'pending' | 'void';

export function standingOf(held: Held, now: number): Standing {
  if (held.state === 'void') return 'void';
  if (held.state === 'pending') return held.expires <= now ? 'expired' : 'pending';
  if (isInForce(held.exception, now)) return 'inForce';
  return held.exception.expires <= now ? 'expired' : 'upcoming';
}

/** A breakglass may be spoken of no earlier than this before its end. */
const warnBeforeBreakglass = 15 * 60_000;

/** What an object of the cluster comes to: usable only if the webhook sealed it as it is, and somebody approved it, or broke the glass. */
export function holdObject(object: unknown, keys: SealKeys, times: ExceptionTimes): Held {
  const read = readException(object);
  if (!read.ok) return { state: 'void', label: labelOf(object), reason: read.fault.message };
  const { identity, status, spec } = read.value;
  const label = nameException(identity);
  const fault = faultOfSeal(read.value, keys);
  if (fault !== null || status === null) return { state: 'void', label, reason: fault ?? 'it has no seal' };
  const expires = ceilingOf(read.value, Date.parse(status.writtenAt), times.longest);
  if (!spec.breakglass && status.approvedBy === null) return { state: 'pending', label, expires };
  const by = { createdBy: status.changedBy ?? status.createdBy, approvedBy: status.approvedBy };
  return { state: 'usable', label, exception: exceptionOf(read.value, by, expires, times, null), acknowledgedBy: status.acknowledgedBy };
}

/**
 * What an object in a folder comes to. Whoever may write there is trusted, so that it needs no seal and no approval; but nobody stamps when
 * it was written, so that it has to say from when on it counts.
 */
export function holdFile(object: unknown, file: string, times: ExceptionTimes): Held {
  const read: Outcome<ReadException> = readException(object);
  if (!read.ok) return { state: 'void', label: labelOf(object), reason: read.fault.message };
  const { spec, identity } = read.value;
  const label = nameException(identity);
  if (spec.starts === null) return { state: 'void', label, reason: 'spec.starts: an exception in a folder must say from when on it counts' };
  const expires = ceilingOf(read.value, Date.parse(spec.starts), times.longest);
  if (expires < Date.parse(spec.expires)) {
    return { state: 'void', label, reason: `spec.expires: more than ${describeTime(expires - Date.parse(spec.starts))} after spec.starts` };
  }
  if (expires <= Date.parse(spec.starts)) return { state: 'void', label, reason: 'spec.expires: must be after spec.starts' };
  return { state: 'usable', label, exception: exceptionOf(read.value, { createdBy: null, approvedBy: null }, expires, times, file), acknowledgedBy: null };
}

function exceptionOf(
  { identity, revision, spec }: ReadException,
  by: Pick<Exception, 'createdBy' | 'approvedBy'>,
  expires: number,
  { warnBefore }: ExceptionTimes,
  file: string | null,
): Exception {
  const warnFrom = expires - (spec.breakglass ? Math.min(warnBefore, warnBeforeBreakglass) : warnBefore);
  return { ...identity, revision, spec, ...by, starts: spec.starts === null ? 0 : Date.parse(spec.starts), expires, warnFrom, file, stale: false };
}

/** A length of time in whole hours or days. */
export function describeTime(milliseconds: number): string {
  const hours = Math.round(milliseconds / 3_600_000);
  return hours >= 48 ? `${Math.round(hours / 24)} days` : `${hours} hours`;
}
