import type { Fault, Outcome } from '../domain/fault.ts';

/** A place that policy bundles are fetched from. */
export interface BundleOrigin {
  /** For people: an address without anything secret. */
  readonly name: string;
  /** Whether it names its content by digest: then an older one is what somebody wants. */
  readonly pinned: boolean;
  /** Changes with whom it trusts: what was kept under another trust is not used. */
  readonly trust: string;
  /**
   * Fetches what is there now. Resolves to 'unchanged' where that is known to be what `known` says. Faults: those of fetching, and
   * SIGNATURE_INVALID or SIGNER_MISMATCH for what is not vouched for.
   */
  fetch(known: string | null, signal: AbortSignal): Promise<Outcome<FetchedBundle | 'unchanged'>>;
}

export interface FetchedBundle {
  readonly bytes: Uint8Array;
  /** By which it is known at its origin: an ETag, a digest. null: it is fetched anew each time. */
  readonly version: string | null;
}

/** What came of one look: something new, nothing new, a bundle that was refused, or no answer. */
export type FetchOutcome = 'new' | 'unchanged' | 'refused' | 'failed';

/** Where a fetched set comes from, for people. */
export interface FollowStatus {
  readonly origin: string;
  /** `sha256:…` of the bundle that was accepted last; null: none. */
  readonly digest: string | null;
  /** As its origin knows that bundle: an ETag, the digest of its manifest; null: it does not say. */
  readonly version: string | null;
  /** When its origin last said that it has this one, ms since the epoch. */
  readonly confirmedAt: number | null;
  /** Why the last look came to nothing, or what it found was refused. */
  readonly fault: Fault | null;
}
