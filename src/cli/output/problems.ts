import { safeText } from '../../domain/text.ts';
import { describeProblem, type PolicyProblem, problemRules } from '../../policy/index.ts';
import type { Paint } from '../io.ts';
import { safeJson } from './json.ts';
import { sarifLog, sarifPlace } from './sarifLog.ts';
import { element, escapeXml, seconds, xmlDocument } from './xml.ts';

/** What `policy check` found. */
export interface ProblemReport {
  /** Files that were looked at. */
  readonly files: readonly string[];
  readonly problems: readonly PolicyProblem[];
}

export function problemsText({ problems }: ProblemReport, paint: Paint): string {
  const lines = problems.map((problem) => {
    const line = safeText(describeProblem(problem), 2000);
    return problem.advice === true ? paint('dim', line) : line;
  });
  return [...lines, summary(problems, paint)].join('\n');
}

function summary(problems: readonly PolicyProblem[], paint: Paint): string {
  const advice = problems.filter((problem) => problem.advice === true).length;
  const faults = problems.length - advice;
  const advised = advice === 0 ? '' : `, ${advice} ${advice === 1 ? 'piece' : 'pieces'} of advice`;
  return faults === 0 ? `${paint('green', 'The policies are good')}${advised}.` : paint('red', `${faults} ${faults === 1 ? 'fault' : 'faults'}${advised}`);
}

/** One JSON document; `version` changes when a key changes its meaning. */
export function problemsJson({ files, problems }: ProblemReport): string {
  const advice = problems.filter((problem) => problem.advice === true).length;
  return safeJson({
    version: 1,
    summary: { files: files.length, faults: problems.length - advice, advice },
    problems: problems.map(({ file, line, column, message, suggestion, rule, advice: only }) => ({
      file,
      line: line > 0 ? line : null,
      column: line > 0 ? column : null,
      level: only === true ? 'advice' : 'fault',
      rule: rule ?? 'rego',
      message,
      suggestion: suggestion ?? null,
    })),
  });
}

/** SARIF 2.1.0: a rule for each look, a result for each fault. */
export function problemsSarif({ problems }: ProblemReport): string {
  const ids = [...new Set(problems.map(({ rule }) => rule ?? 'rego'))].sort();
  return sarifLog({
    rules: ids.map((id) => ({ id: `policy/${id}`, shortDescription: { text: problemRules[id] } })),
    results: problems.map((problem) => ({
      ruleId: `policy/${problem.rule ?? 'rego'}`,
      ruleIndex: ids.indexOf(problem.rule ?? 'rego'),
      level: problem.advice === true ? 'note' : 'error',
      message: { text: safeText(withSuggestion(problem), 4000) },
      locations: [sarifPlace(problem.file, problem.line, Math.max(problem.column, 1))],
    })),
    successful: true,
    notifications: [],
  });
}

/** JUnit XML: a suite for each file, a case for each fault in it, and one that passes for a file without. Advice fails where it counts. */
export function problemsJunit({ files, problems }: ProblemReport, strict: boolean): string {
  const named = [...new Set([...files, ...problems.map(({ file }) => file)])];
  const time = seconds(0);
  const isFailure = ({ advice }: PolicyProblem): boolean => strict || advice !== true;
  const suites = named.map((file) => {
    const own = problems.filter((problem) => problem.file === file);
    const cases = own.map((problem) => {
      const text = safeText(withSuggestion(problem), 4000);
      const body = isFailure(problem)
        ? element('failure', { message: text, type: problem.rule ?? 'rego' }, escapeXml(safeText(describeProblem(problem), 4000)))
        : element('system-out', {}, escapeXml(text));
      return element(
        'testcase',
        { name: `${problem.line}:${problem.column} ${problem.message}`, classname: file, file, line: Math.max(problem.line, 1), time },
        body,
      );
    });
    if (cases.length === 0) cases.push(element('testcase', { name: 'policy check', classname: file, file, line: 1, time }, null));
    return element('testsuite', { name: file, tests: cases.length, failures: own.filter(isFailure).length, errors: 0, skipped: 0, time }, cases.join('\n'));
  });
  const tests = named.reduce((sum, file) => sum + Math.max(1, problems.filter((problem) => problem.file === file).length), 0);
  const totals = { name: 'tidewaiter policy check', tests, failures: problems.filter(isFailure).length, errors: 0, skipped: 0, time };
  return xmlDocument(element('testsuites', totals, suites.join('\n')));
}

function withSuggestion({ message, suggestion }: PolicyProblem): string {
  return suggestion === undefined ? message : `${message} (${suggestion})`;
}
