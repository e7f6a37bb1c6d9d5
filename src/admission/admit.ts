import type { AdmissionAnswer, AdmissionRequest, Mode, Review } from '../domain/admission.ts';
import type { Deadline } from '../domain/deadline.ts';
import { type Answered, type Decision, type DecisionRules, decide, hostPolicy, type Judgement, type Policies } from '../domain/decision.ts';
import type { Gatherer, JudgedImage } from '../domain/evidence.ts';
import { type Fault, fault, publicFault } from '../domain/fault.ts';
import { isPinned, repositoryName } from '../domain/image.ts';
import type { RecordKeeper } from '../domain/record.ts';
import type { Access } from '../domain/registry.ts';
import type { Resolved, Resolver } from '../domain/resolved.ts';
import { type ImageRights, ownRights, type Puller, type RightsFinder } from '../domain/rights.ts';
import { safeText } from '../domain/text.ts';
import { type ContainerImage, changedImages, readWorkload, type Workload } from '../domain/workload.ts';
import { isRefused, unresolved, withFaults } from './evidence.ts';
import { denialMessage, warningTexts } from './message.ts';
import { answerUnder, type Modes } from './mode.ts';
import { buildPatch } from './patch.ts';

/** All that the line needs of the world. */
export interface LineParts {
  /** null: every image is read with the right of the configuration alone. */
  readonly rights: RightsFinder | null;
  readonly resolver: Resolver;
  readonly gatherer: Gatherer;
  readonly policies: Policies;
  readonly rules: DecisionRules;
  readonly modes: Modes;
  readonly keeper: RecordKeeper;
  /** Whether a request is refused (in enforce) when its record can't be kept. */
  readonly recordRequired: boolean;
  readonly configRevision: string;
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
  /** Milliseconds since some moment, with fractions: for durations. */
  readonly timer: () => number;
  readonly newId: () => string;
  readonly observe: (event: LineEvent) => void;
  /** Told of what should never happen; for the log. */
  readonly unexpected: (error: unknown) => void;
  readonly namespaceLabels: (namespace: string) => Readonly<Record<string, string>> | null;
}

/** What happened to one request, for counting. */
export interface LineEvent {
  readonly route: 'mutate' | 'validate';
  readonly request: AdmissionRequest;
  readonly outcome: 'skipped' | 'patched' | 'unchanged' | 'allow' | 'deny';
  readonly answered: 'allow' | 'deny';
  readonly mode: Mode | null;
  readonly timings: Readonly<Record<string, number>>;
  readonly images: readonly JudgedImage[];
}

/** The outcome of judging, before a mode is applied and an answer is made. */
export interface Judged {
  /** Milliseconds since the epoch: the time it was judged for. */
  readonly now: number;
  /** The controlling owner the object names. */
  readonly owner: Workload['owner'];
  readonly images: readonly JudgedImage[];
  /** null when the policies were not asked. */
  readonly judgement: Judgement | null;
  readonly decision: Decision;
  readonly timings: Readonly<Record<string, number>>;
}

