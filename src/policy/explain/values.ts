import { isObject } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';

/** A reference of a line, and what it stood for; null where it stood for nothing. */
export interface NamedValue {
  readonly name: string;
  readonly value: string | null;
}

/** Where references lead. */
export interface Scope {
  readonly locals: ReadonlyMap<string, unknown>;
  readonly input: unknown;
  readonly config: unknown;
}

const reference = /(?<![\w."$`])[A-Za-z_]\w*(?:\.[A-Za-z_]\w*|\["[^"\]]*"\]|\[[A-Za-z_]\w*\]|\[\d+\])*/g;
const longestValue = 120;
const mostValues = 6;

/** The references that a line of Rego has, with their values. Those that are functions, rules or not yet bound are left out. */
export function valuesOfLine(line: string, scope: Scope): readonly NamedValue[] {
  const code = withoutText(line);
  const found = new Map<string, NamedValue>();
  for (const [name] of code.matchAll(reference)) {
    if (found.has(name) || found.size >= mostValues) continue;
    const value = resolve(name, scope);
    if (value !== unknown) found.set(name, { name, value: value === undefined ? null : shorten(value) });
  }
  const all = [...found.values()];
  // What a longer reference shows more exactly needs not be shown whole.
  return all.filter(({ name }) => !all.some((other) => other.name !== name && (other.name.startsWith(`${name}.`) || other.name.startsWith(`${name}[`))));
}

/** A name for what an iteration is about: the container of the image, the id of the finding. */
export function aboutOf(locals: ReadonlyMap<string, unknown>): string | null {
  for (const value of locals.values()) {
    if (!isObject(value)) continue;
    for (const key of ['container', 'id', 'source', 'signer', 'platform'])
      if (typeof value[key] === 'string' && value[key] !== '') return safeText(value[key], 80);
  }
  return null;
}

const unknown: unique symbol = Symbol('unknown');

function resolve(name: string, { locals, input, config }: Scope): unknown {
  const steps = stepsOf(name);
  const [root, ...rest] = steps;
  let value: unknown;
  let path: readonly string[] = rest;
  if (root === 'input') value = input;
  else if (root === 'data' && rest[0] === 'config') {
    value = config;
    path = rest.slice(1);
  } else if (root !== undefined && locals.has(root)) value = locals.get(root);
  else return unknown;
  if (root === 'input' && path.length === 0) return unknown;
  for (const step of path) {
    const key = step.startsWith('[') ? locals.get(step.slice(1)) : step;
    if (key === undefined) return unknown;
    value = Array.isArray(value) ? value[Number(key)] : isObject(value) && Object.hasOwn(value, String(key)) ? value[String(key)] : undefined;
    if (value === undefined) return undefined;
  }
  return value;
}

/** `a.b["c"][d]` as `a`, `b`, `c`, `[d`: a step by a variable keeps its bracket. */
function stepsOf(name: string): readonly string[] {
  return [...name.matchAll(/\["([^"]*)"\]|\[([A-Za-z_]\w*)\]|\[(\d+)\]|([A-Za-z_]\w*)/g)].map(
    ([, quoted, variable, index, plain]) => quoted ?? (variable === undefined ? undefined : `[${variable}`) ?? index ?? plain ?? '',
  );
}

/** The line without its texts and its comment, which hold no references. */
function withoutText(line: string): string {
  return line.replace(/(?<!\[)"(?:\\.|[^"\\])*"(?!\])|`[^`]*`/g, '""').replace(/#.*$/, '');
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null';
  return safeText(text.length > longestValue ? `${text.slice(0, longestValue)}…` : text, 200);
}
