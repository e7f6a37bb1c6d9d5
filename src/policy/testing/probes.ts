import { property, text } from '../../domain/json.ts';
import { scanRego } from '../scan.ts';
import { isTestFile, type PolicyFile } from '../snapshot.ts';

/** What a test gave a policy to judge. */
export interface Fixture {
  readonly policy: string;
  /** JSON text of the input. */
  readonly input: string;
  /** JSON text of `data.config`; null where the test has none. */
  readonly config: string | null;
}

const mostFixtures = 2000;
const longestFixtures = 16 * 1024 * 1024;
const mark = 'tidewaiter-fixture';

/**
 * Modules that make the policies tell, whenever a test asks one for its findings, what it was asked about. Each is one more definition of
 * the set, which never adds to it.
 */
export function probeModules(files: readonly PolicyFile[]): readonly { readonly path: string; readonly content: string }[] {
  const words = new Map<string, Set<string>>();
  for (const { path, content } of files) {
    if (!path.endsWith('.rego') || isTestFile(path)) continue;
    const lines = scanRego(content.toString('utf8'));
    const name = /^\s+policies\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:#.*)?$/.exec(lines.find(({ word }) => word === 'package')?.rest ?? '')?.[1];
    if (name === undefined) continue;
    const spoken = words.get(name) ?? new Set<string>();
    for (const { word, rest } of lines) if ((word === 'deny' || word === 'warn') && /^\s+contains\b/.test(rest)) spoken.add(word);
    words.set(name, spoken);
  }
  return [...words].flatMap(([name, spoken]) => {
    const rules = [...spoken].map(
      (word) =>
        `${word} contains tidewaiter_probe if {\n\tprint("${mark}", "${name}", json.marshal([[i | i := input], [c | c := data.config]]))\n\tfalse\n\ttidewaiter_probe := ""\n}\n`,
    );
    return rules.length === 0 ? [] : [{ path: `tidewaiter_probe/${name}.rego`, content: `package policies.${name}\n\n${rules.join('\n')}` }];
  });
}

/** Parts what a test printed into what the probes told and what its author wanted to see. */
export function readPrinted(printed: string): { readonly fixtures: readonly Fixture[]; readonly own: string } {
  const fixtures: Fixture[] = [];
  const own: string[] = [];
  for (const line of printed.split('\n')) {
    const [head, policy = '', ...told] = line.split(' ');
    if (head !== mark) own.push(line);
    else fixtures.push(...readFixture(policy, told.join(' ')));
  }
  return { fixtures, own: own.join('\n').trim() };
}

function readFixture(policy: string, told: string): readonly Fixture[] {
  try {
    const parsed: unknown = JSON.parse(told);
    const [inputs, configs]: readonly unknown[] = Array.isArray(parsed) ? parsed : [];
    const [input] = Array.isArray(inputs) ? inputs : [];
    const [config] = Array.isArray(configs) ? configs : [];
    return input === undefined ? [] : [{ policy, input: JSON.stringify(input), config: config === undefined ? null : JSON.stringify(config) }];
  } catch {
    return [];
  }
}

/** Each once, and as many as are bearable. */
export function distinct(fixtures: readonly Fixture[]): readonly Fixture[] {
  const found = new Map<string, Fixture>();
  let characters = 0;
  for (const fixture of fixtures) {
    const key = `${fixture.policy} ${fixture.config ?? ''} ${fixture.input}`;
    if (found.has(key) || found.size >= mostFixtures || characters + key.length > longestFixtures) continue;
    characters += key.length;
    found.set(key, fixture);
  }
  return [...found.values()];
}

/** The text that a test printed, as opa writes it: Base64. */
export function printedOf(test: unknown): string {
  return Buffer.from(text(property(test, 'output')) ?? '', 'base64').toString('utf8');
}

/** In groups of one key, each in order. */
export function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): readonly (readonly T[])[] {
  const groups = new Map<string, T[]>();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return [...groups.values()];
}
