import { canonicalText, type Renderable, Rendered } from '../domain/canonical.ts';
import type { WeighedFinding } from '../domain/decision.ts';
import type { Evidence, JudgedImage, Rejection, Scan, StageFault } from '../domain/evidence.ts';
import { type Exception, nameException } from '../domain/exception.ts';
import type { RecordDraft } from '../domain/record.ts';
import { slimInput } from './content.ts';
import { fitRecord } from './fit.ts';
import type { Content } from './reference.ts';

/** Who writes the records. */
export interface Writer {
  readonly replica: string;
  /** Version and commit of the program. */
  readonly build: string;
}

/** The place of an entry in its chain. */
export interface Link {
  /** ULID of the chain. */
  readonly chain: string;
  readonly sequence: number;
  /** Hex. */
  readonly previousHash: string;
}

/** A canonical JSON object without its `hash`, cut where that belongs. */
export interface Unhashed {
  readonly before: string;
  readonly after: string;
}

/** A decision, rendered but for its place in the chain. */
export interface Drafted {
  readonly draft: RecordDraft;
  readonly findings: Rendered;
  readonly images: Rendered;
  readonly input: Rendered;
  readonly contents: readonly Content[];
}

/** Renders what takes long and does not depend on the place in the chain. */
export function draftRecord(draft: RecordDraft): Drafted {
  const slim = draft.input === null ? { text: 'null', contents: [] } : slimInput(draft.input, draft.images);
  const fitted = fitRecord({
    findings: canonicalText(draft.findings.map(renderFinding)),
    images: canonicalText(draft.images.map((image) => renderImage(image, draft.findings))),
    input: slim.text,
  });
  return {
    draft,
    findings: new Rendered(fitted.parts.findings),
    images: new Rendered(fitted.parts.images),
    input: new Rendered(fitted.parts.input),
    contents: fitted.contents.length === 0 ? slim.contents : [...slim.contents, ...fitted.contents],
  };
}

/**
 * The record of a decision, schema 1, but for its hash. The input is kept whole: what policies may see of annotations is the
 * policy input's own allow-list. Of the object nothing else is kept, so no environment, no command, no Secret gets here.
 */
export function renderRecord({ draft, findings, images, input }: Drafted, link: Link, writer: Writer): Unhashed {
  const { request } = draft;
  // Keys in canonical order, here and below: `hash` comes between the two halves.
  const before = canonicalText({
    answered: draft.answered,
    build: writer.build,
    chain: link.chain,
    configRevision: draft.configRevision,
    decision: draft.decision,
    exception: draft.exceptions.length === 0 ? null : draft.exceptions.map(renderException),
    findings,
  });
  const after = canonicalText({
    host: { dark: draft.host.dark.map(({ container, stage }) => ({ container, stage })), deadline: draft.host.deadline },
    id: draft.id,
    images,
    input,
    mode: draft.mode,
    policyRevision: draft.policyRevision,
    previousHash: link.previousHash,
    replica: writer.replica,
    request: {
      generateName: request.generateName,
      groups: request.user.groups,
      kind: request.kind,
      name: request.name,
      namespace: request.namespace,
      operation: request.operation,
      owner: draft.owner === null ? null : { kind: draft.owner.kind, name: draft.owner.name },
      subResource: request.subResource,
      user: request.user.username,
    },
    schema: 1,
    sequence: link.sequence,
    time: new Date(draft.time).toISOString(),
    timings: roundTimings(draft.timings),
    uid: request.uid,
  });
  return { before: before.slice(0, -1), after: after.slice(1) };
}

/** CVEs named at most: every container repeats them. All are among the findings of its scans, in the input. */
export const mostCves = 100;

/** The first of a list, and how many more there are. */
function listCves(cves: readonly string[], key: string, omitted: string): { readonly [key: string]: Renderable } {
  return cves.length <= mostCves ? { [key]: cves } : { [key]: cves.slice(0, mostCves), [omitted]: cves.length - mostCves };
}

