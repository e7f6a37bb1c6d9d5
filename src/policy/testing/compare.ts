import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../../domain/canonical.ts';
import { good, type Outcome } from '../../domain/fault.ts';
import { isObject, type JsonObject } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { collectorModules, entrypoint } from '../collector.ts';
import type { EngineSet, RawResult } from '../engine.ts';
import { readResults } from '../findings.ts';
import { runOpa } from '../opa.ts';
import { EnginePool } from '../pool.ts';
import { findPolicies } from '../rules.ts';
import { type Snapshot, withFolder } from '../snapshot.ts';
import { readTarGz } from '../tar.ts';
import { type FoundByOpa, judgeWithOpa } from './judgeWithOpa.ts';
import type { RegoTest } from './outcome.ts';
import { type Fixture, groupBy } from './probes.ts';

/** What came out otherwise in the engine than in opa, or could not be seen. */
export interface EngineDifference {
  /** The test, or the policy that judged what a test gave it. */
  readonly what: { readonly test: string; readonly file: string; readonly line: number } | { readonly policy: string; readonly input: string };
  /** What differs, for people. */
  readonly why: string;
  /** The engine lacks what a test itself uses, so that nothing is known: it may be right. */
  readonly unable: boolean;
}

export interface EngineComparison {
  /** Tests that were run in the engine too. */
  readonly tests: number;
  /** What tests gave to policies, each judged by both. */
  readonly fixtures: number;
  readonly differences: readonly EngineDifference[];
}

export interface Compared {
  readonly snapshot: Snapshot;
  readonly tests: readonly RegoTest[];
  readonly fixtures: readonly Fixture[];
  readonly opa: string;
  readonly signal: AbortSignal;
}

/** Milliseconds that all tests, or all fixtures of one configuration, may take in the engine. */
const patience = 30_000;
const longestWasm = 64 * 1024 * 1024;
const memoryPages = 2048;

/** Runs tests and fixtures in the engine, and tells what differs from opa. Fault: INTERNAL when opa can't be run. */
export async function compareWithEngine(compared: Compared): Promise<Outcome<EngineComparison>> {
  const tests = compared.tests.filter(({ outcome }) => outcome !== 'skipped');
  const { policies } = findPolicies(compared.snapshot.files);
  const fixtures = compared.fixtures.filter(({ policy }) => policies.some(({ name }) => name === policy));
  const named = [...new Set(tests.map(pathOf))];
  const built = await build(
    compared,
    policies.map(({ name }) => name),
    named,
  );
  if (!built.ok) return built;
  if ('refused' in built.value) {
    const [first] = tests;
    const what = { test: 'all tests', file: first?.file ?? '.', line: first?.line ?? 0 };
    return good({ tests: 0, fixtures: 0, differences: [{ what, why: `they do not compile for the engine: ${built.value.refused}`, unable: false }] });
  }
  const { module, data } = built.value;
  const pool = new EnginePool<{ readonly engine: EngineSet }>({ workers: 0, timeout: patience, log: () => {} });
  const judge = async (
    policies: readonly string[],
    entrypoints: readonly string[],
    config: string | null,
    inputs: readonly string[],
  ): Promise<readonly (readonly RawResult[])[]> => {
    const all = config === null ? data : { ...data, config: JSON.parse(config) as JsonObject };
    const engine: EngineSet = { module, data: new Uint8Array(Buffer.from(canonicalJson(all))).buffer, policies, entrypoints, memoryPages };
    const answered = await pool.try({ engine }, inputs, patience);
    if (!answered.ok) return inputs.map(() => policies.map(() => ({ thrown: answered.fault.message })));
    return answered.value.map((answer) => (answer === '' ? policies.map(() => ({ json: '{"deny":[],"warn":[]}' })) : readResults(answer)));
  };
  try {
    const [results = []] = named.length === 0 ? [] : await judge(named, named, null, ['null']);
    const byPath = new Map(named.map((path, i) => [path, results[i] ?? { thrown: 'it gave nothing' }]));
    const differences = tests.flatMap((test) => differenceOfTest(test, byPath.get(pathOf(test))));
    const byOpa = await judgeWithOpa(compared.snapshot.files, fixtures, compared.opa, compared.signal);
    if (!byOpa.ok) return byOpa;
    for (const group of groupBy(fixtures, ({ policy, config }) => `${policy} ${config ?? ''}`)) {
      const [{ policy, config } = { policy: '', config: null }] = group;
      const found = await judge(
        [policy],
        [entrypoint(policy)],
        config,
        group.map(({ input }) => input),
      );
      for (const [i, fixture] of group.entries()) differences.push(...differenceOfFixture(fixture, byOpa.value.get(fixture), found[i]?.[0]));
    }
    return good({ tests: tests.length, fixtures: fixtures.length, differences });
  } finally {
    await pool.close();
  }
}

