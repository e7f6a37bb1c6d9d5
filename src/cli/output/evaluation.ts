import type { Finding } from '../../domain/decision.ts';
import { safeText } from '../../domain/text.ts';
import type { Evaluated } from '../../policy/index.ts';
import type { Paint } from '../io.ts';
import { safeJson } from './json.ts';

/** What the policies of a folder said of one input. */
export interface EvaluationReport {
  /** What the input is, for people. */
  readonly name: string;
  readonly directory: string;
  readonly policies: Evaluated['policies'];
}

export function evaluationText(report: EvaluationReport, paint: Paint): string {
  const findings = report.policies.flatMap((policy) => policy.findings);
  const denied = findings.some(({ effect }) => effect === 'deny');
  const silent = report.policies.filter((policy) => policy.mode !== 'off' && policy.findings.length === 0).map(({ name }) => name);
  const off = report.policies.filter(({ mode }) => mode === 'off').map(({ name }) => name);
  const word = denied ? paint('red', 'DENIED') : findings.length > 0 ? paint('yellow', 'WARN') : paint('green', 'ALLOWED');
  return [
    `${word}  ${paint('bold', report.name)}`,
    ...findings.flatMap((finding) => findingLines(finding, paint)),
    ...(silent.length === 0 ? [] : [paint('dim', `  nothing to say: ${silent.join(', ')}`)]),
    ...(off.length === 0 ? [] : [paint('dim', `  off: ${off.join(', ')}`)]),
  ].join('\n');
}

/** A finding, and below it what to do. */
export function findingLines({ effect, policy, severity, msg, remediation, cves }: Finding, paint: Paint): readonly string[] {
  const grade = severity === null ? '' : `, ${safeText(severity, 20)}`;
  return [
    `  ${paint(effect === 'deny' ? 'red' : 'yellow', effect)}  [${policy}${grade}] ${safeText(msg, 2000)}`,
    ...(cves.length === 0 ? [] : [`        ${safeText(cves.slice(0, 10).join(', '), 500)}${cves.length > 10 ? ` and ${cves.length - 10} more` : ''}`]),
    ...(remediation === null ? [] : [`        What to do: ${safeText(remediation, 1000)}`]),
  ];
}

/** One JSON document; `version` changes when a key changes its meaning. */
export function evaluationJson({ policies }: EvaluationReport): string {
  const denied = policies.some(({ findings }) => findings.some(({ effect }) => effect === 'deny'));
  return safeJson({
    version: 1,
    decision: denied ? 'deny' : 'allow',
    policies: policies.map(({ name, mode, files, findings }) => ({ name, mode, files, findings })),
  });
}
