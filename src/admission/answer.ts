import type { AdmissionAnswer, AdmissionRequest, Mode } from '../domain/admission.ts';
import type { Deadline } from '../domain/deadline.ts';
import { type Decision, hostPolicy } from '../domain/decision.ts';
import type { JudgedImage } from '../domain/evidence.ts';
import { nameException } from '../domain/exception.ts';
import { type Fault, publicFault } from '../domain/fault.ts';
import { repositoryName } from '../domain/image.ts';
import type { Kept } from '../domain/record.ts';
import { safeText } from '../domain/text.ts';
import { createComparer } from './compare.ts';
import type { Judged, LineParts } from './line.ts';
import { denialMessage, warningTexts } from './message.ts';
import { answerUnder } from './mode.ts';

/** Makes an answer of what was judged. */
export interface Answerer {
  /** Applies the mode, keeps the record, and says it. */
  answer(request: AdmissionRequest, judged: Judged, mode: Mode, began: number, deadline: Deadline): Promise<AdmissionAnswer>;
  /** Refuses what could not be judged at all, as far as the mode lets it: with a record like every other denial. */
  refuse(request: AdmissionRequest, mode: Mode, why: Fault, began: number, deadline: Deadline): Promise<AdmissionAnswer>;
}

export function createAnswerer(
  parts: Pick<LineParts, 'keeper' | 'recordRequired' | 'configRevision' | 'clock' | 'timer' | 'newId' | 'observe' | 'compared' | 'unexpected'>,
): Answerer {
  const { clock, timer } = parts;
  const compareLater = createComparer(parts);

  const answer = async (request: AdmissionRequest, judged: Judged, mode: Mode, began: number, deadline: Deadline): Promise<AdmissionAnswer> => {
    const { decision, judgement, images, owner, exceptions } = judged;
    const answered = answerUnder(mode, decision.decision);
    const timings = { ...judged.timings, total: timer() - began };
    const warnings = warningTexts({ ...judged, findings: decision.findings }, mode, answered);
    const broken = exceptions.some(({ spec }) => spec.breakglass);
    const auditAnnotations: Record<string, string> = { decision: decision.decision, images: describeImages(images) };
    if (exceptions.length > 0) auditAnnotations['exceptions'] = exceptions.map(nameException).join(', ');
    let record: string | null = null;
    let kept: Kept | null = null;
    let lost: Fault | null = null;
    if (!request.dryRun) {
      kept = parts.keeper.keep({
        id: parts.newId(),
        time: judged.now,
        request,
        owner,
        images,
        findings: decision.findings,
        exceptions,
        decision: decision.decision,
        answered,
        mode,
        policyRevision: judgement?.revision ?? null,
        configRevision: parts.configRevision,
        input: judgement?.recorded ?? null,
        timings,
        host: hostFacts(images, deadline, clock()),
      });
      record = kept.id;
      auditAnnotations['record'] = kept.id;
      auditAnnotations['hash'] = kept.hash;
      // A denial is on disk before it is said, and so is what only a breakglass lets in; any other admission, where the configuration demands it.
      if (decision.decision === 'deny' || broken || parts.recordRequired) {
        const durable = await kept.durable;
        lost = durable.ok ? null : durable.fault;
      }
    }
    parts.observe({
      route: 'validate',
      request,
      outcome: decision.decision,
      answered,
      mode,
      timings: { ...timings, total: timer() - began },
      images,
      exceptions,
    });
    if (kept !== null) compareLater(judged, kept);
    if (answered === 'deny') {
      return {
        uid: request.uid,
        allowed: false,
        status: { code: 403, message: denialMessage(decision.findings, images, record) },
        warnings,
        auditAnnotations,
        patch: null,
      };
    }
    if (lost !== null && (parts.recordRequired || broken) && mode === 'enforce') return refusal(request, mode, lost);
    return { uid: request.uid, allowed: true, status: null, warnings, auditAnnotations, patch: null };
  };

  const refuse = async (request: AdmissionRequest, mode: Mode, why: Fault, began: number, deadline: Deadline): Promise<AdmissionAnswer> => {
    const finding = {
      policy: hostPolicy,
      id: 'request',
      effect: 'deny',
      msg: `${why.code}: ${why.message}`,
      severity: null,
      container: null,
      cves: [],
      remediation: null,
      code: why.code,
      decisive: true,
      waivedBy: null,
    } as const;
    const decision: Decision = { decision: 'deny', findings: [finding] };
    try {
      return await answer(
        request,
        { owner: null, now: clock(), images: [], judgement: null, decision, compare: null, exceptions: [], timings: {} },
        mode,
        began,
        deadline,
      );
    } catch (unexpected) {
      parts.unexpected(unexpected);
      return refusal(request, mode, why);
    }
  };

  return { answer, refuse };
}

/** A refusal for a fault of ours or of the request; under a milder mode, a warning. */
function refusal(request: AdmissionRequest, mode: Mode, why: Fault): AdmissionAnswer {
  const { code, message } = publicFault(why);
  const text = safeText(`image policy: ${code}: ${message}`);
  const denied = answerUnder(mode, 'deny') === 'deny';
  return {
    uid: request.uid,
    allowed: !denied,
    status: denied ? { code: code === 'INTERNAL' || code === 'AUDIT_UNAVAILABLE' ? 500 : 403, message: text } : null,
    warnings: denied || mode === 'observe' ? [] : [`would be denied: ${text}`],
    auditAnnotations: { decision: 'deny', fault: code },
    patch: null,
  };
}

function describeImages(images: readonly JudgedImage[]): string {
  const described = images.map(({ container, reference, admitted }) => {
    const digest = reference?.digest;
    return reference === null || digest === null || digest === undefined
      ? `${container.container}=${admitted}`
      : `${container.container}=${repositoryName(reference)}@${digest}`;
  });
  return safeText(described.join(' '), 4000);
}

/** What the host knew and no policy saw. */
function hostFacts(images: readonly JudgedImage[], deadline: Deadline, now: number) {
  return {
    deadline: now >= deadline.at,
    dark: images.flatMap(({ container, evidence }) => evidence.dark.map((stage) => ({ container: container.container, stage }))),
  };
}
