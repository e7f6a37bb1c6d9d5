import { join } from 'node:path';
import { safeText } from '../../domain/text.ts';
import type { ExplainedLine, Explanation } from '../../policy/index.ts';
import type { Paint } from '../io.ts';
import { findingLines } from './evaluation.ts';
import { safeJson } from './json.ts';

/** An explanation, and of what. */
export interface ExplanationReport extends Explanation {
  /** What the input is, for people. */
  readonly name: string;
  readonly directory: string;
}

type ExplainedPolicy = Explanation['policies'][number];
type ExplainedRule = ExplainedPolicy['rules'][number];

const mostText = 400;

/** For people: what each policy said, then its rules with a mark at each line. `all`: also of policies that said nothing. */
export function explanationText(report: ExplanationReport, all: boolean, paint: Paint): string {
  const spoke = report.policies.filter(({ findings }) => findings.length > 0);
  const shown = all || spoke.length === 0 ? report.policies : spoke;
  const silent = report.policies.filter((policy) => !shown.includes(policy)).map(({ name }) => name);
  const lines = [
    `${paint('bold', report.name)}${report.cut === null ? '' : `  (${report.cut})`}`,
    paint('dim', '✓ held   ✗ stopped the rule   ~ held for some, stopped for others   · never reached'),
    ...shown.flatMap((policy) => policyLines(policy, report.directory, paint)),
    ...(silent.length === 0 ? [] : ['', `Nothing to say: ${silent.join(', ')}. --policy NAME shows why.`]),
  ];
  return lines.length <= mostText
    ? lines.join('\n')
    : [...lines.slice(0, mostText), `… ${lines.length - mostText} more lines; --policy NAME shows one policy`].join('\n');
}

function policyLines(policy: ExplainedPolicy, directory: string, paint: Paint): readonly string[] {
  const said = policy.findings.length === 0 ? ['  said nothing'] : policy.findings.slice(0, 5).flatMap((finding) => findingLines(finding, paint));
  const more = policy.findings.length > 5 ? [`  and ${policy.findings.length - 5} more`] : [];
  return ['', paint('bold', `policy ${policy.name}`), ...said, ...more, ...policy.rules.flatMap((rule) => ruleLines(rule, directory, paint))];
}

function ruleLines({ file, name, entered, held, lines }: ExplainedRule, directory: string, paint: Paint): readonly string[] {
  const [first] = lines;
  const times = held === 0 ? 'it said nothing' : `its body held ${count(held)}`;
  const isFinding = name === 'deny' || name === 'warn';
  const outcome = entered === 0 ? 'never asked' : isFinding ? times : held === 0 ? 'undefined each time' : `defined ${held} of ${entered} times`;
  const width = String(lines.at(-1)?.line ?? 1).length;
  return [
    '',
    `  ${paint('dim', `${safeText(join(directory, file), 300)}:${first?.line ?? 1}`)}  ${name}: ${outcome}`,
    ...lines.flatMap((line) => lineLines(line, width, paint)),
  ];
}

const marks: Record<ExplainedLine['mark'], { readonly sign: string; readonly style: 'green' | 'red' | 'yellow' | 'dim' }> = {
  held: { sign: '✓', style: 'green' },
  stopped: { sign: '✗', style: 'red' },
  partly: { sign: '~', style: 'yellow' },
  unreached: { sign: '·', style: 'dim' },
  none: { sign: ' ', style: 'dim' },
};

function lineLines({ line, text, mark, reached, stopped, stops }: ExplainedLine, width: number, paint: Paint): readonly string[] {
  const { sign, style } = marks[mark];
  const counts = {
    held: reached === 1 ? '' : count(reached),
    stopped: stopped === 1 ? 'stopped here' : `stopped here ${count(stopped)}`,
    partly: `stopped ${stopped} of ${reached}`,
    unreached: '',
    none: '',
  }[mark];
  const indent = ' '.repeat(width + 10);
  return [
    `  ${paint(style, sign)} ${String(line).padStart(width)}  ${text}${counts === '' ? '' : paint('dim', `    # ${counts}`)}`,
    ...stops.flatMap(({ about, values, times }) => {
      const shown = values.map(({ name, value }) => (value === null ? `${name} is undefined` : `${name} = ${value}`));
      if (shown.length === 0 && about === null) return [];
      const words = shown.length === 0 ? 'stopped' : shown.join(', ');
      return [`${indent}${paint(style, '└')} ${about === null ? '' : `${about}: `}${words}${times === 1 ? '' : ` (${times} times)`}`];
    }),
  ];
}

function count(times: number): string {
  return times === 1 ? 'once' : `${times} times`;
}

/** One JSON document; `version` changes when a key changes its meaning. */
export function explanationJson({ policies, cut }: ExplanationReport): string {
  return safeJson({ version: 1, cut, policies });
}
