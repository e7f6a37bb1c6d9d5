import { isObject, property, text } from '../../domain/json.ts';
import { runOpa } from '../opa.ts';

/** A node of a module's syntax tree, as `opa parse --format=json --json-include locations` writes it. */
export type Node = Readonly<Record<string, unknown>>;

/** Where something stands; lines and columns from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** Parses one file. null for what does not parse, which `opa check` tells of, and where opa can't be run. */
export async function parseModule(opa: string, folder: string, path: string, signal: AbortSignal): Promise<Node | null> {
  const run = await runOpa(opa, ['parse', '--format=json', '--json-include', 'locations', path], folder, signal);
  if (!run.ok || run.value.code !== 0) return null;
  try {
    const parsed: unknown = JSON.parse(run.value.stdout);
    return isObject(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function placeOf(node: unknown): Place {
  const location = property(node, 'location');
  return { line: whole(property(location, 'row')), column: whole(property(location, 'col')) };
}

function whole(value: unknown): number {
  return typeof value === 'number' && Number.isInteger(value) ? value : 0;
}

/** `a.b.c` of a ref whose steps are all names; null of anything else. */
export function nameOf(term: unknown): string | null {
  if (property(term, 'type') === 'var') return text(property(term, 'value'));
  if (property(term, 'type') !== 'ref') return null;
  const steps = list(property(term, 'value')).map((step) => text(property(step, 'value')));
  return steps.every((step) => step !== null) ? steps.join('.') : null;
}

/** Every node of a tree, the tree itself first. */
export function* everyNode(tree: unknown): Generator<Node> {
  const open: unknown[] = [tree];
  while (open.length > 0) {
    const next = open.pop();
    if (Array.isArray(next)) {
      for (const item of [...next].reverse()) open.push(item);
    } else if (isObject(next)) {
      yield next;
      for (const [key, value] of Object.entries(next)) if (key !== 'location') open.push(value);
    }
  }
}

/** The function called and its arguments, for a call within a term and for an expression that is one. */
export function callOf(node: Node): { readonly name: string; readonly args: readonly unknown[] } | null {
  const steps = node['type'] === 'call' ? node['value'] : node['terms'];
  const [called, ...args] = list(steps);
  if (property(called, 'type') !== 'ref') return null;
  const name = nameOf(called);
  return name === null ? null : { name, args };
}
