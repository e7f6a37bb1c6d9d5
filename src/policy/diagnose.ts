import { isObject, property, text } from '../domain/json.ts';
import { suggest as nearest } from '../domain/suggest.ts';
import { safeText } from '../domain/text.ts';
import { suggestInstead } from './capabilities.ts';

import type { PolicyProblem, ProblemRule } from './rules.ts';

/**
 * Reads the errors of `opa check|build --format=json`: `errors[]` of code, message, location{file,row,col}, details.
 * `root` is taken off the names of files; `libraries` are the packages `lib.NAME` that there are. Empty when the text holds no such errors.
 */
export function readOpaErrors(output: string, root: string, libraries: readonly string[] = []): readonly PolicyProblem[] {
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
    const suggestion = suggest(message, error['details'], libraries);
    return {
      file: (text(property(location, 'file')) ?? '').replace(`${root}/`, '').replace(/^\.?\//, ''),
      line: count(property(location, 'row')),
      column: count(property(location, 'col')),
      message: message.startsWith('undefined function') ? `${message}: no builtin of the Wasm engine, and no function of yours` : message,
      rule: ruleOf(message),
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

function ruleOf(message: string): ProblemRule {
  if (message.startsWith('undefined function')) return 'builtin';
  return message.startsWith('undefined ref') ? 'input-field' : 'rego';
}

function suggest(message: string, details: unknown, libraries: readonly string[]): string | null {
  const missing = /^undefined function (\S+)/.exec(message)?.[1];
  if (missing !== undefined) return suggestImport(missing.split('.')[0] ?? '', libraries) ?? suggestInstead(missing);
  const unsafe = /^var (\S+) is unsafe/.exec(message)?.[1];
  if (unsafe !== undefined)
    return suggestImport(unsafe, libraries) ?? `nothing gives ${unsafe} a value: write \`some ${unsafe} in …\` or \`${unsafe} := …\` before it`;
  const position = property(details, 'pos');
  const reference = property(details, 'ref');
  const choices = property(details, 'oneOf');
  if (!Array.isArray(reference) || !Array.isArray(choices) || typeof position !== 'number') return null;
  const have = text(property(reference[position], 'value'));
  const names = choices.filter((choice) => typeof choice === 'string');
  if (have === null || names.length === 0) return null;
  const near = nearest(have, names);
  return near === null ? `there are ${names.join(', ')}` : `did you mean ${near}?`;
}

function suggestImport(name: string, libraries: readonly string[]): string | null {
  return libraries.includes(name) ? `write \`import data.lib.${name}\` below the package` : null;
}
