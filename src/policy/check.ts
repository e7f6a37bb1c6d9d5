import { good, type Outcome } from '../domain/fault.ts';
import { compilePolicies } from './compile.ts';
import { readOpaErrors } from './diagnose.ts';
import { runOpa } from './opa.ts';
import type { PolicyProblem } from './rules.ts';
import { isTestFile, readSnapshot, withFolder } from './snapshot.ts';

/**
 * Everything wrong in a folder of policies and their tests, in order of file and line; the same looks that `serve` takes before a set
 * goes in force. Faults: POLICY_BROKEN when the folder can't be read, INTERNAL when opa can't be run.
 */
export async function checkPolicies(directory: string, opa: string, signal: AbortSignal): Promise<Outcome<readonly PolicyProblem[]>> {
  const snapshot = await readSnapshot(directory);
  if (!snapshot.ok) return snapshot;
  const compiled = await compilePolicies(opa, snapshot.value, signal);
  if (!compiled.ok) return compiled;
  if (!compiled.value.ok) return good(compiled.value.problems);
  if (!snapshot.value.files.some((file) => isTestFile(file.path))) return good([]);
  // Tests run in opa itself and may use all of it, and make inputs of any shape.
  return withFolder(snapshot.value.files, async (folder) => {
    const run = await runOpa(opa, ['check', '-b', '--format=json', '-m', '100', '.'], folder, signal);
    if (!run.ok) return run;
    return good(run.value.code === 0 ? [] : readOpaErrors(run.value.stderr || run.value.stdout, '.'));
  });
}
