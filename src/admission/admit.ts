import type { AdmissionAnswer, AdmissionRequest, Mode } from '../domain/admission.ts';
import type { Deadline } from '../domain/deadline.ts';
import { type Answered, decide, type Finding } from '../domain/decision.ts';
import { bad, type FaultCode, fault, type Outcome } from '../domain/fault.ts';
import { suppressCves } from '../domain/waive.ts';
import type { ContainerImage, Workload } from '../domain/workload.ts';
import { createAnswerer } from './answer.ts';
import { comparisonOf } from './compare.ts';
import { describeReview, imagesToJudge, isOverloaded, wanted } from './describe.ts';
import { createExaminer, type Reading, someAtOnce } from './examine.ts';
import type { Judged, Line, LineEvent, LineParts } from './line.ts';
import { answerUnder } from './mode.ts';
import { buildPatch } from './patch.ts';

/** More images than this in one Pod are refused: no honest Pod comes near it. */
const mostImages = 64;

/** The line: an admission request in, an answer out. Read `mutate` and `validate` from top to bottom. */
export function createLine(parts: LineParts): Line {
  const { policies, clock, timer } = parts;
  const examiner = createExaminer(parts);
  const { answer, refuse } = createAnswerer(parts);

  /** /mutate: rewrite, pin, add the pull secret, start gathering. It never denies. */
  const mutate = async (request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer> => {
    const began = timer();
    const mode = parts.modes.of(request.namespace);
    const done = (outcome: LineEvent['outcome'], patch: AdmissionAnswer['patch']): AdmissionAnswer => {
      parts.observe({ route: 'mutate', request, outcome, answered: 'allow', mode, timings: { total: timer() - began }, images: [], exceptions: [] });
      return { uid: request.uid, allowed: true, status: null, warnings: [], auditAnnotations: {}, patch };
    };
    try {
      const workload = request.kind === 'v1/Pod' ? wanted(request) : null;
      const images = workload === null ? [] : imagesToJudge(request, workload);
      if (workload === null || images.length === 0 || images.length > mostImages || mode === 'observe') return done('skipped', null);
      const puller = { namespace: request.namespace, workload };
      const placed = await someAtOnce(images, async (image) => {
        const { access, resolved } = await examiner.place(image.written, puller, deadline);
        examiner.warm(resolved, puller, access, deadline);
        return { image, resolved };
      });
      const patch = buildPatch(request, placed);
      return done(patch.length > 0 ? 'patched' : 'unchanged', patch);
    } catch (unexpected) {
      // What is not rewritten here is refused by /validate, which says why.
      parts.unexpected(unexpected);
      return done('unchanged', null);
    }
  };

  /** /validate: the authority. Judges the final object after all other webhooks. */
  const validate = async (request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer> => {
    const began = timer();
    let mode: Mode = parts.modes.of(request.namespace);
    const skip = (): AdmissionAnswer => {
      parts.observe({
        route: 'validate',
        request,
        outcome: 'skipped',
        answered: 'allow',
        mode,
        timings: { total: timer() - began },
        images: [],
        exceptions: [],
      });
      return { uid: request.uid, allowed: true, status: null, warnings: [], auditAnnotations: {}, patch: null };
    };
    try {
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return skip();
      const workload = wanted(request);
      const isPod = request.kind === 'v1/Pod';
      if (workload === null) return isPod ? refuse(request, mode, fault('REVIEW_INVALID', 'the request has no Pod to judge'), began, deadline) : skip();
      if (!isPod) {
        const workloadMode = parts.modes.ofWorkload(request.namespace);
        // Its owner was judged when it was applied, and its Pods will be.
        if (workloadMode === null || workload.owner !== null) return skip();
        mode = workloadMode;
      }
      const images = imagesToJudge(request, workload);
      if (images.length === 0) {
        if (isPod && request.operation === 'CREATE') return refuse(request, mode, fault('REVIEW_INVALID', 'the Pod has no image to judge'), began, deadline);
        return skip();
      }
      if (isOverloaded(workload)) return refuse(request, mode, fault('LIMIT_EXCEEDED', 'more than 256 labels or annotations'), began, deadline);
      if (images.length > mostImages) return refuse(request, mode, fault('LIMIT_EXCEEDED', `more than ${mostImages} images`), began, deadline);
      const judged = await judge(request, workload, images, isPod ? 'identify' : 'place', deadline);
      return await answer(request, judged, mode, began, deadline);
    } catch (unexpected) {
      parts.unexpected(unexpected);
      return refuse(request, mode, fault('INTERNAL', 'judging the request failed unexpectedly; the log of the webhook says more'), began, deadline);
    }
  };

  const check = async (request: AdmissionRequest, deadline: Deadline): Promise<(Judged & Answered) | null> => {
    const workload = wanted(request);
    if (workload === null) return null;
    const isPod = request.kind === 'v1/Pod';
    // As in validate: its owner is judged in its place, and its Pods will be.
    if (!isPod && (workload.owner !== null || parts.modes.ofWorkload(request.namespace) === null)) return null;
    const mode = parts.modes.of(request.namespace);
    const images = imagesToJudge(request, workload);
    const under = (judged: Judged): Judged & Answered => ({ ...judged, mode, answered: answerUnder(mode, judged.decision.decision) });
    const refused = (code: FaultCode, message: string): Judged & Answered => {
      const { decision, findings } = decide([], bad(code, message), parts.rules);
      const named = findings.map((finding) => ({ ...finding, id: 'request' }));
      return under({
        owner: workload.owner,
        now: clock(),
        images: [],
        judgement: null,
        decision: { decision, findings: named },
        compare: null,
        exceptions: [],
        timings: {},
      });
    };
    // The API server takes a Deployment without images, yet no Pod comes of it that /validate would let in.
    if (images.length === 0) return refused('REVIEW_INVALID', 'it has no image to judge');
    if (isOverloaded(workload)) return refused('LIMIT_EXCEEDED', 'more than 256 labels or annotations');
    if (images.length > mostImages) return refused('LIMIT_EXCEEDED', `more than ${mostImages} images`);
    return under(await judge(request, workload, images, 'place', deadline));
  };

  /** Images to references, references to evidence, evidence to a decision. */
  const judge = async (request: AdmissionRequest, workload: Workload, images: readonly ContainerImage[], how: Reading, deadline: Deadline): Promise<Judged> => {
    const began = timer();
    const now = clock();
    const examined = await someAtOnce(images, (image) => examiner.examine(image, how, { namespace: request.namespace, workload }, deadline));
    const gathered = timer();
    const exceptions = parts.exceptions.inForce(request.namespace, now);
    const { images: seen, used } = suppressCves(examined, exceptions);
    const judgement = await policies.judge(
      { now, review: describeReview(request, workload, parts.namespaceLabels(request.namespace)), images: seen },
      deadline,
    );
    const decided = timer();
    const weigh = (findings: Outcome<readonly Finding[]>) => decide(seen, findings, parts.rules, exceptions);
    const decision = weigh(judgement.findings);
    return {
      owner: workload.owner,
      now,
      images: seen,
      judgement,
      decision,
      compare: comparisonOf(judgement, decision, weigh),
      exceptions: [...new Set([...used, ...decision.findings.flatMap(({ waivedBy }) => waivedBy ?? [])])],
      timings: { evidence: gathered - began, policies: decided - gathered },
    };
  };

  return { mutate, validate, check, examine: (image, deadline) => examiner.examine(image, 'place', null, deadline) };
}
