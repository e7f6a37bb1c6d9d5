import type { Review } from '../domain/admission.ts';
import { canonicalJson, canonicalString, canonicalStringOrNull, canonicalText } from '../domain/canonical.ts';
import type { Question } from '../domain/decision.ts';
import type { Evidence, JudgedImage, Scan, ScanFinding, StageFault, VerifiedAttestation, VerifiedSignature } from '../domain/evidence.ts';
import type { Glob } from '../domain/glob.ts';

/** Version of the document's form. A field may be added within a version; none changes its meaning or goes. */
export const inputVersion = 1;

const lastApplied = 'kubectl.kubernetes.io/last-applied-configuration';

/**
 * The document policies see, as canonical JSON (RFC 8785): `{images, now, review, version}`, as src/policy/schema.ts describes it.
 * Members are written in sorted order by hand, and what comes from evidence, which many requests share, is written once for each
 * Evidence object, since this runs for every admission.
 */
export function inputDocument(question: Question): string {
  let images = '';
  for (const image of question.images) images += images === '' ? imageJson(image) : `,${imageJson(image)}`;
  const now = canonicalString(new Date(question.now).toISOString());
  return `{"images":[${images}],"now":${now},"review":${reviewJson(question.review)},"version":${inputVersion}}`;
}

/** Characters that the evidence of all images takes in the document. Cheap: each piece was written before. */
export function evidenceLength({ images }: Question): number {
  let length = 0;
  for (const { evidence } of images) {
    const { attestations, faultsAndLastKnownGood, platforms, rejected, scansAndSignatures } = evidenceJson(evidence);
    length += attestations.length + faultsAndLastKnownGood.length + platforms.length + rejected.length + scansAndSignatures.length;
  }
  return length;
}

export const noEvidence: Evidence = { platforms: [], signatures: [], attestations: [], scans: [], rejected: [], faults: [], lastKnownGood: [], dark: [] };

/**
 * The document as it may be kept: the values of annotations that nobody allowed are left out, since people keep all kinds of things
 * there. Policies saw them; a replay sees that they are missing.
 */
export function recordedDocument(question: Question, seen: string, allowed: Glob): string {
  const { annotations } = question.review;
  const kept = Object.entries(annotations).filter(([key]) => key !== lastApplied);
  if (kept.every(([key]) => allowed(key))) return seen;
  const redacted = Object.fromEntries(kept.map(([key, value]) => [key, allowed(key) ? value : notRecorded]));
  return inputDocument({ ...question, review: { ...question.review, annotations: redacted } });
}

const notRecorded = '(not recorded)';

function reviewJson(review: Review): string {
  const owner = review.owner === null ? 'null' : `{"kind":${canonicalString(review.owner.kind)},"name":${canonicalString(review.owner.name)}}`;
  return (
    `{"annotations":${annotationsJson(review.annotations)},"dryRun":${review.dryRun},"kind":${canonicalString(review.kind)}` +
    `,"labels":${canonicalText(review.labels)},"name":${canonicalStringOrNull(review.name)},"namespace":${canonicalString(review.namespace)}` +
    `,"namespaceLabels":${review.namespaceLabels === null ? 'null' : canonicalText(review.namespaceLabels)}` +
    `,"operation":${canonicalString(review.operation)},"owner":${owner},"serviceAccount":${canonicalStringOrNull(review.serviceAccount)}` +
    `,"user":{"groups":[${review.user.groups.map(canonicalString).join(',')}],"username":${canonicalString(review.user.username)}}}`
  );
}

function annotationsJson(annotations: Review['annotations']): string {
  return canonicalText(Object.hasOwn(annotations, lastApplied) ? { ...annotations, [lastApplied]: undefined } : annotations);
}

