/** The start of a rule, a package line or an import: what stands first on a line outside of all brackets. */
export interface RegoLine {
  /** The word it starts with. */
  readonly word: string;
  /** What follows, up to the end of the line or a comment. */
  readonly rest: string;
  /** From 1. */
  readonly line: number;
  readonly column: number;
}

/**
 * Finds the lines of a Rego module that start outside of brackets, strings and comments. OPA parses the module for real; this tells
 * rules apart that OPA finds right and that say nothing to us, and where they are.
 * Strings, raw strings and template strings as in https://www.openpolicyagent.org/docs/policy-reference#grammar
 */
export function scanRego(source: string): readonly RegoLine[] {
  const found: RegoLine[] = [];
  const lines = { number: 1, start: 0 };
  let depth = 0;
  let fresh = true;
  // Depths at which a `}` returns into a template string.
  const templates: number[] = [];
  let at = 0;
  const newline = (): void => {
    lines.number += 1;
    lines.start = at + 1;
  };
  /** Goes past a string's end, or into an expression of a template. */
  const string = (template: boolean): void => {
    for (; at < source.length; at += 1) {
      const c = source[at];
      if (c === '\\') at += 1;
      else if (c === '\n') newline();
      else if (c === '"') return;
      else if (template && c === '{') {
        templates.push(depth);
        depth += 1;
        return;
      }
    }
  };
  for (; at < source.length; at += 1) {
    const c = source[at];
    if (c === '\n') {
      newline();
      fresh = true;
      continue;
    }
    if (c === ' ' || c === '\t' || c === '\r') continue;
    if (c === '#') {
      const end = source.indexOf('\n', at);
      at = (end < 0 ? source.length : end) - 1;
      continue;
    }
    if (c === '"') {
      at += 1;
      string(source[at - 2] === '$');
    } else if (c === '`') {
      at += 1;
      for (; at < source.length && source[at] !== '`'; at += 1) if (source[at] === '\n') newline();
    } else if (c === '(' || c === '[' || c === '{') {
      depth += 1;
    } else if (c === ')' || c === ']' || c === '}') {
      depth = Math.max(0, depth - 1);
      if (c === '}' && templates.at(-1) === depth) {
        templates.pop();
        at += 1;
        string(true);
      }
    } else if (fresh && depth === 0) {
      const line = source.slice(at, endOfLine(source, at));
      const word = /^[A-Za-z_][A-Za-z0-9_]*/.exec(line)?.[0];
      if (word !== undefined) {
        found.push({ word, rest: line.slice(word.length), line: lines.number, column: at - lines.start + 1 });
        at += word.length - 1;
      }
    }
    fresh = false;
  }
  return found;
}

function endOfLine(source: string, from: number): number {
  const end = source.indexOf('\n', from);
  return end < 0 ? source.length : end;
}
