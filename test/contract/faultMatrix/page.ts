/** The page of docs that shows what came of it. */
import { type Fault, faults, type Result, type Scene } from './matrix.ts';

interface Row {
  readonly words: Scene['words'];
  readonly title: string;
  readonly found: ReadonlyMap<Fault, Result>;
  readonly left: ReadonlyMap<Fault, string>;
}

const intro = `# What comes of a source that fails

Each source of evidence is made to do everything wrong that it can, one thing at a time, and a Pod is judged meanwhile whose image nobody has
looked at before. This page is written by the tests that do it (\`test/contract/faultMatrix.test.ts\`), and they fail where it is not what
happens. For every line they hold too that the answer comes within the deadline, that the Pod is admitted as soon as the fault is over, that
nothing of what was answered is repeated, and that no redirect leads inward.

*Told* is what policies see: the codes of \`faults\`, those of \`rejected\`, and the states of \`scans\`. What was known before is not at
play here: a fact from before bridges outages (\`lastKnownGoodFor\`).

A source answers what is asked of it beside the image: the manifest and the configuration of the image come from its registry, which
has a section of its own.
`;

export function describeMatrix(rows: readonly Row[]): string {
  return `${intro}\n${rows.map(describeRow).join('\n')}`;
}

function describeRow({ title, found, left, words }: Row): string {
  const word = (fault: Fault): string => words?.[fault] ?? faults[fault];
  const groups = Map.groupBy(found, ([, { answer, saw }]) => `| ${describeSight(saw)} | ${answer} |`);
  const lines = [...groups].map(([rest, cells]) => `| ${cells.map(([fault]) => word(fault)).join(', ')} ${rest}`);
  const reasons = Map.groupBy(left, ([, reason]) => reason);
  const others = [...reasons].map(([reason, all]) => `- ${all.map(([fault]) => faults[fault]).join(', ')}: ${reason}`);
  const table = ['| when it | told | the Pod is |', '|---|---|---|', ...lines].join('\n');
  return `## ${title}\n\n${table}\n${others.length === 0 ? '' : `\nDoes not arise:\n\n${others.join('\n')}\n`}`;
}

function describeSight(saw: string): string {
  if (saw === '') return 'there is none';
  return saw.replaceAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g, (code) => `\`${code}\``);
}
