import { join } from 'node:path';
import { good, type Outcome } from '../../domain/fault.ts';
import { property, text } from '../../domain/json.ts';
import { collectorModules } from '../collector.ts';
import { runOpa } from '../opa.ts';
import { type PolicyFile, withFolder } from '../snapshot.ts';
import { type Fixture, groupBy } from './probes.ts';

/** What opa makes of a fixture, or why it makes nothing of it. */
export type FoundByOpa = { readonly value: unknown } | { readonly failed: string };

/**
 * Judges fixtures with `opa eval`, many in one run. One on which the policy fails takes its run with it, so a run that fails is cut in
 * halves until it is found. Fault: INTERNAL when opa can't be run.
 */
export async function judgeWithOpa(
  files: readonly PolicyFile[],
  fixtures: readonly Fixture[],
  opa: string,
  signal: AbortSignal,
): Promise<Outcome<ReadonlyMap<Fixture, FoundByOpa>>> {
  const found = new Map<Fixture, FoundByOpa>();
  if (fixtures.length === 0) return good(found);
  const names = [...new Set(fixtures.map(({ policy }) => policy))];
  const modules = [...files, ...collectorModules(names.map((name) => ({ name, files: [] })))].map(({ path, content }) => ({
    path: join('all', path),
    content,
  }));
  return withFolder(modules, async (folder) => {
    const judge = async (some: readonly Fixture[]): Promise<Outcome<null>> => {
      const [first] = some;
      if (first === undefined) return good(null);
      const run = await runOpa(opa, ['eval', '-b', 'all', '-I', '--format=json', queryFor(first, 'input', 'x')], folder, signal, givenFor(some));
      if (!run.ok) return run;
      const values = readValues(run.value.stdout, 'x');
      if (values !== null && values.length === some.length) {
        for (const [i, fixture] of some.entries()) found.set(fixture, { value: values[i] });
        return good(null);
      }
      if (some.length === 1) {
        found.set(first, { failed: readError(run.value.stdout) });
        return good(null);
      }
      const half = Math.ceil(some.length / 2);
      const before = await judge(some.slice(0, half));
      return before.ok ? judge(some.slice(half)) : before;
    };
    const groups = groupBy(fixtures, ({ policy, config }) => `${policy} ${config === null}`);
    // All in one run, which costs most of its time before the first is judged; where one fails, group by group.
    const query = groups.map((group, i) => (group[0] === undefined ? '' : queryFor(group[0], `input[${i}]`, `x${i}`))).join('; ');
    const run = await runOpa(opa, ['eval', '-b', 'all', '-I', '--format=json', query], folder, signal, `[${groups.map(givenFor).join(',')}]`);
    if (!run.ok) return run;
    const all = groups.map((_, i) => readValues(run.value.stdout, `x${i}`));
    if (all.every((values, i) => values?.length === groups[i]?.length)) {
      for (const [i, group] of groups.entries()) for (const [j, fixture] of group.entries()) found.set(fixture, { value: all[i]?.[j] });
      return good(found);
    }
    for (const group of groups) {
      const judged = await judge(group);
      if (!judged.ok) return judged;
    }
    return good(found);
  });
}

/** One list, in the order of the fixtures, all of one policy and all with or all without a configuration. They are the input of the query. */
function queryFor({ policy, config }: Fixture, given: string, name: string): string {
  // opa takes no reference for what stands after `as`: it must be a variable.
  const configured = config === null ? '' : ' with data.config as config';
  return `${name} := [y | some given in ${given}; doc := given.input; config := given.config; y := [z | z := data.tidewaiter.collector.${policy} with input as doc${configured}]]`;
}

function givenFor(fixtures: readonly Fixture[]): string {
  return `[${fixtures.map(({ input, config }) => `{"input":${input},"config":${config ?? 'null'}}`).join(',')}]`;
}

function readValues(output: string, name: string): readonly unknown[] | null {
  const [result] = asList(property(parse(output), 'result'));
  const values = property(property(result, 'bindings'), name);
  return Array.isArray(values) ? values.map((value) => asList(value)[0] ?? {}) : null;
}

function readError(output: string): string {
  const [error] = asList(property(parse(output), 'errors'));
  return text(property(error, 'message')) ?? 'it gave no result';
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function parse(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}
