import { bad, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { type Compilation, compilePolicies, inOrder, librariesOf } from './compile.ts';
import { readOpaErrors } from './diagnose.ts';
import { lintPolicies } from './lint/index.ts';
import { type OpaRun, runOpa } from './opa.ts';
import { policyModes } from './options.ts';
import type { PolicyProblem } from './rules.ts';
import { hasStrangeMode, makeSet } from './set.ts';
import { isTestFile, type PolicyFile, readSnapshot, type Snapshot, withFolder } from './snapshot.ts';
import { type TrialFault, trySetAlone } from './trial.ts';

/** What was found in a folder of policies. */
export interface PolicyCheck {
  /** Relative to the folder. */
  readonly files: readonly string[];
  readonly problems: readonly PolicyProblem[];
}

/**
 * Everything wrong in a folder of policies and their tests, in order of file and line; the same looks that `serve` takes before a set
 * goes in force. Faults: POLICY_BROKEN when the folder can't be read, INTERNAL when opa can't be run.
 */
export async function checkPolicies(directory: string, opa: string, signal: AbortSignal): Promise<Outcome<PolicyCheck>> {
  const snapshot = await readPolicyFolder(directory);
  if (!snapshot.ok) return snapshot;
  const { files } = snapshot.value;
  const [inspected, written, tests] = await Promise.all([
    inspectPolicies(snapshot.value, opa, signal),
    lintPolicies(files, opa, signal),
    checkTests(files, opa, signal),
  ]);
  if (!inspected.ok) return inspected;
  if (!tests.ok) return tests;
  const problems = merge([...(inspected.value.ok ? [] : inspected.value.problems), ...written], inspected.value.ok ? tests.value : []);
  return good({ files: files.map(({ path }) => path), problems });
}

/** What opa itself finds in policies and tests together. Tests run in opa and may use all of it, and make inputs of any shape. */
async function checkTests(files: readonly PolicyFile[], opa: string, signal: AbortSignal): Promise<Outcome<readonly PolicyProblem[]>> {
  return withFolder(files, async (folder) => {
    const check = (...more: readonly string[]) => runOpa(opa, ['check', '-b', '--format=json', '-m', '100', ...more, '.'], folder, signal);
    const [plain, strict] = await Promise.all([check(), check('--strict')]);
    if (!plain.ok) return plain;
    if (!strict.ok) return strict;
    const read = ({ stdout, stderr }: OpaRun): readonly PolicyProblem[] => readOpaErrors(stderr || stdout, '.', librariesOf(files));
    if (plain.value.code !== 0) return good(files.some((file) => isTestFile(file.path)) ? read(plain.value) : []);
    // What only the strict mode minds, such as an import that nothing uses, keeps nothing from going in force.
    return good(strict.value.code === 0 ? [] : read(strict.value).map((problem) => ({ ...problem, advice: true as const })));
  });
}

/** In order of file and line. Where two looks found the same, the one that knows its place says it. */
function merge(problems: readonly PolicyProblem[], ofTests: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const placed = new Set([...problems, ...ofTests].filter(({ line }) => line > 0).map(({ file, rule }) => `${file} ${rule ?? 'rego'}`));
  const isSaid = ({ file, line, rule }: PolicyProblem): boolean => line === 0 && rule === 'sample' && placed.has(`${file} finding`);
  const known = new Set<string>();
  const kept = [...problems, ...ofTests].filter((problem) => {
    const key = `${problem.file}:${problem.line}:${problem.column} ${problem.rule === 'metadata' ? '' : problem.message}`;
    if (isSaid(problem) || known.has(key)) return false;
    known.add(key);
    return true;
  });
  return inOrder(kept);
}

/** As readSnapshot, of a folder that has policies. Fault: POLICY_BROKEN. */
export async function readPolicyFolder(directory: string): Promise<Outcome<Snapshot>> {
  const snapshot = await readSnapshot(directory);
  if (!snapshot.ok || snapshot.value.files.some(({ path }) => path.endsWith('.rego') && !isTestFile(path))) return snapshot;
  return bad('POLICY_BROKEN', `there is no policy in ${safeText(directory, 300)}: a policy is a .rego file that begins with \`package policies.NAME\``);
}

/** Compiles policies, makes a set of them as an empty configuration would, and lets it judge the samples. Fault: INTERNAL when opa can't be run. */
export async function inspectPolicies(snapshot: Snapshot, opa: string, signal: AbortSignal): Promise<Outcome<Compilation>> {
  const compiled = await compilePolicies(opa, snapshot, signal);
  if (!compiled.ok || !compiled.value.ok) return compiled;
  const wrong = (problems: readonly PolicyProblem[]): Outcome<Compilation> => good({ ok: false, problems });
  const strange = compiled.value.value.policies.filter(hasStrangeMode);
  if (strange.length > 0) return wrong(strange.map(({ name, files }) => modeProblem(name, files, snapshot.files)));
  const made = await makeSet(compiled.value.value, { required: [], modes: {}, data: {} });
  if (!made.ok) return wrong([placeless('.', made.fault.message)]);
  const tried = await trySetAlone(made.value);
  if (!tried.ok) return wrong([placeless('.', tried.fault.message)]);
  return tried.value.length > 0 ? wrong(tried.value.map((fault) => trialProblem(fault, snapshot.files))) : good(compiled.value);
}

function placeless(file: string, message: string): PolicyProblem {
  return { file, line: 0, column: 0, message };
}

/** opa says what METADATA hold, and not where. */
function modeProblem(policy: string, names: readonly string[], files: readonly PolicyFile[]): PolicyProblem {
  const message = `custom.mode of policy ${policy} must be one of ${policyModes.join(', ')}`;
  for (const { path, content } of files.filter((file) => names.includes(file.path))) {
    for (const [i, line] of content.toString('utf8').split('\n').entries()) {
      const value = /^(#\s+mode:\s*)["']?([^"'\s]*)/.exec(line);
      if (value !== null && !policyModes.some((mode) => mode === value[2])) {
        return { file: path, line: i + 1, column: (value[1]?.length ?? 0) + 1, message, rule: 'metadata' };
      }
    }
  }
  return placeless(names[0] ?? '.', message);
}

/** The engine writes the place of a conflict before its reason; of anything else only the policy is known. */
function trialProblem({ policy, why }: TrialFault, files: readonly PolicyFile[]): PolicyProblem {
  const [, file = '', line = '0', column = '0', reason = ''] = /^could not be evaluated: (.+?\.rego):(\d+):(\d+): (.+)$/s.exec(why) ?? [];
  const message = (words: string): string => safeText(`policy ${policy.name} ${words}, on a sample Pod`, 500);
  if (!files.some(({ path }) => path === file)) return { ...placeless(policy.files[0] ?? '.', message(why)), rule: 'sample' };
  return { file, line: Number(line), column: Number(column), message: message(`could not be evaluated: ${reason}`), rule: 'sample' };
}
