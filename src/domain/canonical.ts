/**
 * Text that is canonical JSON already, and is put into a larger document as it is. What a record is composed of is rendered once:
 * the policy input comes as text, and what is the same for many records is kept rendered.
 */
export class Rendered {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** JSON, with parts that are rendered already. A key without a value (undefined) is left out, as in JSON.stringify. */
export type Renderable = Rendered | null | boolean | number | string | readonly Renderable[] | { readonly [key: string]: Renderable | undefined };

/**
 * The canonical form of RFC 8785: keys sorted by UTF-16 code units (section 3.2.3), numbers and strings as ECMAScript writes them
 * (3.2.2). Lone halves of surrogate pairs, which it forbids, become U+FFFD. Numbers that JSON has no word for become null.
 * https://www.rfc-editor.org/rfc/rfc8785
 */
export function canonicalText(value: Renderable, depth = 0): string {
  if (typeof value === 'string') return canonicalString(value);
  if (typeof value === 'number') return Number.isFinite(value) ? String(value) : 'null';
  if (value === null || typeof value === 'boolean') return String(value);
  if (value instanceof Rendered) return value.text;
  if (depth > deepest) return 'null';
  return isList(value) ? renderList(value, depth + 1) : renderObject(value, depth + 1);
}

/** The same for anything that JSON.parse gives. What is nested deeper than any honest document becomes null. */
export function canonicalJson(value: unknown): string {
  // What comes out of JSON.parse is nothing but Renderable.
  return canonicalText(value as Renderable);
}

/** A JSON string. For well-formed text JSON.stringify writes exactly what RFC 8785 section 3.2.2.2 asks for. */
export function canonicalString(text: string): string {
  return JSON.stringify(text.isWellFormed() ? text : text.toWellFormed());
}

export function canonicalStringOrNull(text: string | null): string {
  return text === null ? 'null' : canonicalString(text);
}

const deepest = 512;

function isList(value: readonly Renderable[] | { readonly [key: string]: Renderable | undefined }): value is readonly Renderable[] {
  return Array.isArray(value);
}

function renderList(list: readonly Renderable[], depth: number): string {
  let text = '[';
  for (let i = 0; i < list.length; i += 1) text += `${i === 0 ? '' : ','}${canonicalText(list[i] ?? null, depth)}`;
  return `${text}]`;
}

function renderObject(object: { readonly [key: string]: Renderable | undefined }, depth: number): string {
  const keys = sortedKeys(object);
  let text = '';
  for (const key of keys) {
    const value = object[key];
    if (value === undefined) continue;
    const name = keyText(key);
    // Repaired keys may sort elsewhere, or be the same: the rare case goes round once more.
    if (name === null) return renderObject(Object.fromEntries(keys.map((each) => [each.toWellFormed(), object[each]])), depth);
    text += text === '' ? name + canonicalText(value, depth) : `,${name}${canonicalText(value, depth)}`;
  }
  return `{${text}}`;
}

/** Most keys are those of the schema: they are rendered once. */
const keyTexts = new Map<string, string>();
const mostKeyTexts = 500;

/** A key with its colon; null for one that has no canonical form. */
function keyText(key: string): string | null {
  const found = keyTexts.get(key);
  if (found !== undefined) return found;
  if (!key.isWellFormed()) return null;
  const text = `${JSON.stringify(key)}:`;
  if (keyTexts.size < mostKeyTexts && key.length <= 32) keyTexts.set(key, text);
  return text;
}

/** Most objects are written in the order that they need: a look is cheaper than a sort. */
function sortedKeys(object: object): readonly string[] {
  const keys = Object.keys(object);
  for (let i = 1; i < keys.length; i += 1) {
    if ((keys[i - 1] ?? '') > (keys[i] ?? '')) return keys.sort();
  }
  return keys;
}
