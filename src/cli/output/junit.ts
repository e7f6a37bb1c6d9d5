import type { WeighedFinding } from '../../domain/decision.ts';
import { safeText } from '../../domain/text.ts';
import { type CheckedObject, type CheckReport, describeObject, describeWaiver, whyUnjudged, whyUnknown, withRemedy } from '../judge.ts';
import type { ManifestObject } from '../manifests.ts';
import { manifestFaultText } from './text.ts';
import { element, escapeXml, seconds, xmlDocument } from './xml.ts';

/** Objects are judged side by side, so none has a time of its own. */
const untimed = seconds(0);

/**
 * JUnit XML as CI servers read it (https://github.com/testmoapp/junitxml): a suite for each file, a case for each object; denied is
 * a failure, what could not be read an error.
 */
export function checkJunit(report: CheckReport): string {
  const files = [
    ...new Set([...report.objects.map(({ object }) => object.file), ...report.unknown.map(({ file }) => file), ...report.faults.map(({ file }) => file)]),
  ];
  const suites = files.map((file) => {
    const objects = report.objects.filter(({ object }) => object.file === file);
    const faults = report.faults.filter((fault) => fault.file === file);
    const unknown = report.unknown.filter((object) => object.file === file);
    const counts = {
      tests: objects.length + unknown.length + faults.length,
      failures: denied(objects),
      errors: faults.length,
      skipped: skipped(objects) + unknown.length,
    };
    const cases = [
      ...objects.map(testCase),
      ...unknown.map(unknownCase),
      ...faults.map((fault) =>
        element(
          'testcase',
          { name: manifestFaultText(fault), classname: file, file, line: fault.line ?? 1, time: untimed },
          element('error', { message: fault.message }, null),
        ),
      ),
    ];
    return element('testsuite', { name: file, ...counts, time: untimed }, cases.join('\n'));
  });
  const totals = {
    tests: report.objects.length + report.unknown.length + report.faults.length,
    failures: denied(report.objects),
    errors: report.faults.length,
    skipped: skipped(report.objects) + report.unknown.length,
  };
  return xmlDocument(element('testsuites', { name: 'tidewaiter', ...totals, time: untimed }, suites.join('\n')));
}

function unknownCase(object: ManifestObject): string {
  const skipped = element('skipped', { message: whyUnknown(object) }, null);
  return element('testcase', { name: object.kind, classname: object.file, file: object.file, line: object.position.line, time: untimed }, skipped);
}

function testCase(object: CheckedObject): string {
  const { checked, result } = object;
  const findings = checked?.findings ?? [];
  const text = findings.map(findingLine).join('\n');
  const body = {
    denied: () =>
      element(
        'failure',
        { message: findings.find(({ effect, waivedBy }) => effect === 'deny' && waivedBy === null)?.msg ?? 'denied', type: 'denied' },
        escapeXml(text),
      ),
    warned: () => element('system-out', {}, escapeXml(text)),
    unjudged: () => element('skipped', { message: whyUnjudged(object) }, null),
    admitted: () => null,
  }[result]();
  return element(
    'testcase',
    { name: describeObject(object), classname: object.object.file, file: object.object.file, line: object.object.position.line, time: untimed },
    body,
  );
}

function findingLine(finding: WeighedFinding): string {
  const waiver = describeWaiver(finding);
  const word = waiver === null ? finding.effect : 'waived';
  return `${word} [${finding.policy}] ${safeText(withRemedy(finding), 4000)}${waiver === null ? '' : ` Dropped by ${waiver}`}`;
}

function denied(objects: readonly CheckedObject[]): number {
  return objects.filter(({ result }) => result === 'denied').length;
}

function skipped(objects: readonly CheckedObject[]): number {
  return objects.filter(({ result }) => result === 'unjudged').length;
}
