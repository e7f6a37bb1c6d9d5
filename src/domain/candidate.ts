import type { Decision, Finding } from './decision.ts';
import type { Fault } from './fault.ts';

/** What would be another decision, or rest on other findings, with the candidate policies in force. */
export interface Comparison {
  readonly revision: string;
  /** null when the candidate could not judge; then there are no findings to compare. */
  readonly decision: Decision['decision'] | null;
  /** Why it could not. */
  readonly fault: Pick<Fault, 'code' | 'message'> | null;
  /** Findings of the candidate that the decision in force does not have. */
  readonly added: readonly Finding[];
  /** Findings of the decision in force that the candidate does not have. */
  readonly removed: readonly Finding[];
}

/** In one word: the same; the same decision for other reasons; a denial instead of an admission; the reverse; or no judgement. */
export type CandidateOutcome = 'same' | 'findings' | 'stricter' | 'milder' | 'failed';

/** Compares a decision in force with that of a candidate. */
export function compareDecisions(inForce: Decision, candidate: Decision, revision: string): Comparison {
  const missing = (from: Decision, others: Decision): readonly Finding[] => {
    const known = new Set(others.findings.map(keyOf));
    return from.findings.filter((finding) => !known.has(keyOf(finding)));
  };
  return { revision, decision: candidate.decision, fault: null, added: missing(candidate, inForce), removed: missing(inForce, candidate) };
}

export function outcomeOf(inForce: Decision['decision'], { decision, added, removed }: Comparison): CandidateOutcome {
  if (decision === null) return 'failed';
  if (decision !== inForce) return decision === 'deny' ? 'stricter' : 'milder';
  return added.length + removed.length > 0 ? 'findings' : 'same';
}

/** What a finding says; what it says about itself (severity, remediation) makes no difference to anybody's Pod. */
function keyOf({ policy, id, effect, container, msg, cves }: Finding): string {
  return JSON.stringify([policy, id, effect, container, msg, cves]);
}
