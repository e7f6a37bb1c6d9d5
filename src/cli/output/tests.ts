import { safeText } from '../../domain/text.ts';
import type { EngineDifference, RegoTest, RegoTests } from '../../policy/index.ts';
import type { Paint } from '../io.ts';
import { safeJson } from './json.ts';
import { sarifLog, sarifPlace } from './sarifLog.ts';
import { element, escapeXml, seconds, xmlDocument } from './xml.ts';

/** What `policy test` found, and how many percent of the lines must be covered. */
export interface TestReport extends RegoTests {
  readonly threshold: number;
}

/** Whether something failed, differs, or is covered too little. */
export function isWrong(report: TestReport): boolean {
  return report.tests.some(isBad) || differences(report).length > 0 || isCoveredTooLittle(report);
}

function isBad({ outcome }: RegoTest): boolean {
  return outcome === 'failed' || outcome === 'error';
}

function differences({ engine }: RegoTests): readonly EngineDifference[] {
  return (engine?.differences ?? []).filter(({ unable }) => !unable);
}

function unseen({ engine }: RegoTests): readonly EngineDifference[] {
  return (engine?.differences ?? []).filter(({ unable }) => unable);
}

function isCoveredTooLittle({ coverage, threshold }: TestReport): boolean {
  return coverage !== null && coverage.total < threshold;
}

const mostShown = 20;

export function testsText(report: TestReport, paint: Paint): string {
  const { tests, coverage, threshold } = report;
  const bad = tests.filter(isBad);
  const skipped = tests.filter(({ outcome }) => outcome === 'skipped').length;
  const covered =
    coverage === null
      ? []
      : coverage.files.map(
          ({ file, share, missed }) =>
            `${percent(share)}  ${safeText(file, 300)}${missed.length === 0 ? '' : paint('dim', `  no test runs line ${ranges(missed)}`)}`,
        );
  const total =
    coverage === null
      ? []
      : [
          `${percent(coverage.total)}  of the lines of all policies are covered${isCoveredTooLittle(report) ? paint('red', `, fewer than the ${threshold} % asked for`) : ''}`,
        ];
  return [
    ...bad.flatMap((found) => [`${paint('red', found.outcome)}  ${nameOf(found)}`, ...printedLines(found)]),
    ...differences(report)
      .slice(0, mostShown)
      .map((one) => `${paint('red', 'differs')}  ${describeDifference(one)}`),
    ...moreText(differences(report).length - mostShown),
    ...unseen(report).map((one) => `${paint('yellow', 'not compared')}  ${describeDifference(one)}`),
    ...covered,
    ...total,
    `${tests.length - bad.length - skipped} passed, ${bad.length} failed${skipped === 0 ? '' : `, ${skipped} skipped`}${engineText(report)}`,
  ].join('\n');
}

function moreText(more: number): readonly string[] {
  return more > 0 ? [`         and ${more} more that differ; --output json has them all`] : [];
}

function engineText(report: TestReport): string {
  const { engine } = report;
  if (engine === null) return '';
  const count = differences(report).length;
  const agreed = count === 0 ? 'the engine agrees' : `the engine differs ${count === 1 ? 'once' : `${count} times`}`;
  return `; ${agreed} (${engine.tests - unseen(report).length} tests, ${engine.fixtures} inputs)`;
}

function nameOf({ file, line, package: name, name: rule }: RegoTest): string {
  return safeText(`${file}:${line}: ${name}.${rule}`, 500);
}

function printedLines({ printed }: RegoTest): readonly string[] {
  return printed === '' ? [] : printed.split('\\u{a}').map((line) => `        ${line}`);
}

/** Where, and what differs. */
function describeDifference({ what, why }: EngineDifference): string {
  const where = 'test' in what ? `${what.file}:${what.line}: ${what.test}` : `policy ${what.policy} on the input ${what.input}`;
  return safeText(`${where}: ${why}`, 2000);
}

function percent(share: number): string {
  // A line that is missed must not be rounded away.
  return `${Math.floor(share).toFixed(0).padStart(3)} %`;
}

function ranges(missed: readonly (readonly [number, number])[]): string {
  return missed.map(([first, last]) => (first === last ? String(first) : `${first}-${last}`)).join(', ');
}

/** One JSON document; `version` changes when a key changes its meaning. */
export function testsJson(report: TestReport): string {
  const { tests, coverage, engine, threshold } = report;
  return safeJson({
    version: 1,
    summary: {
      passed: tests.filter(({ outcome }) => outcome === 'passed').length,
      failed: tests.filter(isBad).length,
      skipped: tests.filter(({ outcome }) => outcome === 'skipped').length,
      differences: differences(report).length,
      covered: coverage?.total ?? null,
      threshold,
    },
    tests,
    coverage,
    engine,
  });
}

