import { z } from 'zod';
import { isObject, property } from '../../domain/json.ts';
import { suggest } from '../../domain/suggest.ts';
import { safeText } from '../../domain/text.ts';

/** What configuration needs to know of a kind: its own settings. */
export interface ConfiguredKind {
  readonly settings: z.ZodType;
}

/** One entry's type: the common keys, `kind`, and what that kind brings. */
export type KindSettings<Kinds extends Readonly<Record<string, ConfiguredKind>>, Common extends z.ZodRawShape> = {
  readonly [Name in keyof Kinds & string]: z.output<Kinds[Name]['settings']> & { readonly [Key in keyof Common]: z.output<Common[Key]> } & {
    readonly kind: Name;
  };
}[keyof Kinds & string];

type RawIssue = Parameters<z.core.$RefinementCtx['issues']['push']>[0];
export type JsonSchema = Readonly<Record<string, unknown>>;

/**
 * A schema for entries that name their `kind`, made from a room's list. Each kind's settings may or may not hold the common keys
 * themselves; keys that neither knows are faults, however loose the kind's schema is.
 *
 * @param what what one entry is, for messages: `signer`
 * @param lacking kinds that the contract names and this version has not
 */
export function kinded<Kinds extends Readonly<Record<string, ConfiguredKind>>, Common extends z.ZodRawShape>(
  what: string,
  kinds: Kinds,
  common: Common,
  lacking: readonly string[],
): z.ZodType<KindSettings<Kinds, Common>> {
  const commonSchema = z.object(common);
  const prepared = new Map(Object.entries(kinds).map(([kind, { settings }]) => [kind, { settings, json: jsonOf(settings) }]));
  const commonJson = jsonOf(commonSchema);
  const read = (value: unknown, context: z.core.$RefinementCtx): unknown => {
    const push = (issue: RawIssue): void => {
      context.issues.push(issue);
    };
    // A finished issue and a raw one differ in their types alone: the input is added.
    const pass = (issue: z.core.$ZodIssue): void => push({ ...issue, input: value } as RawIssue);
    if (!isObject(value)) {
      push({ code: 'invalid_type', expected: 'object', input: value, path: [] });
      return z.NEVER;
    }
    const kind = property(value, 'kind');
    const known = typeof kind === 'string' ? prepared.get(kind) : undefined;
    if (known === undefined) {
      push({ code: 'custom', message: kindWords(what, kind, [...prepared.keys()], lacking), input: kind, path: ['kind'] });
      return z.NEVER;
    }
    const own = Object.keys(propertiesOf(known.json));
    const shared = Object.keys(common);
    const strange = Object.keys(value).filter((key) => key !== 'kind' && !own.includes(key) && !shared.includes(key));
    if (strange.length > 0) push({ code: 'unrecognized_keys', keys: strange, input: value, path: [] });
    const first = commonSchema.safeParse(value);
    const second = known.settings.safeParse(pick(value, own));
    for (const issue of first.error?.issues ?? []) pass(issue);
    for (const issue of second.error?.issues ?? []) {
      if (!shared.includes(String(issue.path[0]))) pass(issue);
    }
    return first.success && second.success && isObject(second.data) ? { ...second.data, ...first.data, kind } : z.NEVER;
  };
  const schema = z
    .unknown()
    .transform(read)
    .meta({ anyOf: [...prepared].map(([kind, { json }]) => entryJson(kind, commonJson, json)) });
  // Composed from a list at run time: this is the parser that makes the type true.
  return schema as unknown as z.ZodType<KindSettings<Kinds, Common>>;
}

function kindWords(what: string, kind: unknown, has: readonly string[], lacking: readonly string[]): string {
  const all = `it has ${has.join(', ')}`;
  if (kind === undefined) return `a ${what} must have a kind; this version has ${has.join(', ')}`;
  if (typeof kind !== 'string') return `must be the kind of ${what}; ${all}`;
  if (lacking.includes(kind)) return `this version has no ${what} of kind ${kind}; ${all}`;
  const near = suggest(kind, has);
  return `there is no ${what} of kind ${safeText(kind, 60)}${near === null ? `; this version has ${has.join(', ')}` : `; did you mean ${near}?`}`;
}

function pick(value: Readonly<Record<string, unknown>>, keys: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)));
}

function jsonOf(schema: z.ZodType): JsonSchema {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { target: 'draft-2020-12', io: 'input', unrepresentable: 'any' });
  return json;
}

/** The properties of an object's JSON Schema, wherever a union or an intersection keeps them. */
export function propertiesOf(json: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(json)) return {};
  const branches = ['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
    const list = property(json, key);
    return Array.isArray(list) ? list : [];
  });
  const own = property(json, 'properties');
  return Object.assign({}, ...branches.map(propertiesOf), isObject(own) ? own : {});
}

function entryJson(kind: string, common: JsonSchema, own: JsonSchema): JsonSchema {
  const constant = { const: kind };
  if (!isObject(own['properties'])) {
    return { type: 'object', allOf: [loose(common), loose(own)], properties: { kind: constant }, required: ['kind'], unevaluatedProperties: false };
  }
  return {
    type: 'object',
    properties: { ...own['properties'], ...propertiesOf(common), kind: constant },
    required: [...new Set(['kind', ...names(common['required']), ...names(own['required'])])],
    additionalProperties: false,
  };
}

function loose(json: JsonSchema): JsonSchema {
  const { additionalProperties: _, ...rest } = json;
  const branches = Object.entries(rest).filter(([key]) => ['anyOf', 'oneOf', 'allOf'].includes(key));
  return { ...rest, ...Object.fromEntries(branches.map(([key, list]) => [key, Array.isArray(list) ? list.filter(isObject).map(loose) : list])) };
}

function names(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];
}
