import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses JSON that came from outside, no deeper than `depth`. An object that has a key twice is refused: readers differ in which one
 * they believe, and the one that runs the image must not read another document than we did. Faults:
 * RESPONSE_INVALID (not JSON), LIMIT_EXCEEDED, MANIFEST_INVALID; their messages say what the document is like.
 */
export function readJson(bytes: Uint8Array, depth: number): Outcome<unknown> {
  try {
    const source = decoder.decode(bytes);
    const problem = scan(source, depth);
    if (problem !== null) return { ok: false, fault: problem };
    const value: unknown = JSON.parse(source);
    return good(value);
  } catch (error) {
    return bad('RESPONSE_INVALID', 'that is not JSON', { cause: error });
  }
}

/** What is wrong with the nesting or the keys; JSON.parse checks the grammar afterwards. */
function scan(source: string, depth: number): Fault | null {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < source.length; at += 1) {
    const c = source.charCodeAt(at);
    if (c === 0x7b || c === 0x5b) {
      if (open.length === depth) return fault('LIMIT_EXCEEDED', `nested deeper than ${depth} levels`);
      open.push(c === 0x7b ? new Set() : null);
    } else if (c === 0x7d || c === 0x5d) {
      open.pop();
    } else if (c === 0x22) {
      const end = endOfString(source, at);
      const keys = open.at(-1);
      if (keys !== null && keys !== undefined && nextIsColon(source, end)) {
        const key: unknown = JSON.parse(source.slice(at, end));
        if (typeof key !== 'string' || keys.has(key)) return fault('MANIFEST_INVALID', 'with a key that stands twice in one object');
        keys.add(key);
      }
      at = end - 1;
    }
  }
  return null;
}

/** Just behind the closing quote. */
function endOfString(source: string, start: number): number {
  for (let at = start + 1; at < source.length; at += 1) {
    const c = source.charCodeAt(at);
    if (c === 0x5c) at += 1;
    else if (c === 0x22) return at + 1;
  }
  return source.length;
}

function nextIsColon(source: string, from: number): boolean {
  let at = from;
  while (at < source.length && ' \t\r\n'.includes(source.charAt(at))) at += 1;
  return source[at] === ':';
}
