import type { HostBuiltin } from './builtin.ts';
import { compareRegoValues, type RegoValue } from './value.ts';

/** https://www.openpolicyagent.org/docs/policy-reference/builtins/object#builtin-object-objectsubset */
export const objectBuiltins: Readonly<Record<string, HostBuiltin>> = {
  'object.subset': (whole, part) => {
    const result = whole === undefined || part === undefined ? null : isSubset(whole, part);
    return result === null ? undefined : String(result);
  },
};

/** null where OPA has no answer: kinds that can't be compared. */
function isSubset(whole: RegoValue, part: RegoValue): boolean | null {
  if (!isList(whole) || !isList(part)) return null;
  if (whole.kind === 'object') return part.kind === 'object' ? isObjectSubset(whole, part) : null;
  if (part.kind === 'object') return null;
  if (part.kind === 'set') return part.items.every((item) => has(whole.items, item));
  return whole.kind === 'array' ? isRun(whole.items, part.items) : null;
}

type List = Extract<RegoValue, { readonly kind: 'array' | 'set' | 'object' }>;

function isList(value: RegoValue): value is List {
  return typeof value === 'object' && value !== null && value.kind !== 'number';
}

function isObjectSubset(whole: Extract<RegoValue, { kind: 'object' }>, part: Extract<RegoValue, { kind: 'object' }>): boolean {
  return part.entries.every(([key, value]) => {
    const found = whole.entries.find(([other]) => compareRegoValues(key, other) === 0);
    if (found === undefined) return false;
    if (compareRegoValues(found[1], value) === 0) return true;
    // Below the top a set is not looked for in an array.
    return kindOf(found[1]) === kindOf(value) && isSubset(found[1], value) === true;
  });
}

function kindOf(value: RegoValue): string {
  return typeof value === 'object' && value !== null ? value.kind : typeof value;
}

function has(items: readonly RegoValue[], item: RegoValue): boolean {
  return items.some((other) => compareRegoValues(item, other) === 0);
}

/** Whether a list appears in another, in order and without gaps. */
function isRun(whole: readonly RegoValue[], part: readonly RegoValue[]): boolean {
  return whole.some((_, start) => part.every((item, i) => compareMaybe(item, whole[start + i]))) || part.length === 0;
}

function compareMaybe(item: RegoValue, other: RegoValue | undefined): boolean {
  return other !== undefined && compareRegoValues(item, other) === 0;
}
