import { z } from 'zod';
import { isObject, property } from '../domain/json.ts';
import type { Path } from './fault.ts';
import { configSchema } from './schema/index.ts';
import { type JsonSchema, propertiesOf } from './schema/kinded.ts';

let made: JsonSchema | null = null;

/** JSON Schema (draft 2020-12) of the configuration file as people write it, for editors. */
export function configJsonSchema(): JsonSchema {
  made ??= {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://tidewaiter.dev/schemas/v1/configuration.json',
    title: 'Tidewaiter configuration',
    ...z.toJSONSchema(configSchema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' }),
  };
  return made;
}

/** The keys that a mapping at a path may have; where a kind decides, those of the kind that the value names. */
export function knownKeys(path: Path, value: unknown): string[] {
  let schemas: unknown[] = [configJsonSchema()];
  let within = value;
  for (const step of path) {
    schemas = schemas.flatMap((schema) => branches(schema, within)).flatMap((schema) => below(schema, step));
    within = Array.isArray(within) ? within[Number(step)] : property(within, String(step));
  }
  const keys = schemas.flatMap((schema) => branches(schema, within)).flatMap((schema) => [...Object.keys(propertiesOf(schema)), ...namesOf(schema)]);
  return [...new Set(keys)];
}

/** Of a mapping whose keys come from a list. */
function namesOf(schema: unknown): string[] {
  const names = property(property(schema, 'propertyNames'), 'enum');
  return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
}

function below(schema: unknown, step: string | number): unknown[] {
  const next = typeof step === 'number' ? property(schema, 'items') : property(propertiesOf(schema), step);
  return next === undefined ? [] : [next];
}

/** A schema's alternatives, cut down to those whose `kind` fits. */
function branches(schema: unknown, value: unknown): unknown[] {
  const list = ['anyOf', 'oneOf'].map((key) => property(schema, key)).find((found) => Array.isArray(found));
  if (!Array.isArray(list)) return [schema];
  const kind = property(value, 'kind');
  const fitting = list.filter((branch) => isObject(branch) && property(property(property(branch, 'properties'), 'kind'), 'const') === kind);
  return kind !== undefined && fitting.length > 0 ? fitting : list;
}
