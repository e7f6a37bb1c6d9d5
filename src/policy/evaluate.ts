import { canonicalJson } from '../domain/canonical.ts';
import { deadlineIn } from '../domain/deadline.ts';
import type { Finding } from '../domain/decision.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { readPolicyFolder } from './check.ts';
import { compilePolicies, describeProblems } from './compile.ts';
import { readFindings, readResults } from './findings.ts';
import type { PolicyMode, PolicyOptions } from './options.ts';
import { EnginePool } from './pool.ts';
import { inputForm } from './schema.ts';
import { type JudgingSet, makeSet } from './set.ts';
import type { PolicyFile } from './snapshot.ts';

/** What policies at the desk are to judge, and by which configuration. */
export interface Evaluation {
  readonly directory: string;
  readonly opa: string;
  /** The document that policies see, JSON text. */
  readonly input: string;
  readonly modes: PolicyOptions['modes'];
  readonly data: PolicyOptions['data'];
  /** Milliseconds that the policies may take. */
  readonly timeout: number;
}

export interface Evaluated {
  /** In order of policy; those that are off did not run. */
  readonly policies: readonly { readonly name: string; readonly mode: PolicyMode; readonly files: readonly string[]; readonly findings: readonly Finding[] }[];
  readonly files: readonly PolicyFile[];
}

/**
 * Lets the engine judge one document by a folder of policies, as the cluster would, without the rules of the host. Faults: POLICY_BROKEN for
 * policies that would not go in force, POLICY_TIMEOUT for such as take too long, INTERNAL when opa can't be run.
 */
export async function evaluatePolicies({ directory, opa, input, modes, data, timeout }: Evaluation, signal: AbortSignal): Promise<Outcome<Evaluated>> {
  const snapshot = await readPolicyFolder(directory);
  if (!snapshot.ok) return snapshot;
  const compiled = await compilePolicies(opa, snapshot.value, signal);
  if (!compiled.ok) return compiled;
  if (!compiled.value.ok) return bad('POLICY_BROKEN', describeProblems(compiled.value.problems));
  const made = await makeSet(compiled.value.value, { required: [], modes, data });
  if (!made.ok) return made;
  const pool = new EnginePool<JudgingSet>({ workers: 1, timeout, log: () => {} });
  try {
    pool.use(made.value);
    // The engine starts lazily; its own time-out counts from when it has begun.
    const answer = await pool.evaluate(input, deadlineIn(longestStart, Date.now()));
    if (!answer.ok) return answer;
    const { set, results } = answer.value;
    const findings = results === '' ? [] : readFindings(set.running, readResults(results));
    const policies = set.infos.map(({ name, mode, files }) => ({ name, mode, files, findings: findings.filter(({ policy }) => policy === name) }));
    return good({ policies, files: snapshot.value.files });
  } finally {
    await pool.close();
  }
}

/** For the engine to start and to judge, on a busy machine, ms. */
const longestStart = 60_000;

const mostDepartures = 5;

/** Reads a document for policies. `departures`: where it is none that the cluster would send. null for what is no JSON object. */
export function readInputDocument(text: string): { readonly input: string; readonly departures: readonly string[] } | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(value)) return null;
  const parsed = inputForm.safeParse(value);
  // What is misspelt comes before what is merely not there.
  const issues = parsed.success ? [] : parsed.error.issues.toSorted((a, b) => Number(b.code === 'unrecognized_keys') - Number(a.code === 'unrecognized_keys'));
  const departures = issues.map(({ path, message }) => safeText(`${path.length === 0 ? 'input' : path.join('.')}: ${message}`, 300));
  const more = departures.length - mostDepartures;
  return { input: canonicalJson(value), departures: more > 0 ? [...departures.slice(0, mostDepartures), `and ${more} more`] : departures };
}
