import type { Mode, Review } from './admission.ts';
import type { Deadline } from './deadline.ts';
import type { JudgedImage, Stage, StageFault } from './evidence.ts';
import type { CompiledException, Exception } from './exception.ts';
import type { Fault, FaultCode, Outcome } from './fault.ts';
import { type Effect, type Finding, hostPolicy } from './finding.ts';
import { findWaiver } from './waive.ts';
import { describeImage } from './workload.ts';

export type { Effect, Finding } from './finding.ts';
export { hostPolicy } from './finding.ts';

/** What is asked of the policies. */
export interface Question {
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly review: Review;
  readonly images: readonly JudgedImage[];
}

/** What the policies made of a question. */
export interface Judgement {
  /** Hash of the policies, their data and their modes; null when none are in force. */
  readonly revision: string | null;
  /** The document the policies saw, as it may be kept: canonical JSON (RFC 8785), without the values of annotations that are not to be. */
  readonly recorded: string;
  /** Every policy that should run did; else POLICY_BROKEN when no set is in force, POLICY_TIMEOUT when it ran too long, INTERNAL. */
  readonly findings: Outcome<readonly Finding[]>;
  /**
   * Asks the candidate policies the same; absent where there are none that could say anything else. Nothing is asked before it is called, and no
   * answer is to wait for it. Resolves to null when they are not asked after all: too much waits for them already. Never rejects.
   */
  readonly candidate?: () => Promise<CandidateJudgement | null>;
}

/** What the candidate policies made of a question that those in force had answered. */
export interface CandidateJudgement {
  /** Hash of the candidate policies, their data and their modes. */
  readonly revision: string;
  /** As of a judgement in force. */
  readonly findings: Outcome<readonly Finding[]>;
}

/** The set of policies in force. */
export interface Policies {
  judge(question: Question, deadline: Deadline): Promise<Judgement>;
}

export type FaultEffect = 'deny' | 'warn' | 'ignore';

export interface DecisionRules {
  /** What the host makes of a dark stage, by the code of its faults; deny unless named. */
  readonly faults: ReadonlyMap<FaultCode, FaultEffect>;
  /** Digests, of images, of their platforms or of configurations, that are never admitted, whoever signed them. */
  readonly revoked: ReadonlySet<string>;
}

/** A finding and whether the decision rests on it. */
export interface WeighedFinding extends Finding {
  readonly decisive: boolean;
  /** The exception that dropped it: it is recorded, and counts for nothing. */
  readonly waivedBy: Exception | null;
}

export interface Decision {
  /** What facts and policies say. */
  readonly decision: 'allow' | 'deny';
  readonly findings: readonly WeighedFinding[];
}

/** What is answered, after the mode: the only place where a mode means anything. */
export interface Answered {
  readonly answered: 'allow' | 'deny';
  readonly mode: Mode;
}

/**
 * Decides, from facts, what the policies said, rules and the exceptions in force: a pure function. Everything that is missing, dark or
 * broken denies, unless the rules name its code or an exception drops it.
 */
export function decide(
  images: readonly JudgedImage[],
  judged: Outcome<readonly Finding[]>,
  rules: DecisionRules,
  exceptions: readonly CompiledException[] = [],
): Decision {
  const waiverOf = (finding: Finding): Exception | null => (exceptions.length === 0 ? null : findWaiver(finding, images, exceptions));
  const host = images.flatMap((image) => hostFindings(image, rules, waiverOf));
  const findings = [...host, ...(judged.ok ? judged.value : [policyFault(judged.fault)])].map((finding) => ({ ...finding, waivedBy: waiverOf(finding) }));
  const denying = findings.filter(({ effect, waivedBy }) => effect === 'deny' && waivedBy === null);
  // Of an image that could not be resolved, policies can only say what follows from that: the decision rests on the cause.
  const unresolved = new Set(denying.filter(({ policy, id }) => policy === hostPolicy && id === 'dark-resolve').map(({ container }) => container));
  const follows = ({ policy, container }: Finding): boolean => policy !== hostPolicy && container !== null && unresolved.has(container);
  return {
    decision: denying.length > 0 ? 'deny' : 'allow',
    findings: findings.map((finding) => ({ ...finding, decisive: finding.effect === 'deny' && finding.waivedBy === null && !follows(finding) })),
  };
}

function hostFindings(image: JudgedImage, rules: DecisionRules, waiverOf: (finding: Finding) => Exception | null): Finding[] {
  const found: Finding[] = [];
  const add = (id: string, code: FaultCode | null, effect: Effect, msg: string, remediation: string | null): Finding => {
    const finding = { policy: hostPolicy, id, effect, msg, severity: null, container: image.container.container, cves: [], remediation, code };
    found.push(finding);
    return finding;
  };
  const what = describeImage(image.container);
  const { reference, evidence } = image;
  const digests = [reference?.digest ?? '', ...evidence.platforms.flatMap((platform) => [platform.digest, platform.imageId])];
  const revoked = digests.find((digest) => rules.revoked.has(digest));
  if (revoked !== undefined) add('revoked', null, 'deny', `${what}: ${revoked} is revoked`, 'Use an image that is not on the list `revoked.digests`.');
  const told = new Set<string>();
  for (const stage of image.evidence.dark) {
    const faults = image.evidence.faults.filter((f) => f.stage === stage);
    const effect = darkEffect(faults, rules);
    if (effect === 'ignore') continue;
    // One cause that darkens several stages is said once.
    const causes = faults.map((f) => `${f.code}: ${f.message}`).filter((cause) => !told.has(cause));
    if (effect === 'deny' && faults.length > 0 && causes.length === 0) continue;
    const why = [...new Set(causes)].join('; ') || 'nothing could be looked at';
    const finding = add(`dark-${stage}`, faults[0]?.code ?? 'INTERNAL', effect, `${what}: ${darkWords[stage]}: ${why}`, null);
    // What an exception drops of one stage is still to be said of the others.
    if (waiverOf(finding) === null) for (const cause of causes) told.add(cause);
  }
  // Even where a dark resolve stage is forgiven, what has no digest can't be admitted as if it were pinned.
  const refused = found.some((finding) => finding.id === 'dark-resolve' && finding.effect === 'deny');
  if (!image.pinned && !refused) {
    add('unpinned', null, 'deny', `${what}: the image has no digest`, 'Write NAME:TAG@DIGEST, or find out why /mutate did not pin it.');
  }
  if (image.mirrorMissing !== null) {
    add(
      'mirror-required',
      null,
      'deny',
      `${what}: images of ${image.mirrorMissing} must be pulled from a mirror, and none served it`,
      'Push the image to the mirror, or see why it could not be reached.',
    );
  }
  return found;
}

const darkWords: Record<Stage, string> = {
  resolve: 'the image could not be resolved',
  signatures: 'no signature could be looked at',
  scans: 'no scan result could be looked at',
};

/** The strictest of what the rules say for each fault: one that is not named denies. */
function darkEffect(faults: readonly StageFault[], rules: DecisionRules): FaultEffect {
  const effects = faults.map((f) => rules.faults.get(f.code) ?? 'deny');
  if (effects.length === 0 || effects.includes('deny')) return 'deny';
  return effects.includes('warn') ? 'warn' : 'ignore';
}

/** Policies that gave no judgement can't be configured away: then nobody would be judging, and whoever makes them slow decides. */
function policyFault(f: Fault): Finding {
  return {
    policy: hostPolicy,
    id: 'policies',
    effect: 'deny',
    msg: `${f.code}: ${f.message}`,
    severity: null,
    container: null,
    cves: [],
    remediation: null,
    code: f.code,
  };
}