function imageJson(image: JudgedImage): string {
  const { container, reference } = image;
  const evidence = evidenceJson(image.evidence);
  const referenceJson =
    reference === null
      ? 'null'
      : `{"digest":${canonicalStringOrNull(reference.digest)},"registry":${canonicalString(reference.registry)}` +
        `,"repository":${canonicalString(reference.repository)},"tag":${canonicalStringOrNull(reference.tag)}}`;
  return (
    `{"admitted":${canonicalString(image.admitted)},${evidence.attestations},"container":${canonicalString(container.container)}` +
    `,${evidence.faultsAndLastKnownGood},"mirror":${canonicalStringOrNull(image.mirror)},"path":${canonicalString(container.path)}` +
    `,"pinned":${image.pinned},${evidence.platforms},"pullPolicy":${canonicalStringOrNull(container.pullPolicy)},"reference":${referenceJson}` +
    `,${evidence.rejected},"role":"${container.role}",${evidence.scansAndSignatures},"written":${canonicalString(container.written)}}`
  );
}

/** Members of an image's object that come from evidence, in pieces that lie between its other members. */
interface EvidenceJson {
  readonly attestations: string;
  readonly faultsAndLastKnownGood: string;
  readonly platforms: string;
  readonly rejected: string;
  readonly scansAndSignatures: string;
}

// An Evidence object never changes once it is made, so its text doesn't either.
const written = new WeakMap<Evidence, EvidenceJson>();

function evidenceJson(evidence: Evidence): EvidenceJson {
  const known = written.get(evidence);
  if (known !== undefined) return known;
  // Fields are picked one by one: an object may carry more than its type says, such as a fault its cause.
  const faults = evidence.faults.map(({ stage, source, code, message, transient }: StageFault) => ({ stage, source, code, message, transient }));
  const lastKnownGood = evidence.lastKnownGood.map(({ stage, source, age }) => ({ stage, source, age }));
  const platforms = evidence.platforms.map(({ platform, digest, imageId, created, user, labels, annotations }) => ({
    platform,
    digest,
    imageId,
    created,
    user,
    labels,
    annotations,
  }));
  const rejected = evidence.rejected.map(({ stage, source, layout, code, message }) => ({ stage, source, layout, code, message }));
  const json: EvidenceJson = {
    attestations: `"attestations":${canonicalJson(evidence.attestations.map(pickAttestation))}`,
    faultsAndLastKnownGood: `"faults":${canonicalJson(faults)},"lastKnownGood":${canonicalJson(lastKnownGood)}`,
    platforms: `"platforms":${canonicalJson(platforms)}`,
    rejected: `"rejected":${canonicalJson(rejected)}`,
    scansAndSignatures: `"scans":${canonicalJson(evidence.scans.map(pickScan))},"signatures":${canonicalJson(evidence.signatures.map(pickSignature))}`,
  };
  written.set(evidence, json);
  return json;
}

function pickSignature(signature: VerifiedSignature): VerifiedSignature {
  const { signer, kind, layout, keyId, issuer, identity, claims, signedAt, subject, annotations, signedRepository } = signature;
  return { signer, kind, layout, keyId, issuer, identity, claims, signedAt, subject, annotations, signedRepository };
}

function pickAttestation({ signer, kind, predicateType, predicate, signedAt, subject }: VerifiedAttestation): VerifiedAttestation {
  return { signer, kind, predicateType, predicate, signedAt, subject };
}

function pickScan(scan: Scan): Scan {
  if (scan.state !== 'evaluated') return { source: scan.source, platform: scan.platform, digest: scan.digest, state: scan.state, reason: scan.reason };
  const { source, platform, digest, state, signer, scanner, scannedAt, databaseUpdatedAt, endOfLife, counts } = scan;
  const { CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN } = counts;
  return {
    source,
    platform,
    digest,
    state,
    signer,
    scanner,
    scannedAt,
    databaseUpdatedAt,
    endOfLife,
    counts: { CRITICAL, HIGH, MEDIUM, LOW, UNKNOWN },
    findings: scan.findings.map(pickFinding),
  };
}

function pickFinding(finding: ScanFinding): ScanFinding {
  const { id, package: name, purl, installed, fixed, severity, severities, status, published, suppressed } = finding;
  return {
    id,
    package: name,
    purl,
    installed,
    fixed,
    severity,
    severities,
    status,
    published,
    suppressed: suppressed === null ? null : { by: suppressed.by, reason: suppressed.reason },
  };
}
