import type { Mode, Review } from './admission.ts';
import type { Deadline } from './deadline.ts';
import type { JudgedImage, Stage, StageFault } from './evidence.ts';
import type { Fault, FaultCode, Outcome } from './fault.ts';
import { describeImage } from './workload.ts';

export type Effect = 'deny' | 'warn';

/** One thing a policy, or the host, has to say. */
export interface Finding {
  /** The policy's name, or `tidewaiter` for the host's own rules. */
  readonly policy: string;
  readonly id: string | null;
  readonly effect: Effect;
  readonly msg: string;
  readonly severity: string | null;
  readonly container: string | null;
  readonly cves: readonly string[];
  readonly remediation: string | null;
  /** The fault it rests on, for the host's own findings. */
  readonly code: FaultCode | null;
}

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

/** The host's name where a finding is not a policy's. */
export const hostPolicy = 'tidewaiter';

/**
 * Decides, from facts, what the policies said, and rules: a pure function. Everything that is missing, dark or broken denies, unless
 * the rules name its code.
 */
export function decide(images: readonly JudgedImage[], judged: Outcome<readonly Finding[]>, rules: DecisionRules): Decision {
  const findings: Finding[] = [...images.flatMap((image) => hostFindings(image, rules)), ...(judged.ok ? judged.value : [policyFault(judged.fault)])];
  // Of an image that could not be resolved, policies can only say what follows from that: the decision rests on the cause.
  const unresolved = new Set(
    findings.filter(({ policy, id, effect }) => policy === hostPolicy && id === 'dark-resolve' && effect === 'deny').map(({ container }) => container),
  );
  const follows = ({ policy, container }: Finding): boolean => policy !== hostPolicy && container !== null && unresolved.has(container);
  const denied = findings.some((finding) => finding.effect === 'deny');
  return {
    decision: denied ? 'deny' : 'allow',
    findings: findings.map((finding) => ({ ...finding, decisive: finding.effect === 'deny' && !follows(finding) })),
  };
}

function hostFindings(image: JudgedImage, rules: DecisionRules): Finding[] {
  const found: Finding[] = [];
  const add = (id: string, code: FaultCode | null, effect: Effect, msg: string, remediation: string | null): void => {
    found.push({ policy: hostPolicy, id, effect, msg, severity: null, container: image.container.container, cves: [], remediation, code });
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
    for (const cause of causes) told.add(cause);
    const why = [...new Set(causes)].join('; ') || 'nothing could be looked at';
    add(`dark-${stage}`, faults[0]?.code ?? 'INTERNAL', effect, `${what}: ${darkWords[stage]}: ${why}`, null);
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
