import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import { type Finds, noFinds, type PlatformImage, type Rejection, type Scan, type Subject } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { decodeVulnPredicate, vulnPredicateType } from './cosignVuln.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { choose, evaluate, withoutResult } from './scan.ts';
import { decodeTrivyReport, readImageId, type TrivyReport } from './trivyReport.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy-attestation'),
  signers: z.array(z.string().min(1)).min(1).describe('names of signers whose vulnerability attestations count'),
});
type Settings = z.infer<typeof settings>;

/** Trivy reports as in-toto attestations (`cosign attest --type vuln`) by named signers. */
export const trivyAttestation: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    return good(attestationSource(entry, parts));
  },
};

/** What was attached to one digest. */
interface Attached {
  readonly digest: Digest;
  readonly reports: readonly AttestedReport[];
  readonly faults: readonly Fault[];
  /** Whether something is attached that none of the signers vouches for. */
  readonly untrusted: boolean;
}

interface AttestedReport {
  readonly signer: string;
  readonly imageId: Digest | null;
  readonly claimed: number | null;
  readonly report: Outcome<TrivyReport>;
}

function attestationSource({ name, kind, signers }: Settings, parts: ScanParts): ScanSource {
  return {
    name,
    stage: 'scans',
    kind,
    trust: createHash('sha256')
      .update(JSON.stringify([kind, [...signers].sort()]))
      .digest('hex'),
    applies: () => true,
    close: () => {},
    async look(subject, signal) {
      if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
      // An attestation may be on the index or on the platform's own manifest: `cosign attest` takes either.
      const digests = [...new Set([subject.image.digest, ...subject.platforms.map(({ digest }) => digest)])];
      const outcomes = await Promise.all(digests.map((digest) => parts.attestations(signers, subject, digest, signal)));
      const failed = outcomes.find((outcome) => !outcome.ok);
      if (failed !== undefined && !failed.ok && outcomes.every((outcome) => !outcome.ok)) return failed;
      const attached = digests.map((digest, i) => readAttached(digest, outcomes[i] ?? good(noFinds), signers));
      return good({
        ...noFinds,
        scans: subject.platforms.map((platform) => scanOf(name, platform, attached, subject, parts.clock())),
        rejected: attached.flatMap((at) => at.reports.flatMap((report) => reject(name, report, at.digest, subject))),
        faults: attached.flatMap(({ faults }) => faults),
      });
    },
  };
}

function readAttached(digest: Digest, outcome: Outcome<Finds>, signers: readonly string[]): Attached {
  if (!outcome.ok) return { digest, reports: [], faults: [outcome.fault], untrusted: false };
  const { attestations, faults, rejected } = outcome.value;
  // A statement counts for the digest it names, whatever it is attached to.
  const ours = attestations.filter(
    ({ signer, subject, predicateType }) => signers.includes(signer) && subject === digest && predicateType === vulnPredicateType,
  );
  return { digest, reports: ours.map(({ signer, predicate }) => readReport(signer, predicate)), faults, untrusted: rejected.length > 0 };
}

function readReport(signer: string, value: unknown): AttestedReport {
  const predicate = decodeVulnPredicate(value);
  if (!predicate.ok) return { signer, imageId: null, claimed: null, report: predicate };
  const { report, scannedAt } = predicate.value;
  return { signer, imageId: readImageId(report), claimed: scannedAt, report: decodeTrivyReport(report) };
}

function scanOf(source: string, image: PlatformImage, attached: readonly Attached[], subject: Subject, now: number): Scan {
  const place = { source, platform: image.platform };
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
    if (fault !== undefined) scans.push(withoutResult(place, 'unavailable', `not all attestations could be looked at: ${fault.message}`));
    if (at.untrusted) scans.push(withoutResult(place, 'untrusted', 'no accepted signer vouches for what is attached'));
  }
  return choose(withoutResult(place, 'missing', 'no vulnerability attestation is attached'), scans);
}

/**
 * What a report about other content is: one child's report on the index is as it should be, a report about a foreign image is not.
 * A signer signs a predicate unseen, so the two must be compared here.
 */
function binding(found: AttestedReport, digest: Digest, subject: Subject): 'otherPlatform' | 'mismatch' {
  if (subject.manifest.kind !== 'index' || digest !== subject.image.digest) return 'mismatch';
  if (subject.platforms.some(({ imageId }) => imageId === found.imageId)) return 'otherPlatform';
  const claimed = found.report.ok ? found.report.value.platform : null;
  return claimed !== null && subject.platforms.every(({ platform }) => platform !== claimed) ? 'otherPlatform' : 'mismatch';
}

function reject(source: string, found: AttestedReport, digest: Digest, subject: Subject): Rejection[] {
  const rejection = (message: string): Rejection[] => [{ stage: 'scans', source, layout: null, code: 'SCAN_INVALID', message }];
  if (!found.report.ok) return rejection(unusable(found));
  const own = subject.platforms.filter((platform) => platform.digest === digest);
  if (own.some(({ imageId }) => imageId === found.imageId)) return [];
  const belongs = own.length === 0 && subject.platforms.some(({ imageId }) => imageId === found.imageId);
  return belongs || binding(found, digest, subject) === 'otherPlatform' ? [] : rejection(strange(found));
}

function unusable({ signer, report }: AttestedReport): string {
  return `the report that ${signer} attested can't be used: ${report.ok ? 'it is about no image' : report.fault.message}`;
}

function strange({ signer, imageId }: AttestedReport): string {
  return `the report that ${signer} attested is about the image ID ${imageId}, which is another one`;
}
