import pLimit from 'p-limit';
import type { Digest } from '../../domain/digest.ts';
import { bad, type Fault, fault, type Outcome } from '../../domain/fault.ts';
import type { Repository } from '../../domain/image.ts';
import type { Call, Descriptor, Manifest, Referrers, Registry } from '../../domain/registry.ts';
import type { Claim, Malformed, Purpose } from '../claim.ts';

/** What one layout has to show. */
export interface Glimpse {
  /** Whether the registry answered at all, be it that there is none. */
  readonly looked: boolean;
  readonly claims: readonly Claim[];
  readonly malformed: readonly Malformed[];
  readonly faults: readonly Fault[];
}

export interface ReadingLimits {
  readonly referrers: number;
  readonly layers: number;
  readonly signature: number;
  readonly attestation: number;
  readonly total: number;
  readonly requests: number;
}

/** One look at what is attached to a digest: its requests, within common bounds. */
export interface Reading {
  readonly digest: Digest;
  readonly limits: ReadingLimits;
  manifest(reference: { readonly digest: Digest } | { readonly tag: string }): Promise<Outcome<Manifest>>;
  referrers(): Promise<Outcome<Referrers>>;
  /** A blob of a candidate, within the bound for what it is presented as, and the bound for all of them. */
  blob(descriptor: Descriptor, purpose: Purpose): Promise<Outcome<Uint8Array>>;
}

export function openReading(registry: Registry, repository: Repository, digest: Digest, call: Call, limits: ReadingLimits): Reading {
  const limit = pLimit(limits.requests);
  let left = limits.total;
  return {
    digest,
    limits,
    manifest: (reference) => limit(() => registry.manifest(repository, reference, call)),
    referrers: () => limit(() => registry.referrers(repository, digest, call)),
    async blob(descriptor, purpose) {
      const longest = limits[purpose];
      if (descriptor.size > longest) return bad('LIMIT_EXCEEDED', `one ${purpose} of the image is longer than ${longest} bytes and was left out`);
      if (descriptor.size > left)
        return bad('LIMIT_EXCEEDED', `what is attached to the image is more than ${limits.total} bytes in all; the rest was left out`);
      left -= descriptor.size;
      return limit(() => registry.blob(repository, descriptor, longest, call));
    },
  };
}

export const nothing: Glimpse = { looked: true, claims: [], malformed: [], faults: [] };

export function couldNotLook(reason: Fault): Glimpse {
  return { ...nothing, looked: false, faults: [reason] };
}

export function tooMany(what: string, most: number): Fault {
  return fault('LIMIT_EXCEEDED', `the image has more than ${most} ${what}; the rest was left out`);
}

/** Several looks of one layout as one. */
export function together(glimpses: readonly Glimpse[]): Glimpse {
  return {
    looked: true,
    claims: glimpses.flatMap(({ claims }) => claims),
    malformed: glimpses.flatMap(({ malformed }) => malformed),
    faults: glimpses.flatMap(({ faults }) => faults),
  };
}
