import { isObject, property, text } from '../../domain/json.ts';

/** One step of an evaluation, as `opa eval --explain=full --format=json` tells it. */
export interface TraceEvent {
  readonly op: string;
  readonly query: number;
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
  /** Whether it is about a rule as a whole. */
  readonly isRule: boolean;
  /** Values of variables by the names that the author gave them, as terms. */
  readonly locals: () => ReadonlyMap<string, unknown>;
}

/** null for what is no trace. */
export function readTrace(output: string): readonly TraceEvent[] | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    return null;
  }
  const events = property(parsed, 'explanation');
  if (!Array.isArray(events)) return null;
  return events.filter(isObject).flatMap((event) => {
    const location = event['Location'];
    const file = text(property(location, 'file')) ?? '';
    if (file === '') return [];
    return [
      {
        op: text(event['Op']) ?? '',
        query: number(event['QueryID']),
        file,
        line: number(property(location, 'row')),
        column: number(property(location, 'col')),
        isRule: isObject(property(event['Node'], 'head')),
        locals: () => readLocals(event),
      },
    ];
  });
}

function readLocals(event: Readonly<Record<string, unknown>>): ReadonlyMap<string, unknown> {
  const names = event['LocalMetadata'];
  const locals = event['Locals'];
  const found = new Map<string, unknown>();
  for (const local of Array.isArray(locals) ? locals : []) {
    const written = text(property(property(names, text(property(local, 'name')) ?? ''), 'name'));
    if (written !== null && !written.startsWith('__local')) found.set(written, plainValue(local));
  }
  return found;
}

/** A term's value; sets become lists. */
function plainValue(term: unknown): unknown {
  const value = property(term, 'value');
  switch (property(term, 'type')) {
    case 'object':
      return Object.fromEntries((Array.isArray(value) ? value : []).map((pair: unknown) => entryOf(pair)));
    case 'array':
    case 'set':
      return (Array.isArray(value) ? value : []).map(plainValue);
    case 'null':
      return null;
    default:
      return value;
  }
}

function entryOf(pair: unknown): readonly [string, unknown] {
  const [key, value]: readonly unknown[] = Array.isArray(pair) ? pair : [];
  const name = plainValue(key);
  return [typeof name === 'string' ? name : JSON.stringify(name), plainValue(value)];
}

function number(value: unknown): number {
  return typeof value === 'number' ? value : 0;
}
