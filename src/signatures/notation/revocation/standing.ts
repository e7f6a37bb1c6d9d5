import { z } from 'zod';
import type { Certificate } from '../certificate.ts';

/** What an issuer, or somebody for it, says of a certificate. Times are milliseconds since the epoch. */
export interface Standing {
  /** null: it is not revoked. */
  readonly revokedAt: number | null;
  /** From when on its key may have been in wrong hands (RFC 5280 section 5.3.2), where that is said of a revoked one. */
  readonly invalidFrom: number | null;
  /** When this was asked. */
  readonly from: number;
  /** Until when it holds: the next update. */
  readonly until: number;
}

const standing: z.ZodType<Standing> = z.strictObject({
  revokedAt: z.number().nullable(),
  invalidFrom: z.number().nullable(),
  from: z.number(),
  until: z.number(),
});

/** Reads back what a store gave. */
export function decodeStanding(stored: unknown): Standing | null {
  return standing.safeParse(stored).data ?? null;
}

/** A certificate and the one that issued it. */
export interface Issuance {
  readonly certificate: Certificate;
  readonly issuer: Certificate;
}

/** Clocks differ: so far ahead an answer may have been made. */
const skew = 300_000;
/** An answer that claims to hold for longer is looked at again all the same. */
const longestHold = 30 * 86_400_000;

/** Until when an answer holds; why not, where it does not hold now. One that does not say until when could be as old as it likes. */
export function holdsUntil(thisUpdate: Date, nextUpdate: Date | undefined, now: number): number | string {
  const [made, next] = [thisUpdate.getTime(), nextUpdate?.getTime() ?? null];
  if (next === null) return 'does not say until when it holds';
  if (!(made <= now + skew)) return 'is of the future';
  if (!(next > now)) return `held until ${Number.isNaN(next) ? 'no valid time' : new Date(next).toISOString()} only`;
  return Math.min(next, now + longestHold);
}
