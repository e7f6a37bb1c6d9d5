import type { Claim } from '../claim.ts';

/** What must be proven besides the signature itself, its certificate's chain, and that it was made while the certificate was valid. */
export interface Proofs {
  /** That a transparency log has recorded the signature. Without it, no entry of a log counts for anything: not for the time either. */
  readonly transparencyLog: boolean;
  /** That a certificate transparency log has recorded the certificate (SCT). */
  readonly certificateLog: boolean;
}

/** A claim without what it says: that is read once it is proven, and elsewhere. */
export type BareClaim = Omit<Claim, 'read'>;

export type ToProver =
  /** A trusted root, before the first question about it. */
  | { readonly type: 'root'; readonly hash: string; readonly bytes: Uint8Array }
  | {
      readonly type: 'prove';
      readonly id: number;
      readonly root: string;
      readonly proofs: Proofs;
      readonly claim: BareClaim;
      readonly certificate: Uint8Array;
    };

export interface FromProver {
  readonly id: number;
  /** Milliseconds since the epoch at which it was signed; or why that is not proven, in words for people. */
  readonly outcome: { readonly time: number } | { readonly refused: string };
}
