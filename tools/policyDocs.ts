/**
 * Writes docs/policies.md: what the METADATA of each policy of the library say, an example of its parameters, and what it says of a Pod
 * that it denies.
 *
 *     node tools/policyDocs.ts
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { findingText } from '../src/cli/output/text.ts';
import { policyExamples } from './policies/examples.ts';
import { type Judge, type LibraryPolicy, openJudge, type Parameter, type ParameterField, readLibrary } from './policies/library.ts';

export const policiesPage = join(import.meta.dirname, '..', 'docs', 'policies.md');

const head = `# The library of policies

<!-- Written by tools/policyDocs.ts from the METADATA of the policies. Change those, and run it again. -->

What each policy of \`policies/\` demands, what can be set, and what it says. [policies/README.md](../policies/README.md) has the contract
for policies of your own; [a first policy](guides/first-policy.md) takes you there step by step.

Those in mode \`off\` do nothing until they are switched on, by name:

\`\`\`yaml
policy:
  modes: { nonroot: enforce, image_age: warn }
  data:
    image_age: { maxAge: 90d }
\`\`\`

Parameters are members of \`policy.data\`, under the policy's name. A parameter that there is not, one of a wrong type, and one that is
missing though nothing can be judged without it, is a denial (\`parameter\`) that names it.

Types: \`text\`; \`number\` is a whole one, 0 or more; \`boolean\`; \`duration\` such as \`90m\`, \`168h\`, \`7d\` or \`2w\`; \`severity\` is CRITICAL,
HIGH, MEDIUM, LOW or UNKNOWN. **Images** are covered by a registry (\`registry.corp\`), a path in one (\`docker.io/library\`), or a glob over
the whole name (\`ghcr.io/acme/**\`). In **patterns**, \`*\` stays within a part between slashes and \`**\` crosses them; a pattern without one is
the text itself.

What could not be looked at is never taken for what is not there: a denial says \`unknown\` where a registry did not answer, \`rejected\` where
something is there that does not count, and for scans the state that each source is in.
`;

/** The page's text. */
export async function writePolicyPage(): Promise<string> {
  const policies = await readLibrary();
  const judge = await openJudge();
  const inForce = policies.filter(({ mode }) => mode !== 'off');
  const off = policies.filter(({ mode }) => mode === 'off');
  const ordered = [...inForce, ...off];
  const overview = table(
    ['policy', 'severity', 'mode', 'demands'],
    ordered.map(({ name, severity, mode, title }) => [`[\`${name}\`](#${name})`, severity, mode, title]),
  );
  const sections: string[] = [];
  for (const policy of ordered) sections.push(await section(policy, judge));
  return [head, `${overview}\n`, ...sections].join('\n');
}

async function section(policy: LibraryPolicy, judge: Judge): Promise<string> {
  const example = policyExamples[policy.name];
  if (example === undefined) throw new Error(`policy ${policy.name} has no example in tools/policies/examples.ts`);
  const findings = await judge.judge(policy.name, example.data, example.denied);
  const denial = findings.flatMap((finding) => findingText({ ...finding, decisive: true, waivedBy: null }, (_, words) => words));
  const data = Object.keys(example.data).length > 0 ? { data: example.data } : {};
  const settings = { policy: { ...(policy.mode === 'off' ? { modes: { [policy.name]: 'enforce' } } : {}), ...data } };
  return [
    `## ${policy.name}\n`,
    `${policy.title}. Severity ${policy.severity}, mode ${policy.mode}.\n`,
    `${policy.description}\n`,
    ...(policy.parameters.length > 0 ? [`${parameterTable(policy)}\n`] : ['No parameters.\n']),
    ...(Object.keys(settings.policy).length > 0 ? [`For example:\n\n\`\`\`yaml\n${stringify(settings, { lineWidth: 130 }).trim()}\n\`\`\`\n`] : []),
    `\`\`\`text\n${denial.join('\n')}\n\`\`\`\n`,
  ].join('\n');
}

function parameterTable({ name, parameters }: LibraryPolicy): string {
  return table(
    ['parameter', 'type', 'default', 'meaning'],
    parameters.flatMap((parameter) => [
      row(parameter.at ?? `data.config.${name}.${parameter.name}`, parameter),
      ...(parameter.fields ?? []).map((field) => row(`… \`${field.name}\``, field)),
    ]),
  );
}

function row(path: string, parameter: Parameter | ParameterField): string[] {
  const shown = path.startsWith('…') ? path : `\`${path.replace(/^data\.config\./, '')}\``;
  return [shown, parameter.type, parameter.required === true ? 'must be set' : (parameter.default ?? 'none'), parameter.meaning];
}

function table(columns: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(columns), `|${columns.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

if (process.argv[1] === import.meta.filename) writeFileSync(policiesPage, await writePolicyPage());
