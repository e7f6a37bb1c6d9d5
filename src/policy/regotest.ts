import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { runOpa } from './opa.ts';
import { readSnapshot, withFolder } from './snapshot.ts';

/** One test of OPA's. */
export interface RegoTest {
  readonly package: string;
  readonly name: string;
  readonly file: string;
  readonly line: number;
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'error';
  /** Milliseconds. */
  readonly duration: number;
}

export interface RegoTests {
  readonly tests: readonly RegoTest[];
  /** Percent of lines by file, of those that are no tests; null unless all passed. */
  readonly coverage: { readonly total: number; readonly files: Readonly<Record<string, number>> } | null;
}

/** Runs the tests of a folder of policies with `opa test`. Faults: POLICY_BROKEN when they don't compile, INTERNAL when opa can't be run. */
export async function testPolicies(directory: string, opa: string, signal: AbortSignal): Promise<Outcome<RegoTests>> {
  const snapshot = await readSnapshot(directory);
  if (!snapshot.ok) return snapshot;
  return withFolder(snapshot.value.files, async (folder) => {
    const run = await runOpa(opa, ['test', '-b', '--format=json', '.'], folder, signal);
    if (!run.ok) return run;
    const tests = readTests(run.value.stdout);
    if (tests === null) return bad('POLICY_BROKEN', `the tests do not compile: ${safeText(run.value.stderr.replace(/\s+/g, ' ').trim(), 1000)}`);
    // opa measures coverage only where every test passes, and then says nothing about the tests.
    if (tests.some((test) => test.outcome !== 'passed' && test.outcome !== 'skipped')) return good({ tests, coverage: null });
    const measured = await runOpa(opa, ['test', '-b', '--coverage', '--format=json', '.'], folder, signal);
    return measured.ok ? good({ tests, coverage: readCoverage(measured.value.stdout) }) : measured;
  });
}

/** null when opa says nothing of tests: it could not compile them. A folder without tests gives an empty list. */
function readTests(output: string): readonly RegoTest[] | null {
  const parsed = parse(output);
  if (!Array.isArray(parsed)) return null;
  return parsed.filter(isObject).map((test) => ({
    package: text(test['package']) ?? '',
    name: text(test['name']) ?? '',
    file: text(property(test['location'], 'file')) ?? '',
    line: number(property(test['location'], 'row')),
    outcome: test['error'] !== undefined ? 'error' : test['fail'] === true ? 'failed' : test['skip'] === true ? 'skipped' : 'passed',
    duration: number(test['duration']) / 1e6,
  }));
}

function readCoverage(output: string): RegoTests['coverage'] {
  const parsed = parse(output);
  const files = property(parsed, 'files');
  if (!isObject(files)) return null;
  const shares: [string, number][] = [];
  let covered = 0;
  let all = 0;
  for (const [file, report] of Object.entries(files)) {
    if (file.endsWith('_test.rego')) continue;
    const hit = number(property(report, 'covered_lines'));
    const missed = number(property(report, 'not_covered_lines'));
    covered += hit;
    all += hit + missed;
    shares.push([file, hit + missed === 0 ? 100 : (100 * hit) / (hit + missed)]);
  }
  return { total: all === 0 ? 100 : (100 * covered) / all, files: Object.fromEntries(shares) };
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
