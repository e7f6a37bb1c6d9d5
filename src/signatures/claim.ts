import type { TransparencyLogEntry } from '@sigstore/bundle';
import type { Digest } from '../domain/digest.ts';
import type { Outcome } from '../domain/fault.ts';

export type Layout = 'legacy' | 'bundle';

/** What somebody attached to an image: bytes, a signature over them, and nothing that is believed yet. Every layout ends in this. */
export interface Claim {
  readonly layout: Layout;
  /** As what it was presented: only for what is said about it when it is refused. */
  readonly purpose: Purpose;
  /** Names all that came with it, signature and proofs: two with one id are one. */
  readonly id: string;
  /** Digest of the blob it came in. */
  readonly blob: Digest;
  /** The bytes that the signature covers: the payload itself, or the DSSE pre-authentication encoding around it. */
  readonly signed: Buffer;
  readonly payload: Buffer;
  readonly signature: Buffer;
  readonly logEntries: readonly TransparencyLogEntry[];
  /** The signing certificate, DER, at most 16 KB; null where there is none. Chains that come along are not read: nobody has to believe them. */
  readonly certificate: Buffer | null;
  /** Id of the key that is said to have signed, SHA-256 of its SubjectPublicKeyInfo in hex: for people only, since anybody can say it. */
  readonly keyHint: string | null;
  /** RFC 3161 responses, DER, each at most 16 KB, and the bytes that they may be about. */
  readonly timestamps: readonly Buffer[];
  readonly timestamped: readonly Buffer[];
  /** What the payload says. To be asked once the signature is verified: nobody's JSON is parsed before we know whose it is. */
  read(): Outcome<Said>;
}

export type Purpose = 'signature' | 'attestation';

/** A digest that a payload speaks about, and the annotations that were signed with it. */
export interface NamedSubject {
  readonly digest: Digest;
  readonly annotations: Readonly<Record<string, string>>;
}

export type Said =
  | {
      readonly kind: 'signature';
      readonly subjects: readonly NamedSubject[];
      /** `registry/repository` that the signer named; null in a layout that has no place for it. */
      readonly repository: string | null;
    }
  | { readonly kind: 'attestation'; readonly subjects: readonly NamedSubject[]; readonly predicateType: string; readonly predicate: unknown };

/** A candidate that is not even well formed. */
export interface Malformed {
  readonly layout: Layout;
  readonly purpose: Purpose;
  readonly blob: Digest;
  readonly reason: string;
}
