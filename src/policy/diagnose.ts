import { isObject, property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { suggestInstead } from './capabilities.ts';
import type { PolicyProblem } from './rules.ts';

/**
 * Reads the errors of `opa check|build --format=json`: `errors[]` of code, message, location{file,row,col}, details.
 * `root` is taken off the names of files. Empty when the text holds no such errors.
 */
export function readOpaErrors(output: string, root: string): readonly PolicyProblem[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(output);
  } catch {
    return [];
  }
  const errors = property(parsed, 'errors');
  return (Array.isArray(errors) ? errors : []).filter(isObject).map((error) => {
    const location = error['location'];
    const message = safeText((text(error['message']) ?? 'opa gives no reason').replaceAll(`${root}/`, '').replace(/\n\t?/g, ' '), 500);
    const suggestion = suggest(message, error['details']);
    return {
      file: (text(property(location, 'file')) ?? '').replace(`${root}/`, '').replace(/^\.?\//, ''),
      line: count(property(location, 'row')),
      column: count(property(location, 'col')),
      message: message.startsWith('undefined function') ? `${message}: no builtin of the Wasm engine, and no function of yours` : message,
      ...(suggestion === null ? {} : { suggestion }),
    };
  });
}

/** Whether a problem is a reference to something that the input's schema doesn't have. */
export function isUndefinedReference(problem: PolicyProblem): boolean {
  return problem.message.startsWith('undefined ref');
}

function count(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 0;
}

function suggest(message: string, details: unknown): string | null {
  const missing = /^undefined function (\S+)/.exec(message)?.[1];
  if (missing !== undefined) return suggestInstead(missing);
  const position = property(details, 'pos');
  const reference = property(details, 'ref');
  const choices = property(details, 'oneOf');
  if (!Array.isArray(reference) || !Array.isArray(choices) || typeof position !== 'number') return null;
  const have = text(property(reference[position], 'value'));
  const names = choices.filter((choice) => typeof choice === 'string');
  if (have === null || names.length === 0) return null;
  const [nearest] = names.map((name) => ({ name, distance: editDistance(have, name) })).sort((a, b) => a.distance - b.distance);
  if (nearest !== undefined && nearest.distance <= Math.max(2, have.length / 3)) return `did you mean ${nearest.name}?`;
  return `there are ${names.join(', ')}`;
}

/** Levenshtein's distance, of short names. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < Math.min(a.length, 100); i += 1) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j += 1) next.push(Math.min((next[j] ?? 0) + 1, (row[j + 1] ?? 0) + 1, (row[j] ?? 0) + (a[i] === b[j] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
