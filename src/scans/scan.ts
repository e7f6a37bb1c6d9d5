import type { PlatformImage, Scan, Subject } from '../domain/evidence.ts';
import { findDifference } from './sameContent.ts';
import { clockSkew } from './time.ts';
import type { TrivyReport } from './trivyReport.ts';

type State = Scan['state'];

/**
 * Which of several states counts. A report about this very content that can't be read goes first: it may be the newest one, and what
 * it can't be read for may be what it found. Then what could be evaluated, what else was found out about this very platform, and
 * "could not look" before all that would mean "found none".
 */
const order: readonly State[] = [
  'invalid',
  'evaluated',
  'inconclusive',
  'unavailable',
  'pending',
  'failed',
  'mismatch',
  'untrusted',
  'otherPlatform',
  'missing',
];

/** Where a report is looked for: at a platform of an image. */
export interface ScanPlace {
  readonly source: string;
  readonly image: PlatformImage;
  readonly subject: Subject;
}

/** A scan that did not lead to findings, with the reason in one sentence. */
export function withoutResult({ source, image }: ScanPlace, state: Exclude<State, 'evaluated'>, reason: string): Scan {
  return { source, platform: image.platform, digest: image.digest, state, reason };
}

/**
 * What a report that has the image ID of a platform says about it. `claimed` is the time its envelope claims: the older one counts, since
 * converting an old report dates it anew.
 */
export function evaluate(place: ScanPlace, report: TrivyReport, signer: string | null, claimed: number | null, now: number): Scan {
  const difference = findDifference(report.content, place.image, place.subject);
  if (difference !== null) return withoutResult(place, 'mismatch', difference);
  if (Math.max(report.scannedAt, claimed ?? 0) > now + clockSkew) return withoutResult(place, 'invalid', 'the report claims to be from the future');
  if (report.inconclusive !== null) return withoutResult(place, 'inconclusive', report.inconclusive);
  return {
    source: place.source,
    platform: place.image.platform,
    digest: place.image.digest,
    state: 'evaluated',
    signer,
    scanner: report.scanner,
    scannedAt: new Date(Math.min(report.scannedAt, claimed ?? report.scannedAt)).toISOString(),
    databaseUpdatedAt: report.databaseUpdatedAt,
    endOfLife: report.endOfLife,
    counts: report.counts,
    findings: report.findings,
  };
}

/** The one scan that counts for a platform: the newest evaluated one, on a tie the one with more findings, else by state. */
export function choose(first: Scan, others: readonly Scan[]): Scan {
  return others.reduce((best, scan) => (beats(scan, best) ? scan : best), first);
}

function beats(a: Scan, b: Scan): boolean {
  if (a.state !== 'evaluated' || b.state !== 'evaluated') return order.indexOf(a.state) < order.indexOf(b.state);
  // Both are ISO 8601 in UTC with milliseconds: they compare as text.
  return a.scannedAt === b.scannedAt ? a.findings.length > b.findings.length : a.scannedAt > b.scannedAt;
}