/** SARIF 2.1.0: what failed or differs, and lines that no test runs where too few are covered. */
export function testsSarif(report: TestReport): string {
  const rules = [
    { id: 'policy-test/failed', shortDescription: { text: 'A test of a policy failed' } },
    { id: 'policy-test/differs', shortDescription: { text: 'The engine comes to something else than opa' } },
    { id: 'policy-test/uncovered', shortDescription: { text: 'No test runs these lines' } },
  ];
  const result = (index: number, message: string, location: object): object => ({
    ruleId: rules[index]?.id,
    ruleIndex: index,
    level: 'error',
    message: { text: safeText(message, 4000) },
    locations: [location],
  });
  const [first] = report.tests;
  return sarifLog({
    rules,
    results: [
      ...report.tests
        .filter(isBad)
        .map((test) =>
          result(0, `${test.package}.${test.name} ${test.outcome === 'error' ? 'could not be run' : 'failed'}`, sarifPlace(test.file, test.line, 1)),
        ),
      ...differences(report).map((one) =>
        result(1, describeDifference(one), 'test' in one.what ? sarifPlace(one.what.file, one.what.line, 1) : sarifPlace(first?.file ?? '.', null, null)),
      ),
      ...(isCoveredTooLittle(report) ? (report.coverage?.files ?? []) : []).flatMap(({ file, missed }) =>
        missed.map(([line]) => result(2, 'no test runs this line', sarifPlace(file, line, 1))),
      ),
    ],
    successful: true,
    notifications: unseen(report).map((one) => ({ level: 'note', message: { text: describeDifference(one) } })),
  });
}

/** JUnit XML: a suite for each file of tests, one for the engine, one for the coverage. */
export function testsJunit(report: TestReport): string {
  const suites = [...new Set(report.tests.map(({ file }) => file))].map((file) => {
    const own = report.tests.filter((test) => test.file === file);
    return {
      name: file,
      cases: own.map(testCase),
      time: own.reduce((sum, { duration }) => sum + duration, 0),
      failures: count(own, 'failed'),
      errors: count(own, 'error'),
      skipped: count(own, 'skipped'),
    };
  });
  const odd = differences(report);
  const agreement = { name: 'the engine agrees with opa', classname: 'tidewaiter.engine', time: seconds(0) };
  const engine =
    odd.length === 0
      ? [element('testcase', agreement, null)]
      : odd.map((one) =>
          element(
            'testcase',
            { ...agreement, name: 'test' in one.what ? one.what.test : `policy ${one.what.policy}` },
            element('failure', { message: describeDifference(one), type: 'differs' }, null),
          ),
        );
  suites.push({ name: 'engine', cases: engine, time: 0, failures: odd.length, errors: 0, skipped: 0 });
  if (report.coverage !== null && report.threshold > 0) {
    const message = `${report.coverage.total.toFixed(1)} % of the lines are covered, ${report.threshold} % are asked for`;
    const failure = isCoveredTooLittle(report) ? element('failure', { message, type: 'coverage' }, null) : null;
    suites.push({
      name: 'coverage',
      cases: [element('testcase', { name: 'coverage', classname: 'tidewaiter.coverage', time: seconds(0) }, failure)],
      time: 0,
      failures: failure === null ? 0 : 1,
      errors: 0,
      skipped: 0,
    });
  }
  const sum = (of: (suite: (typeof suites)[number]) => number): number => suites.reduce((all, suite) => all + of(suite), 0);
  const totals = {
    tests: sum(({ cases }) => cases.length),
    failures: sum(({ failures }) => failures),
    errors: sum(({ errors }) => errors),
    skipped: sum(({ skipped }) => skipped),
    time: seconds(sum(({ time }) => time)),
  };
  const written = suites.map(({ name, cases, failures, errors, skipped, time }) =>
    element('testsuite', { name, tests: cases.length, failures, errors, skipped, time: seconds(time) }, cases.join('\n')),
  );
  return xmlDocument(element('testsuites', { name: 'tidewaiter policy test', ...totals }, written.join('\n')));
}

function testCase(test: RegoTest): string {
  const message = `${test.package}.${test.name} ${test.outcome}`;
  const body = {
    passed: () => null,
    failed: () => element('failure', { message, type: 'failed' }, escapeXml(test.printed)),
    error: () => element('error', { message, type: 'error' }, escapeXml(test.printed)),
    skipped: () => element('skipped', {}, null),
  }[test.outcome]();
  return element('testcase', { name: test.name, classname: test.package, file: test.file, line: test.line, time: seconds(test.duration) }, body);
}

function count(tests: readonly RegoTest[], outcome: RegoTest['outcome']): number {
  return tests.filter((test) => test.outcome === outcome).length;
}
