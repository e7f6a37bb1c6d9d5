import type { Deadline } from '../domain/deadline.ts';
import type { Finding } from '../domain/decision.ts';
import { good, type Outcome } from '../domain/fault.ts';
import { readFindings, readResults } from './findings.ts';
import type { PolicyOptions } from './options.ts';
import { defaultWorkers, EnginePool } from './pool.ts';
import { readRevision } from './revisions.ts';
import { type JudgingSet, makeSet } from './set.ts';
import { lookAt, type PolicySource } from './source.ts';

/** Policies that recorded inputs can be judged by again. */
export interface Replay {
  readonly revision: string;
  /** What they say of an input, as a record has it (JSON text). Many may be asked at once. Faults: POLICY_TIMEOUT, INTERNAL. */
  judge(input: string, deadline: Deadline): Promise<Outcome<readonly Finding[]>>;
  close(): Promise<void>;
}

/** What to replay under: policies as a configuration would put them in force; or those of a revision, with the modes and data they had. */
export type ReplaySource =
  | (Pick<PolicyOptions, 'required' | 'modes' | 'data' | 'opa'> & {
      readonly source: Extract<PolicySource, { readonly directory: string } | { readonly bundle: string }>;
    })
  | { readonly revision: string /** The folder that revisions are kept in. */; readonly folder: string };

/** Loads policies at the desk. Faults: POLICY_BROKEN, SIGNATURE_INVALID. @param timeout milliseconds for one input */
export async function openReplay(
  from: ReplaySource,
  { timeout, workers = defaultWorkers }: { readonly timeout: number; readonly workers?: number },
): Promise<Outcome<Replay>> {
  const set = 'revision' in from ? await readRevision(from.folder, from.revision) : await loadSet(from);
  if (!set.ok) return set;
  const pool = new EnginePool<JudgingSet>({ workers, timeout, log: () => {} });
  pool.use(set.value);
  return good({
    revision: set.value.revision,
    async judge(input, deadline) {
      const answer = await pool.evaluate(input, deadline);
      if (!answer.ok) return answer;
      const { results } = answer.value;
      return good(results === '' ? [] : readFindings(set.value.running, readResults(results)));
    },
    close: () => pool.close(),
  });
}

async function loadSet({ source, opa, ...options }: Exclude<ReplaySource, { readonly revision: string }>): Promise<Outcome<JudgingSet>> {
  const look = await lookAt(source, opa);
  if (!look.ok) return look;
  const compiled = await look.value.compile();
  return compiled.ok ? makeSet(compiled.value, options) : compiled;
}
