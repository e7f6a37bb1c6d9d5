import { LRUCache } from 'lru-cache';
import type { Digest } from '../domain/digest.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import type { Access, Registry } from '../domain/registry.ts';
import type { Claim, Malformed } from './claim.ts';
import { readBundles } from './layouts/bundles.ts';
import { readLegacyAttestations, readLegacySignatures } from './layouts/legacy.ts';
import { type Glimpse, openReading } from './layouts/reading.ts';

export interface LayoutLimits {
  /** Milliseconds that one look may take, however long its callers wait. */
  readonly readFor: number;
  /** Milliseconds that claims are kept in memory; facts proper are kept by the evidence room. */
  readonly keepFor: number;
  /** The same, where nothing was found, or not all was read. */
  readonly keepNoneFor: number;
  /** Bytes of claims kept at most. */
  readonly keep: number;
  /** Looks in flight at most. */
  readonly reading: number;
  readonly referrers: number;
  /** Of one legacy tag. */
  readonly layers: number;
  /** Bytes of one signature, one attestation, and of all that one look may fetch. */
  readonly signature: number;
  readonly attestation: number;
  readonly total: number;
  /** Registry requests of one look at the same time. */
  readonly requests: number;
}

const defaults: LayoutLimits = {
  readFor: 10_000,
  keepFor: 10_000,
  keepNoneFor: 1_000,
  keep: 64 * 1024 * 1024,
  reading: 1_000,
  referrers: 64,
  layers: 32,
  signature: 256 * 1024,
  attestation: 4 * 1024 * 1024,
  total: 32 * 1024 * 1024,
  requests: 32,
};

/** All that is attached to a digest in one repository, over all layouts: none of them hides another. */
export interface Attached {
  readonly claims: readonly Claim[];
  readonly malformed: readonly Malformed[];
  /** What could not be read, or was left out for its number or size. */
  readonly faults: readonly Fault[];
}

export interface Layouts {
  /** `ok: false` when no layout could be looked at. A caller whose signal aborts gets DEADLINE_EXCEEDED, and the reading goes on for the others. */
  read(repository: Repository, digest: Digest, access: Access, signal: AbortSignal): Promise<Outcome<Attached>>;
}

/** The reader that all signers share: one set of registry requests for a digest, however many ask. */
export function createLayouts(registry: Registry, limits: Partial<LayoutLimits> = {}): Layouts {
  const bounds = { ...defaults, ...limits };
  const kept = new LRUCache<string, Attached>({ maxSize: bounds.keep, sizeCalculation: weigh, ttl: bounds.keepFor });
  const flights = new Map<string, Promise<Outcome<Attached>>>();

  const fly = async (key: string, repository: Repository, digest: Digest, access: Access): Promise<Outcome<Attached>> => {
    const reading = openReading(registry, repository, digest, { signal: AbortSignal.timeout(bounds.readFor), access }, bounds);
    const glimpses = await Promise.all([readLegacySignatures(reading), readLegacyAttestations(reading), readBundles(reading)]);
    const outcome = union(glimpses);
    // An outage is never kept. That there is too much is an answer: asking again would only fetch it again.
    if (outcome.ok && outcome.value.faults.every(({ code, transient }) => code === 'LIMIT_EXCEEDED' && !transient)) {
      // Whoever has just signed, or has just cleared away what was too much, waits for this.
      const passing = outcome.value.claims.length === 0 || outcome.value.faults.length > 0;
      kept.set(key, outcome.value, { ttl: passing ? bounds.keepNoneFor : bounds.keepFor });
    }
    return outcome;
  };

  return {
    read(repository, digest, access, signal) {
      const key = JSON.stringify([access.key, repositoryName(repository), digest]);
      const before = kept.get(key);
      if (before !== undefined) return Promise.resolve(good(before));
      let flight = flights.get(key);
      if (flight === undefined) {
        if (flights.size >= bounds.reading)
          return Promise.resolve(bad('LIMIT_EXCEEDED', 'too many signatures are being looked for at once', { transient: true }));
        flight = fly(key, repository, digest, access)
          .catch((cause: unknown): Outcome<Attached> => bad('INTERNAL', 'looking for signatures failed unexpectedly', { cause }))
          .finally(() => flights.delete(key));
        flights.set(key, flight);
      }
      return unlessLate(flight, signal);
    },
  };
}

function union(glimpses: readonly Glimpse[]): Outcome<Attached> {
  const faults = glimpses.flatMap((glimpse) => glimpse.faults);
  const [first] = faults;
  if (first !== undefined && glimpses.every(({ looked }) => !looked)) return { ok: false, fault: first };
  return good({
    claims: glimpses.flatMap(({ claims }) => claims),
    malformed: glimpses.flatMap(({ malformed }) => malformed),
    faults: distinct(faults),
  });
}

/** An outage says the same of each layout. */
function distinct(faults: readonly Fault[]): Fault[] {
  return [...new Map(faults.map((each) => [`${each.code} ${each.message}`, each])).values()];
}

/** Bytes in memory, roughly; what a certificate is parsed into is several times as large as itself. */
function weigh({ claims, malformed }: Attached): number {
  const weighOne = ({ signed, payload, certificate, timestamps, logEntries }: Claim): number =>
    [...timestamps, ...logEntries.map(({ canonicalizedBody }) => canonicalizedBody)].reduce((sum, { length }) => sum + length, 0) +
    signed.length +
    payload.length +
    16 * (certificate?.length ?? 0) +
    1024;
  return claims.reduce((sum, claim) => sum + weighOne(claim), 1024 + 256 * malformed.length);
}

function unlessLate<T>(flight: Promise<Outcome<T>>, signal: AbortSignal): Promise<Outcome<T>> {
  const late = (): Outcome<T> => bad('DEADLINE_EXCEEDED', 'the signatures could not be read within the time limit');
  if (signal.aborted) return Promise.resolve(late());
  return new Promise((resolve) => {
    const onAbort = (): void => resolve(late());
    signal.addEventListener('abort', onAbort, { once: true });
    void flight.then((outcome) => {
      signal.removeEventListener('abort', onAbort);
      resolve(outcome);
    });
  });
}
