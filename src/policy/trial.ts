import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { faultsOfResult, type ReadablePolicy, readResults } from './findings.ts';
import { inputDocument } from './input.ts';
import { EnginePool } from './pool.ts';
import { sampleQuestions } from './sample.ts';
import type { JudgingSet } from './set.ts';

/** How long a new set may take for its samples, ms: it compiles lazily, and the machine may be busy. */
const samplePatience = 5000;

/** Why a policy would fail in production: it fails on a sample. */
export interface TrialFault {
  readonly policy: ReadablePolicy;
  /** One sentence's end: `could not be evaluated: …`. */
  readonly why: string;
}

/** Lets a set judge the samples, and names each policy once that fails on one. Fault: POLICY_BROKEN when it does not get through them. */
export async function trySet(pool: Pick<EnginePool<JudgingSet>, 'try'>, set: JudgingSet): Promise<Outcome<readonly TrialFault[]>> {
  const answered = await pool.try(set, sampleQuestions.map(inputDocument), samplePatience);
  if (!answered.ok) return answered;
  const faults = new Map<string, TrialFault>();
  for (const answer of answered.value) {
    // Nothing to say is the empty text.
    if (answer === '') continue;
    const results = readResults(answer);
    for (const [i, policy] of set.running.entries()) {
      const [why] = faultsOfResult(policy, results[i]);
      if (why !== undefined && !faults.has(policy.name)) faults.set(policy.name, { policy, why });
    }
  }
  return good([...faults.values()]);
}

/** The first of them, as the fault that keeps a set from going in force. */
export function faultOfTrial([first]: readonly TrialFault[]): Fault | null {
  return first === undefined ? null : bad('POLICY_BROKEN', `${first.policy.files.join(', ')}: policy ${first.policy.name} ${first.why}`).fault;
}

/** As `trySet`, with an engine of its own that ends with it. */
export async function trySetAlone(set: JudgingSet): Promise<Outcome<readonly TrialFault[]>> {
  const pool = new EnginePool<JudgingSet>({ workers: 0, timeout: samplePatience, log: () => {} });
  try {
    return await trySet(pool, set);
  } finally {
    await pool.close();
  }
}