function pathOf(test: RegoTest): string {
  return [...test.package.split('.').slice(1), test.name].join('/');
}

type Built = { readonly module: WebAssembly.Module; readonly data: JsonObject } | { readonly refused: string };

function build({ snapshot, opa, signal }: Compared, policies: readonly string[], tests: readonly string[]): Promise<Outcome<Built>> {
  const files = [...snapshot.files, ...collectorModules(policies.map((name) => ({ name, files: [] })))].map(({ path, content }) => ({
    path: join('all', path),
    content,
  }));
  return withFolder(files, async (folder) => {
    const entrypoints = [...policies.map(entrypoint), ...tests].flatMap((path) => ['-e', path]);
    const run = await runOpa(opa, ['build', '-t', 'wasm', '-b', ...entrypoints, '-o', '../bundle.tar.gz', '.'], join(folder, 'all'), signal);
    if (!run.ok) return run;
    if (run.value.code !== 0) return good({ refused: safeText(run.value.stderr.replace(/\s+/g, ' ').trim(), 500) });
    const bundle = await readTarGz(await readFile(join(folder, 'bundle.tar.gz')), longestWasm);
    if (!bundle.ok) return bundle;
    const data: unknown = JSON.parse(bundle.value.get('data.json')?.toString('utf8') ?? '{}');
    const module = await WebAssembly.compile(new Uint8Array(bundle.value.get('policy.wasm') ?? Buffer.alloc(0)));
    return good({ module, data: isObject(data) ? (data as JsonObject) : {} });
  });
}

function differenceOfTest(test: RegoTest, result: RawResult | undefined): EngineDifference[] {
  const what = { test: `${test.package}.${test.name}`, file: test.file, line: test.line };
  const differs = (why: string, unable = false): EngineDifference[] => [{ what, why, unable }];
  if (result === undefined || 'thrown' in result) {
    if (test.outcome === 'error') return [];
    const why = result?.thrown ?? 'it gave nothing';
    const lacks = /^the builtin (\S+) is not available$/.exec(why)?.[1];
    return lacks === undefined
      ? differs(`${test.outcome} in opa; in the engine: ${safeText(why, 300)}`)
      : differs(`the engine has no ${lacks}, so only opa ran it`, true);
  }
  const value: unknown = JSON.parse(result.json);
  if (test.cases !== null) {
    const cases = isObject(value) ? trueCases(value) : [];
    const odd = [...test.cases.filter((name) => !cases.includes(name)), ...cases.filter((name) => !(test.cases ?? []).includes(name))];
    return odd.length === 0 ? [] : differs(`these cases come out otherwise in the engine: ${safeText(odd.join(', '), 300)}`);
  }
  const passed = value === true;
  if (passed === (test.outcome === 'passed')) return [];
  return differs(`${test.outcome} in opa, ${passed ? 'passed' : 'failed'} in the engine`);
}

function trueCases(value: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(value).flatMap(([name, one]) => (isObject(one) ? trueCases(one).map((inner) => `${name}/${inner}`) : one === true ? [name] : []));
}

function differenceOfFixture({ policy, input }: Fixture, opa: FoundByOpa | undefined, engine: RawResult | undefined): EngineDifference[] {
  const what = { policy, input: safeText(input, 160) };
  const failed = engine === undefined ? 'it gave nothing' : 'thrown' in engine ? engine.thrown : null;
  const refused = opa === undefined ? 'it gave nothing' : 'failed' in opa ? opa.failed : null;
  if (failed !== null && refused !== null) return [];
  if (failed !== null) return [{ what, why: `opa judged it; the engine: ${safeText(failed, 300)}`, unable: false }];
  if (refused !== null) return [{ what, why: `the engine judged it; opa: ${safeText(refused, 300)}`, unable: false }];
  const [ours, theirs] = [
    sortDeep(engine !== undefined && 'json' in engine ? JSON.parse(engine.json) : null),
    sortDeep(opa !== undefined && 'value' in opa ? opa.value : null),
  ];
  if (canonicalJson(ours) === canonicalJson(theirs)) return [];
  return [{ what, why: `opa says ${safeText(canonicalJson(theirs), 600)}; the engine says ${safeText(canonicalJson(ours), 600)}`, unable: false }];
}

/** Sets come in any order, and JSON does not tell them from lists. */
function sortDeep(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortDeep).sort((a, b) => (canonicalJson(a) < canonicalJson(b) ? -1 : 1));
  return isObject(value) ? Object.fromEntries(Object.entries(value).map(([key, one]) => [key, sortDeep(one)])) : value;
}
