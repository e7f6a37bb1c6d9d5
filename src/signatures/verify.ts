import type { Outcome } from '../domain/fault.ts';
import type { Claim } from './claim.ts';

/** Who signed, proven. */
export interface Verified {
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly keyId: string;
  /** For whom the key was certified; null where the key itself is trusted. */
  readonly certified: Certified | null;
  /** RFC 3339, from a log entry or timestamp that was verified. */
  readonly signedAt: string | null;
}

export interface Certified {
  readonly issuer: string;
  /** The one that was asked for. */
  readonly identity: string;
  /** All that the certificate names. */
  readonly identities: readonly string[];
  readonly claims: Readonly<Record<string, string>>;
}

/**
 * Says whose a claim is: the only place where a signature is believed. At once, or from a thread of its own; INTERNAL where nobody could
 * find out.
 */
export type VerifyClaim = (claim: Claim) => Outcome<Verified> | Promise<Outcome<Verified>>;

/** One look at a claim is enough: the same claim is asked for again when its attestations are. */
export function onceEach<T>(verify: (claim: Claim) => T): (claim: Claim) => T {
  const known = new WeakMap<Claim, { readonly outcome: T }>();
  return (claim) => {
    const before = known.get(claim);
    if (before !== undefined) return before.outcome;
    const outcome = verify(claim);
    known.set(claim, { outcome });
    return outcome;
  };
}
