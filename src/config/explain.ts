import type { z } from 'zod';
import { isObject, property } from '../domain/json.ts';
import { suggest } from '../domain/suggest.ts';
import { safeText } from '../domain/text.ts';
import { formatPath, type Path } from './fault.ts';
import { knownKeys } from './jsonSchema.ts';
import { refusedKeys } from './schema/index.ts';

/** One thing wrong with a value, at its path. `key` says that the path's last step is a key that should not be there. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
  readonly key: boolean;
}

/** Says in people's words what a schema found wrong with a value. Values themselves are not repeated: one may be a secret. */
export function explain(issue: z.core.$ZodIssue, value: unknown): Problem[] {
  const path = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const at = (message: string): Problem[] => [{ path, message, key: false }];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ path: [...path, key], message: unknownKey([...path, key], value), key: true }));
    case 'invalid_type': {
      const found = reach(value, path);
      if (found === undefined) return at('must be given');
      if (isOurs(issue.message)) return at(issue.message);
      return at(`must be ${typeWords[issue.expected] ?? issue.expected}, ${found === null ? 'but is empty' : `not ${typeOf(found)}`}`);
    }
    case 'invalid_value': {
      if (reach(value, path) === undefined) return at('must be given');
      const words = issue.values.map(String);
      const found = reach(value, path);
      const near = typeof found === 'string' ? suggest(found, words) : null;
      return at(`must be ${listWords(words)}${near === null || words.length === 1 ? '' : `; did you mean ${near}?`}`);
    }
    case 'too_big':
      return at(isOurs(issue.message) ? issue.message : `can have at most ${issue.maximum} ${countWords[issue.origin] ?? ''}`.trimEnd());
    case 'too_small':
      return at(isOurs(issue.message) ? issue.message : `must have at least ${issue.minimum} ${countWords[issue.origin] ?? ''}`.trimEnd());
    case 'invalid_union':
      return explainUnion(issue, value, path);
    case 'invalid_key':
    case 'invalid_element': {
      const inner = issue.issues[0];
      const bare = inner === undefined ? '' : (explain(inner, undefined)[0]?.message ?? '');
      return [{ path, message: issue.code === 'invalid_key' ? keyWords(inner, path) : bare, key: true }];
    }
    default:
      return at(safeText(issue.message, 500));
  }
}

/** Of the branches of a union, the one that came furthest says most. */
function explainUnion(issue: z.core.$ZodIssueInvalidUnion, value: unknown, path: Path): Problem[] {
  const within = reach(value, path);
  const branches = issue.errors.map((issues) =>
    issues.flatMap((inner) => explain(inner, within).map((found) => ({ ...found, path: [...path, ...found.path] }))),
  );
  const deepest = branches.filter((branch) => branch.length > 0).sort((a, b) => depthOf(b) - depthOf(a) || a.length - b.length);
  const shallow = deepest.every((branch) => depthOf(branch) === path.length);
  if (!shallow) return deepest[0] ?? [{ path, message: 'is not valid', key: false }];
  // Nothing tells the branches apart: say what each would take, as one fault.
  const words = [...new Set(deepest.flat().map((problem) => problem.message))].slice(0, 4);
  return [{ path, message: words.join(', or ') || 'is not valid', key: false }];
}

function depthOf(problems: readonly Problem[]): number {
  return Math.max(...problems.map((problem) => problem.path.length));
}

function keyWords(inner: z.core.$ZodIssue | undefined, path: Path): string {
  const key = String(path.at(-1));
  const allowed = inner?.code === 'invalid_value' ? inner.values.map(String) : null;
  if (allowed === null) return `the key ${safeText(key, 60)} ${inner?.message ?? 'is not valid'}`;
  const near = suggest(key, allowed);
  return `${safeText(key, 60)} can not stand here${near === null ? '' : `; did you mean ${near}?`}`;
}

function unknownKey(path: Path, value: unknown): string {
  const refused = refusedKeys[formatPath(path)];
  if (refused !== undefined) return refused;
  const key = String(path.at(-1));
  const near = suggest(key, knownKeys(path.slice(0, -1), value));
  return `there is no key ${safeText(key, 60)}${near === null ? '' : `; did you mean ${near}?`}`;
}

function reach(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((within, step) => (Array.isArray(within) ? within[Number(step)] : property(within, String(step))), value);
}

/** Whether a message was written by a schema of the program rather than by its library. */
function isOurs(message: string): boolean {
  return !/^(Too (big|small)|Invalid)/.test(message);
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
};
const countWords: Readonly<Record<string, string>> = { string: 'characters', array: 'entries', set: 'entries' };

function typeOf(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (isObject(value)) return 'a mapping';
  return typeWords[typeof value] ?? 'this';
}

function listWords(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `one of ${words.join(', ')}`;
}
