import { type Comparison, compareDecisions, outcomeOf } from '../domain/candidate.ts';
import type { Decision, Finding, Judgement } from '../domain/decision.ts';
import { type Outcome, publicFault } from '../domain/fault.ts';
import type { Kept } from '../domain/record.ts';
import type { Judged, LineParts } from './line.ts';

/**
 * How the candidate's decision is found: by the very rules of the one in force. null where there is none, and where the policies in
 * force could not judge: what they said is then nothing to compare with.
 */
export function comparisonOf(judgement: Judgement, decision: Decision, weigh: (findings: Outcome<readonly Finding[]>) => Decision): Judged['compare'] {
  const { candidate, findings } = judgement;
  if (candidate === undefined || !findings.ok) return null;
  return async () => {
    const judged = await candidate();
    if (judged === null) return null;
    if (judged.findings.ok) return compareDecisions(decision, weigh(judged.findings), judged.revision);
    const { code, message } = publicFault(judged.findings.fault);
    return { revision: judged.revision, decision: null, fault: { code, message }, added: [], removed: [] } satisfies Comparison;
  };
}

/** Has the candidate judge once the answer is on its way, and keeps what it would have decided otherwise. */
export function createComparer(parts: Pick<LineParts, 'keeper' | 'clock' | 'compared' | 'unexpected'>): (judged: Judged, record: Kept) => void {
  const compare = async ({ compare, decision }: Judged, record: Kept): Promise<void> => {
    if (compare === null) return;
    const comparison = await compare();
    const inForce = decision.decision;
    parts.compared?.({ inForce, comparison, record: record.id });
    if (comparison === null || outcomeOf(inForce, comparison) === 'same' || record.hash === '') return;
    parts.keeper.keepComparison({ time: parts.clock(), record: { id: record.id, hash: record.hash }, inForce, comparison });
  };
  return (judged, record) => {
    if (judged.compare === null) return;
    // By then the answer is on its way.
    setImmediate(() => void compare(judged, record).catch(parts.unexpected));
  };
}
