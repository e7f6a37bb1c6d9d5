import type { Mode, Review } from './admission.ts';
import type { JudgedImage, Stage, StageFault } from './evidence.ts';
import type { Fault, FaultCode, Outcome } from './fault.ts';
import { describeContainer } from './workload.ts';

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

/** What the policies answered: every one that should run did. */
export interface Judgement {
  /** Hash of the policies, their data and their modes. */
  readonly revision: string;
  /** The document the policies saw, as canonical JSON (RFC 8785). */
  readonly input: string;
  readonly findings: readonly Finding[];
}

/** The set of policies in force. */
export interface Policies {
  /** Fault: POLICY_BROKEN when no set is in force, POLICY_TIMEOUT when the set ran too long, INTERNAL. */
  judge(question: Question, signal: AbortSignal): Promise<Outcome<Judgement>>;
}

export type FaultEffect = 'deny' | 'warn' | 'ignore';

export interface DecisionRules {
  /** What the host makes of a dark stage, by the code of its faults; deny unless named. */
  readonly faults: ReadonlyMap<FaultCode, FaultEffect>;
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
export function decide(images: readonly JudgedImage[], judgement: Outcome<Judgement>, rules: DecisionRules): Decision {
  const findings: Finding[] = [
    ...images.flatMap((image) => hostFindings(image, rules)),
    ...(judgement.ok ? judgement.value.findings : [policyFault(judgement.fault, rules)].filter((finding) => finding !== null)),
  ];
  const denied = findings.some((finding) => finding.effect === 'deny');
  return {
    decision: denied ? 'deny' : 'allow',
    findings: findings.map((finding) => ({ ...finding, decisive: finding.effect === 'deny' })),
  };
}

function hostFindings(image: JudgedImage, rules: DecisionRules): Finding[] {
  const found: Finding[] = [];
  const add = (id: string, code: FaultCode | null, effect: Effect, msg: string, remediation: string | null): void => {
    found.push({ policy: hostPolicy, id, effect, msg, severity: null, container: image.container.container, cves: [], remediation, code });
  };
  const what = `${describeContainer(image.container)}, image ${image.container.written}`;
  for (const stage of image.evidence.dark) {
    const faults = image.evidence.faults.filter((f) => f.stage === stage);
    const effect = darkEffect(faults, rules);
    if (effect === 'ignore') continue;
    const first = faults[0];
    const why = first === undefined ? 'nothing could be looked at' : faults.map((f) => `${f.code} (${f.source}): ${f.message}`).join('; ');
    add(`dark-${stage}`, first?.code ?? 'INTERNAL', effect, `${what}: ${darkWords[stage]}: ${why}`, null);
  }
  // Even where a dark resolve stage is forgiven, what has no digest can't be admitted as if it were pinned.
  if (!image.pinned && image.reference !== null) {
    add('unpinned', null, 'deny', `${what}: the image has no digest`, 'Let /mutate pin it, or write NAME:TAG@DIGEST.');
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

function policyFault(f: Fault, rules: DecisionRules): Finding | null {
  // A broken policy set can't be configured away: then nobody would be judging.
  const mapped = f.code === 'POLICY_BROKEN' ? 'deny' : (rules.faults.get(f.code) ?? 'deny');
  if (mapped === 'ignore') return null;
  return {
    policy: hostPolicy,
    id: 'policies',
    effect: mapped,
    msg: `${f.code}: ${f.message}`,
    severity: null,
    container: null,
    cves: [],
    remediation: null,
    code: f.code,
  };
}
