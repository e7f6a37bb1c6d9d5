import type { RegoValue } from './value.ts';

/** A builtin of the host: JSON text of its result, or undefined where OPA has an error and so an undefined result. */
export type HostBuiltin = (...args: readonly RegoValue[]) => string | undefined;

export function textOf(value: RegoValue | undefined): string | null {
  return typeof value === 'string' ? value : null;
}

export function integerOf(value: RegoValue | undefined): bigint | null {
  if (typeof value !== 'object' || value === null || value.kind !== 'number') return null;
  return /^-?[0-9]{1,400}$/.test(value.text) ? BigInt(value.text) : null;
}

/** The texts of an array or a set, or the one text itself. */
export function textsOf(value: RegoValue | undefined): readonly string[] | null {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null || (value.kind !== 'array' && value.kind !== 'set')) return null;
  const texts = value.items.filter((item) => typeof item === 'string');
  return texts.length === value.items.length ? texts : null;
}
