import type { Digest } from '../domain/digest.ts';
import type { Finds, PlatformImage, Rejection, Scan, Subject } from '../domain/evidence.ts';
import { bad, type Fault, type Outcome } from '../domain/fault.ts';
import { property } from '../domain/json.ts';
import { decodeVulnPredicate } from './cosignVuln.ts';
import { findDifference } from './sameContent.ts';
import { choose, evaluate, withoutResult } from './scan.ts';
import { decodeTrivyReport, readImageId, type TrivyReport } from './trivyReport.ts';

/** What is attached to one digest: the image's own, or that of one of its platforms. */
export interface Attached {
  readonly digest: Digest;
  readonly reports: readonly AttachedReport[];
  /** What stood in the way of looking at more. */
  readonly faults: readonly Fault[];
  /** Why something that is attached does not count for want of trust; null when there is no such thing. */
  readonly untrusted: string | null;
}

export interface AttachedReport {
  /** How people are told of it: `the report that ci attested`. */
  readonly what: string;
  /** Who vouches for it; null where the place itself is trusted. */
  readonly signer: string | null;
  readonly imageId: Digest | null;
  /** The oldest time that its envelope claims, in milliseconds since the epoch. */
  readonly claimed: number | null;
  readonly report: Outcome<TrivyReport>;
}

type Voucher = Pick<AttachedReport, 'what' | 'signer'>;

/** The digests that something may be attached to: of the image, and of each of its platforms. */
export function attachable(subject: Subject): readonly Digest[] {
  return [...new Set([subject.image.digest, ...subject.platforms.map(({ digest }) => digest)])];
}

/** Reads the predicate that `trivy image --format cosign-vuln` writes. */
export function readPredicate(voucher: Voucher, value: unknown): AttachedReport {
  const predicate = decodeVulnPredicate(value);
  if (!predicate.ok) return { ...voucher, imageId: null, claimed: null, report: predicate };
  const { report, scannedAt } = predicate.value;
  return { ...voucher, imageId: readImageId(report), claimed: scannedAt, report: decodeTrivyReport(report) };
}

/** Reads what may be such a predicate, or Trivy's own JSON. SARIF is told by its name, since it is what many attach. */
export function readDocument(voucher: Voucher, value: unknown): AttachedReport {
  if (property(value, 'runs') !== undefined) return { ...voucher, imageId: null, claimed: null, report: sarifRefused };
  if (property(value, 'scanner') !== undefined) return readPredicate(voucher, value);
  return { ...voucher, imageId: readImageId(value), claimed: null, report: decodeTrivyReport(value) };
}

export const sarifRefused = bad('SCAN_INVALID', 'it is SARIF, which holds no time and no status of a finding; attach Trivy JSON or cosign-vuln instead');

/** What all that is attached says about an image, platform by platform. `none`: words for when nothing is. */
export function judgeAttached(
  source: string,
  subject: Subject,
  attached: readonly Attached[],
  now: number,
  none: string,
): Pick<Finds, 'scans' | 'rejected' | 'faults'> {
  return {
    scans: subject.platforms.map((platform) => scanOf(source, platform, attached, subject, now, none)),
    rejected: attached.flatMap((at) => at.reports.flatMap((report) => reject(source, report, at.digest, subject))),
    faults: attached.flatMap(({ faults }) => faults),
  };
}

function scanOf(source: string, image: PlatformImage, attached: readonly Attached[], subject: Subject, now: number, none: string): Scan {
  const place = { source, image, subject };
  const scans: Scan[] = [];
  for (const at of attached) {
    // What is attached to a sibling's manifest says nothing about this platform.
    if (at.digest !== image.digest && at.digest !== subject.image.digest) continue;
    for (const found of at.reports) {
      if (found.imageId === image.imageId && found.report.ok) scans.push(evaluate(place, found.report.value, found.signer, found.claimed, now));
      else if (found.imageId === image.imageId || found.imageId === null) scans.push(withoutResult(place, 'invalid', unusable(found)));
      else scans.push(withoutResult(place, binding(found, at.digest, subject), strange(found)));
    }
    const [fault] = at.faults;
    if (fault !== undefined) scans.push(withoutResult(place, 'unavailable', `not all that is attached could be looked at: ${fault.message}`));
    if (at.untrusted !== null) scans.push(withoutResult(place, 'untrusted', at.untrusted));
  }
  return choose(withoutResult(place, 'missing', none), scans);
}

/**
 * What a report about other content is: one child's report on the index is as it should be, a report about a foreign image is not.
 * Whoever signs or attaches it may not have looked into it, so the two must be compared here.
 */
function binding(found: AttachedReport, digest: Digest, subject: Subject): 'otherPlatform' | 'mismatch' {
  if (subject.manifest.kind !== 'index' || digest !== subject.image.digest) return 'mismatch';
  if (subject.platforms.some(({ imageId }) => imageId === found.imageId)) return 'otherPlatform';
  const claimed = found.report.ok ? found.report.value.platform : null;
  return claimed !== null && subject.platforms.every(({ platform }) => platform !== claimed) ? 'otherPlatform' : 'mismatch';
}

function reject(source: string, found: AttachedReport, digest: Digest, subject: Subject): Rejection[] {
  const rejection = (message: string): Rejection[] => [{ stage: 'scans', source, layout: null, code: 'SCAN_INVALID', message }];
  if (!found.report.ok) return rejection(unusable(found));
  const { content } = found.report.value;
  const same = subject.platforms.filter(({ imageId }) => imageId === found.imageId);
  const differences = same.map((image) => findDifference(content, image, subject));
  const [difference] = differences;
  if (difference && !differences.includes(null)) return rejection(`${found.what} does not count: ${difference}`);
  const own = subject.platforms.filter((platform) => platform.digest === digest);
  if (own.some(({ imageId }) => imageId === found.imageId)) return [];
  const belongs = own.length === 0 && subject.platforms.some(({ imageId }) => imageId === found.imageId);
  return belongs || binding(found, digest, subject) === 'otherPlatform' ? [] : rejection(strange(found));
}

function unusable({ what, report }: AttachedReport): string {
  return `${what} can't be used: ${report.ok ? 'it is about no image' : report.fault.message}`;
}

function strange({ what, imageId }: AttachedReport): string {
  return `${what} is about the image ID ${imageId}, which is another one`;
}