function renderFinding(finding: WeighedFinding): Renderable {
  return {
    code: finding.code,
    container: finding.container,
    ...listCves(finding.cves, 'cves', 'cvesOmitted'),
    decisive: finding.decisive,
    effect: finding.effect,
    id: finding.id,
    msg: finding.msg,
    policy: finding.policy,
    remediation: finding.remediation,
    severity: finding.severity,
    waivedBy: finding.waivedBy === null ? null : nameException(finding.waivedBy),
  };
}

/** An exception as it was when it was used: it may be edited or gone when somebody reads this. */
function renderException(exception: Exception): Renderable {
  const { approvedBy, createdBy, expires, file, kind, name, namespace, revision, spec, stale, uid } = exception;
  return {
    approvedBy,
    breakglass: spec.breakglass,
    createdBy,
    expires: new Date(expires).toISOString(),
    file,
    kind,
    name,
    namespace,
    owner: spec.owner,
    reason: spec.reason,
    revision,
    stale,
    ticket: spec.ticket,
    uid,
  };
}

function renderImage(image: JudgedImage, findings: readonly WeighedFinding[]): Renderable {
  const { container, reference } = image;
  const evidence = renderEvidence(image.evidence);
  return {
    admitted: image.admitted,
    container: container.container,
    ...listCves(decidingCves(container.container, findings), 'decidingCves', 'decidingCvesOmitted'),
    faults: evidence.faults,
    lastKnownGood: evidence.lastKnownGood,
    mirror: image.mirror,
    pinned: image.pinned,
    reference: reference && { digest: reference.digest, registry: reference.registry, repository: reference.repository, tag: reference.tag },
    rejected: evidence.rejected,
    role: container.role,
    scans: evidence.scans,
    signers: evidence.signers,
    written: container.written,
  };
}

type RenderedEvidence = Readonly<Record<'faults' | 'lastKnownGood' | 'rejected' | 'scans' | 'signers', Rendered>>;

/** Evidence never changes once it is gathered, and is shared by many decisions. */
const known = new WeakMap<Evidence, RenderedEvidence>();

function renderEvidence(evidence: Evidence): RenderedEvidence {
  const found = known.get(evidence);
  if (found !== undefined) return found;
  const render = (value: Renderable): Rendered => new Rendered(canonicalText(value));
  const rendered: RenderedEvidence = {
    faults: render(evidence.faults.map(renderFault)),
    lastKnownGood: render(evidence.lastKnownGood.map(({ age, source, stage }) => ({ age, source, stage }))),
    rejected: render(evidence.rejected.map(renderRejection)),
    scans: render(evidence.scans.map(renderScan)),
    signers: render([...new Set(evidence.signatures.map(({ signer }) => signer))]),
  };
  known.set(evidence, rendered);
  return rendered;
}

/** The CVEs that a denial of this container rests on. */
function decidingCves(container: string, findings: readonly WeighedFinding[]): string[] {
  const deciding = findings.filter((finding) => finding.decisive && (finding.container === null || finding.container === container));
  return [...new Set(deciding.flatMap(({ cves }) => cves))];
}

function renderFault({ code, message, source, stage, transient }: StageFault): Renderable {
  return { code, message, source, stage, transient };
}

function renderRejection({ code, layout, message, source, stage }: Rejection): Renderable {
  return { code, layout, message, source, stage };
}

/** What a scan says, without its findings: those are in the input. */
function renderScan(scan: Scan): Renderable {
  const { platform, source, state } = scan;
  if (scan.state !== 'evaluated') return { platform, reason: scan.reason, source, state };
  const { counts, databaseUpdatedAt, endOfLife, scannedAt, scanner, signer } = scan;
  return { counts, databaseUpdatedAt, endOfLife, platform, scannedAt, scanner, signer, source, state };
}

/** To microseconds: what is finer is noise. */
function roundTimings(timings: Readonly<Record<string, number>>): Record<string, number> {
  const rounded: Record<string, number> = {};
  for (const [stage, milliseconds] of Object.entries(timings)) rounded[stage] = Math.round(milliseconds * 1000) / 1000;
  return rounded;
}