export interface Line {
  mutate(request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer>;
  validate(request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer>;
  /** Judges an object as /mutate and then /validate would, without answering or recording. Null: nothing in it is judged. */
  check(request: AdmissionRequest, deadline: Deadline): Promise<(Judged & Answered) | null>;
  /** All that is known of one image, placed as /mutate would place it. */
  examine(image: ContainerImage, deadline: Deadline): Promise<JudgedImage>;
}

/** More images than this in one Pod are refused: no honest Pod comes near it. */
const mostImages = 200;

export function createLine(parts: LineParts): Line {
  const { resolver, gatherer, policies, clock, timer } = parts;

  /** /mutate: rewrite, pin, add the pull secret, start gathering. It never denies. */
  const mutate = async (request: AdmissionRequest, deadline: Deadline): Promise<AdmissionAnswer> => {
    const began = timer();
    const mode = parts.modes.of(request.namespace);
    const done = (outcome: LineEvent['outcome'], patch: AdmissionAnswer['patch']): AdmissionAnswer => {
      parts.observe({ route: 'mutate', request, outcome, answered: 'allow', mode, timings: { total: timer() - began }, images: [] });
      return { uid: request.uid, allowed: true, status: null, warnings: [], auditAnnotations: {}, patch };
    };
    try {
      const workload = request.kind === 'v1/Pod' ? wanted(request) : null;
      const images = workload === null ? [] : imagesToJudge(request, workload);
      if (workload === null || images.length === 0 || images.length > mostImages || mode === 'observe') return done('skipped', null);
      const puller = { namespace: request.namespace, workload };
      const placed = await Promise.all(
        images.map(async (image) => {
          const { access, resolved } = await place(image.written, puller, deadline);
          warm(resolved, access, deadline);
          return { image, resolved };
        }),
      );
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
    if (workload === null || workload.images.length === 0) return null;
    const judged = await judge(request, workload, imagesToJudge(request, workload), 'place', deadline);
    const mode = parts.modes.of(request.namespace);
    return { ...judged, mode, answered: answerUnder(mode, judged.decision.decision) };
  };

  /** Images to references, references to evidence, evidence to a decision. */
  const judge = async (
    request: AdmissionRequest,
    workload: Workload,
    images: readonly ContainerImage[],
    how: 'identify' | 'place',
    deadline: Deadline,
  ): Promise<Judged> => {
    const began = timer();
    const now = clock();
    const seen = await Promise.all(images.map((image) => examine(image, how, { namespace: request.namespace, workload }, deadline)));
    const gathered = timer();
    const judgement = await policies.judge(
      { now, review: describeReview(request, workload, parts.namespaceLabels(request.namespace)), images: seen },
      deadline,
    );
    const decided = timer();
    return {
      owner: workload.owner,
      now,
      images: seen,
      judgement,
      decision: decide(seen, judgement.findings, parts.rules),
      timings: { evidence: gathered - began, policies: decided - gathered },
    };
  };

  const rightsOf = (written: string, how: 'identify' | 'place', puller: Puller | null, deadline: Deadline): Promise<ImageRights> | ImageRights =>
    puller === null || parts.rights === null ? ownRights : parts.rights.find(written, how, puller, deadline);

  /** Where an image is to be pulled from, and the right with which that could be found out. */
  const place = async (written: string, puller: Puller, deadline: Deadline): Promise<{ readonly access: Access; readonly resolved: Resolved }> => {
    const [first, ...others] = (await rightsOf(written, 'place', puller, deadline)).accesses;
    const found = { access: first, resolved: await resolver.place(written, first, deadline) };
    if (!isRefused(found.resolved.faults)) return found;
    for (const access of others) {
      const resolved = await resolver.place(written, access, deadline);
      if (!isRefused(resolved.faults)) return { access, resolved };
    }
    return found;
  };

  /** One image: who it is, and all that is known of it, with the first right that its registry does not refuse. */
  const examine = async (image: ContainerImage, how: 'identify' | 'place', puller: Puller | null, deadline: Deadline): Promise<JudgedImage> => {
    const { accesses, faults } = await rightsOf(image.written, how, puller, deadline);
    const [first, ...others] = accesses;
    const seen = await look(image, how, first, deadline);
    if (!isRefused(seen.evidence.faults)) return seen;
    for (const access of others) {
      const next = await look(image, how, access, deadline);
      if (!isRefused(next.evidence.faults)) return next;
    }
    return { ...seen, evidence: withFaults(seen.evidence, faults) };
  };

  const look = async (image: ContainerImage, how: 'identify' | 'place', access: Access, deadline: Deadline): Promise<JudgedImage> => {
    const resolved = await resolver[how](image.written, access, deadline);
    const { reference, admitted, pinned, mirrorMissing, faults } = resolved;
    const evidence =
      reference !== null && isPinned(reference)
        ? withFaults(await gatherer.gather(reference, whereToLook(resolved), access, deadline), faults)
        : unresolved(faults);
    return { container: image, reference, admitted, pinned, mirror: resolved.mirror?.location ?? null, mirrorMissing, evidence };
  };

  /** Starts gathering what /validate will ask for, without waiting. */
  const warm = (resolved: Resolved, access: Access, deadline: Deadline): void => {
    if (resolved.reference === null || !isPinned(resolved.reference)) return;
    const { reference } = resolved;
    void Promise.resolve(gatherer.gather(reference, whereToLook(resolved), access, deadline)).catch(parts.unexpected);
  };

  /** Applies the mode, keeps the record, and says it. */
  const answer = async (request: AdmissionRequest, judged: Judged, mode: Mode, began: number, deadline: Deadline): Promise<AdmissionAnswer> => {
    const { decision, judgement, images, owner } = judged;
    const answered = answerUnder(mode, decision.decision);
    const timings = { ...judged.timings, total: timer() - began };
    const warnings = warningTexts(decision.findings, images, mode, answered);
    const auditAnnotations: Record<string, string> = { decision: decision.decision, images: describeImages(images) };
    let record: string | null = null;
    let lost: Fault | null = null;
    if (!request.dryRun) {
      const kept = parts.keeper.keep({
        id: parts.newId(),
        time: judged.now,
        request,
        owner,
        images,
        findings: decision.findings,
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
      // A denial is on disk before it is said; an admission, only where the configuration demands it.
      if (decision.decision === 'deny' || parts.recordRequired) {
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
    });
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
    if (lost !== null && parts.recordRequired && mode === 'enforce') return refusal(request, mode, lost);
    return { uid: request.uid, allowed: true, status: null, warnings, auditAnnotations, patch: null };
  };

  /** Refuses what could not be judged at all, as far as the mode lets it: with a record like every other denial. */
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
    } as const;
    const decision: Decision = { decision: 'deny', findings: [finding] };
    try {
      return await answer(request, { owner: null, now: clock(), images: [], judgement: null, decision, timings: {} }, mode, began, deadline);
    } catch (unexpected) {
      parts.unexpected(unexpected);
      return refusal(request, mode, why);
    }
  };

  return { mutate, validate, check, examine: (image, deadline) => examine(image, 'place', null, deadline) };
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

/** The workload in a request whose images can come in with it. */
function wanted(request: AdmissionRequest): Workload | null {
  return readWorkload(request.kind, request.object);
}

/** All images of what is new; of an update, those that it added or changed. */
function imagesToJudge(request: AdmissionRequest, workload: Workload): readonly ContainerImage[] {
  if (request.operation !== 'UPDATE') return workload.images;
  return changedImages(workload, readWorkload(request.kind, request.oldObject));
}

function whereToLook({ reference, mirror }: Resolved): { registry: string; repository: string }[] {
  const source = reference === null ? [] : [{ registry: reference.registry, repository: reference.repository }];
  if (mirror === null || mirror.evidence === 'source') return source;
  const there = [{ registry: mirror.repository.registry, repository: mirror.repository.repository }];
  return mirror.evidence === 'mirror' ? there : [...source, ...there];
}

/** A workload is judged as the Pods that it will create. */
function describeReview(request: AdmissionRequest, workload: Workload, namespaceLabels: Readonly<Record<string, string>> | null): Review {
  const isPod = request.kind === 'v1/Pod';
  return {
    operation: request.operation,
    kind: 'Pod',
    namespace: request.namespace,
    name: isPod ? request.name : null,
    dryRun: request.dryRun,
    user: request.user,
    labels: workload.labels,
    annotations: workload.annotations,
    serviceAccount: workload.serviceAccount,
    owner: isPod ? workload.owner : { kind: workload.kind, name: request.name ?? '' },
    namespaceLabels,
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
