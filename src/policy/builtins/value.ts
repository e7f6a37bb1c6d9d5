/**
 * A value as Wasm hands it to a builtin of the host, in Rego's own notation: JSON would lose what is a set, and the digits of numbers
 * beyond 2^53.
 */
export type RegoValue =
  | null
  | boolean
  | string
  | { readonly kind: 'number'; readonly text: string }
  | { readonly kind: 'array'; readonly items: readonly RegoValue[] }
  | { readonly kind: 'set'; readonly items: readonly RegoValue[] }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [RegoValue, RegoValue])[] };

/** Reads what `opa_value_dump` writes. Throws on anything else, which would be a fault of the engine. */
export function readRegoValue(text: string): RegoValue {
  let at = 0;
  const space = (): void => {
    while (text[at] === ' ') at += 1;
  };
  const take = (expected: string): boolean => {
    space();
    if (!text.startsWith(expected, at)) return false;
    at += expected.length;
    return true;
  };
  const need = (expected: string): void => {
    if (!take(expected)) throw new Error(`a dumped value lacks ${expected} at ${at}`);
  };
  const list = (end: string): RegoValue[] => {
    const items: RegoValue[] = [];
    if (take(end)) return items;
    do items.push(value());
    while (take(','));
    need(end);
    return items;
  };
  const braces = (): RegoValue => {
    if (take('}')) return { kind: 'object', entries: [] };
    const first = value();
    if (!take(':')) {
      const items = [first];
      while (take(',')) items.push(value());
      need('}');
      return { kind: 'set', items };
    }
    const entries: [RegoValue, RegoValue][] = [[first, value()]];
    while (take(',')) {
      const key = value();
      need(':');
      entries.push([key, value()]);
    }
    need('}');
    return { kind: 'object', entries };
  };
  const value = (): RegoValue => {
    if (take('null')) return null;
    if (take('true')) return true;
    if (take('false')) return false;
    if (take('set()')) return { kind: 'set', items: [] };
    if (take('[')) return { kind: 'array', items: list(']') };
    if (take('{')) return braces();
    if (text[at] === '"') return string();
    const number = /^-?[0-9][0-9.eE+-]*/.exec(text.slice(at, at + 400))?.[0];
    if (number === undefined) throw new Error(`a dumped value is not understood at ${at}`);
    at += number.length;
    return { kind: 'number', text: number };
  };
  const string = (): string => {
    const start = at;
    for (at += 1; text[at] !== '"'; at += 1) {
      if (at >= text.length) throw new Error('a dumped string has no end');
      if (text[at] === '\\') at += 1;
    }
    at += 1;
    return String(JSON.parse(text.slice(start, at)));
  };
  return value();
}

/** Writes a value as OPA prints it: `{"a": [1, 2]}`, objects and sets in order. */
export function printRegoValue(value: RegoValue): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return quoteGo(value);
  switch (value.kind) {
    case 'number':
      return value.text;
    case 'array':
      return `[${value.items.map(printRegoValue).join(', ')}]`;
    case 'set':
      return value.items.length === 0 ? 'set()' : `{${[...value.items].sort(compareRegoValues).map(printRegoValue).join(', ')}}`;
    case 'object': {
      const entries = [...value.entries].sort(([a], [b]) => compareRegoValues(a, b));
      return `{${entries.map(([key, item]) => `${printRegoValue(key)}: ${printRegoValue(item)}`).join(', ')}}`;
    }
  }
}

/** OPA's order of all values: null, booleans, numbers, strings, arrays, objects, sets. */
export function compareRegoValues(a: RegoValue, b: RegoValue): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0 || a === null || b === null) return rank;
  if (typeof a === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string') return typeof b === 'string' ? Buffer.compare(Buffer.from(a), Buffer.from(b)) : 0;
  if (typeof b === 'string' || typeof b === 'boolean') return 0;
  if (a.kind === 'number') return b.kind === 'number' ? compareNumbers(a.text, b.text) : 0;
  return compareLists(elements(a), elements(b));
}

function elements(value: Exclude<RegoValue, null | boolean | string>): readonly RegoValue[] {
  if (value.kind === 'number') return [];
  if (value.kind === 'array') return value.items;
  if (value.kind === 'set') return [...value.items].sort(compareRegoValues);
  return [...value.entries].sort(([x], [y]) => compareRegoValues(x, y)).flat();
}

function compareLists(a: readonly RegoValue[], b: readonly RegoValue[]): number {
  for (const [i, item] of a.entries()) {
    const other = b[i];
    if (other === undefined) return 1;
    const order = compareRegoValues(item, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareNumbers(a: string, b: string): number {
  const integer = /^-?[0-9]+$/;
  if (integer.test(a) && integer.test(b)) {
    const difference = BigInt(a) - BigInt(b);
    return difference < 0n ? -1 : difference > 0n ? 1 : 0;
  }
  return Number(a) - Number(b);
}

function rankOf(value: RegoValue): number {
  if (value === null) return 0;
  if (typeof value === 'boolean') return 1;
  if (typeof value === 'string') return 3;
  return { number: 2, array: 4, object: 5, set: 6 }[value.kind];
}

const escapes: Readonly<Record<string, string>> = {
  '\x07': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** Go's strconv.Quote (https://pkg.go.dev/strconv#Quote). */
export function quoteGo(text: string): string {
  const quoted = text.replace(/[\\"]|[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/gu, (c) => {
    const known = escapes[c];
    if (known !== undefined) return known;
    const point = c.codePointAt(0) ?? 0;
    const hex = point.toString(16);
    if (point < 0x80) return `\\x${hex.padStart(2, '0')}`;
    return point < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\U${hex.padStart(8, '0')}`;
  });
  return `"${quoted}"`;
}
