import { bad, type Fault, fault, good, type Outcome } from './fault.ts';
import { safeText } from './text.ts';

export interface JsonBounds {
  /** Levels of nesting. */
  readonly depth: number;
  /** In one object; any number where absent. */
  readonly keys?: number;
  /** UTF-16 code units of one text, as it is written; any number where absent. */
  readonly text?: number;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses JSON that came from outside. An object that has a key twice is refused: readers differ in which one they believe, and the
 * one that runs the image must not read another document than we did. One pass before JSON.parse, whose time is linear. Faults:
 * RESPONSE_INVALID (not JSON), LIMIT_EXCEEDED, MANIFEST_INVALID; their messages say what the document is like.
 */
export function readJson(bytes: Uint8Array, bounds: JsonBounds): Outcome<unknown> {
  try {
    const source = decoder.decode(bytes);
    const problem = scan(source, bounds);
    if (problem !== null) return { ok: false, fault: problem };
    const value: unknown = JSON.parse(source);
    return good(value);
  } catch (error) {
    return bad('RESPONSE_INVALID', 'that is not JSON', { cause: error });
  }
}

/** What is wrong with the nesting, the sizes or the keys; JSON.parse checks the grammar afterwards. */
function scan(source: string, { depth, keys: mostKeys = Number.POSITIVE_INFINITY, text: longest = Number.POSITIVE_INFINITY }: JsonBounds): Fault | null {
  // The keys of each object that is open; undefined until it has one.
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < source.length; at += 1) {
    const c = source.charCodeAt(at);
    if (c === 0x22) {
      const end = endOfString(source, at);
      if (end - at - 2 > longest) return fault('LIMIT_EXCEEDED', `with a text longer than ${longest} characters`);
      // In JSON, only a key is followed by a colon.
      if (open.length > 0 && nextIsColon(source, end)) {
        const key = readKey(source.slice(at + 1, end - 1));
        const keys = open.at(-1) ?? new Set();
        if (keys.has(key)) return fault('MANIFEST_INVALID', 'with a key that stands twice in one object');
        if (keys.size === mostKeys) return fault('LIMIT_EXCEEDED', `with an object of more than ${mostKeys} keys, such as annotations`);
        keys.add(key);
        open[open.length - 1] = keys;
      }
      at = end - 1;
    } else if (c === 0x7b || c === 0x5b) {
      if (open.length === depth) return fault('LIMIT_EXCEEDED', `nested deeper than ${depth} levels`);
      open.push(undefined);
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
    }
  }
  return null;
}

/** A key may be written with escapes. */
function readKey(written: string): string {
  if (!written.includes('\\')) return written;
  const key: unknown = JSON.parse(`"${written}"`);
  return String(key);
}

/** Just behind the closing quote: the first one with an even number of backslashes before it. */
function endOfString(source: string, start: number): number {
  for (let quote = source.indexOf('"', start + 1); quote !== -1; quote = source.indexOf('"', quote + 1)) {
    let before = quote;
    while (source.charCodeAt(before - 1) === 0x5c) before -= 1;
    if ((quote - before) % 2 === 0) return quote + 1;
  }
  return source.length;
}

function nextIsColon(source: string, from: number): boolean {
  for (let at = from; at < source.length; at += 1) {
    const c = source.charCodeAt(at);
    if (c === 0x3a) return true;
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return false;
  }
  return false;
}

/** Keys that mean something, and how they are compared where case does not count. */
export interface KnownKeys {
  readonly names: ReadonlySet<string>;
  readonly folded: ReadonlyMap<string, string>;
}

export function knownKeys(...names: readonly string[]): KnownKeys {
  return { names: new Set(names), folded: new Map(names.map((name) => [fold(name), name])) };
}

/**
 * What is wrong with an object that has a key which Go's encoding/json, with which container runtimes read, takes for a known one: it
 * matches keys without regard to case. https://pkg.go.dev/encoding/json#Unmarshal
 */
export function lookalikeKey(object: Readonly<Record<string, unknown>>, known: KnownKeys): string | null {
  for (const key of Object.keys(object)) {
    if (known.names.has(key)) continue;
    const meant = known.folded.get(fold(key));
    if (meant !== undefined) return `with the key ${safeText(key, 40)}, which some readers take for ${meant}`;
  }
  return null;
}

/** U+017F and U+212A fold to s and k there, and nothing else outside ASCII to ASCII. */
function fold(key: string): string {
  return key.toLowerCase().replaceAll('\u017f', 's').replaceAll('\u212a', 'k');
}
