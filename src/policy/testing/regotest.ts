import { bad, good, type Outcome } from '../../domain/fault.ts';
import { isObject, property, text } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { type OpaRun, runOpa } from '../opa.ts';
import { readSnapshot, type Snapshot, withFolder } from '../snapshot.ts';
import { compareWithEngine, type EngineComparison } from './compare.ts';
import { type Coverage, readCoverage } from './coverage.ts';
import type { RegoTest } from './outcome.ts';
import { distinct, type Fixture, printedOf, probeModules, readPrinted } from './probes.ts';

export interface RegoTests {
  readonly tests: readonly RegoTest[];
  /** null unless all passed: opa measures it only then. */
  readonly coverage: Coverage | null;
  /** The same tests, and what they gave the policies to judge, in the engine that judges in the cluster; null where there is no test. */
  readonly engine: EngineComparison | null;
}

/**
 * Runs the tests of a folder of policies with `opa test`, and all of it again in the engine. Faults: POLICY_BROKEN when they don't
 * compile, INTERNAL when opa can't be run.
 */
export async function testPolicies(directory: string, opa: string, signal: AbortSignal): Promise<Outcome<RegoTests>> {
  const snapshot = await readSnapshot(directory);
  if (!snapshot.ok) return snapshot;
  const run = await runTests(snapshot.value, opa, signal);
  if (!run.ok) return run;
  const { tests, fixtures } = run.value;
  if (tests.length === 0) return good({ tests, coverage: null, engine: null });
  const passed = tests.every(({ outcome }) => outcome === 'passed' || outcome === 'skipped');
  const [coverage, engine] = await Promise.all([
    // opa measures coverage only where every test passes, and then says nothing about the tests.
    passed ? measure(snapshot.value, opa, signal) : good(null),
    compareWithEngine({ snapshot: snapshot.value, tests, fixtures, opa, signal }),
  ]);
  if (!coverage.ok) return coverage;
  return engine.ok ? good({ tests, coverage: coverage.value, engine: engine.value }) : engine;
}

/** Runs them with probes, and without where these don't compile: the error is then the author's. */
async function runTests(
  { files }: Snapshot,
  opa: string,
  signal: AbortSignal,
): Promise<Outcome<{ readonly tests: readonly RegoTest[]; readonly fixtures: readonly Fixture[] }>> {
  const test = (more: readonly { readonly path: string; readonly content: string }[]): Promise<Outcome<OpaRun>> =>
    withFolder([...files, ...more], (folder) => runOpa(opa, ['test', '-b', '--format=json', '.'], folder, signal));
  const probed = await test(probeModules(files));
  if (!probed.ok) return probed;
  const read = readTests(probed.value.stdout);
  if (read !== null) return good(read);
  const plain = await test([]);
  if (!plain.ok) return plain;
  const bare = readTests(plain.value.stdout);
  return bare === null ? bad('POLICY_BROKEN', `the tests do not compile: ${safeText(plain.value.stderr.replace(/\s+/g, ' ').trim(), 1000)}`) : good(bare);
}

function measure({ files }: Snapshot, opa: string, signal: AbortSignal): Promise<Outcome<Coverage | null>> {
  return withFolder(files, async (folder) => {
    const measured = await runOpa(opa, ['test', '-b', '--coverage', '--format=json', '.'], folder, signal);
    return measured.ok ? good(readCoverage(measured.value.stdout)) : measured;
  });
}

/** null when opa says nothing of tests: it could not compile them. A folder without tests gives an empty list. */
function readTests(output: string): { readonly tests: readonly RegoTest[]; readonly fixtures: readonly Fixture[] } | null {
  const parsed = parse(output);
  if (!Array.isArray(parsed)) return null;
  const fixtures: Fixture[] = [];
  const tests = parsed.filter(isObject).map((test): RegoTest => {
    const printed = readPrinted(printedOf(test));
    fixtures.push(...printed.fixtures);
    return {
      package: text(test['package']) ?? '',
      name: text(test['name']) ?? '',
      file: text(property(test['location'], 'file')) ?? '',
      line: number(property(test['location'], 'row')),
      outcome: test['error'] !== undefined ? 'error' : test['fail'] === true ? 'failed' : test['skip'] === true ? 'skipped' : 'passed',
      cases: isObject(test['sub_results']) ? casesOf(test['sub_results']) : null,
      printed: safeText(printed.own, 4000),
      duration: number(test['duration']) / 1e6,
    };
  });
  const inOrder = tests.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1));
  return { tests: inOrder, fixtures: distinct(fixtures) };
}

/** Names of the cases that passed, `outer/inner` where they nest. */
function casesOf(results: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.entries(results).flatMap(([name, result]) => {
    const inner = property(result, 'sub_results');
    if (isObject(inner)) return casesOf(inner).map((one) => `${name}/${one}`);
    return property(result, 'fail') === true ? [] : [name];
  });
}

function parse(output: string): unknown {
  try {
    return JSON.parse(output);
  } catch {
    return undefined;
  }
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
