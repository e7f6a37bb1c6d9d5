import type { FaultCode } from './fault.ts';

/**
 * How a record counts on a timeline: `fault` when the decision would deny and rests on nothing but what could not be looked at (every
 * decisive finding has a code); `deny` when it was denied; `warn` when a mode let a denial pass or a policy warned; `allow` otherwise.
 */
export const recordClasses = ['allow', 'warn', 'deny', 'fault'] as const;
export type RecordClass = (typeof recordClasses)[number];

/**
 * Which records are meant: what is named must all hold; what is left out does not matter. Texts are compared whole unless a field says
 * otherwise. A list means any of its entries.
 */
export interface RecordFilter {
  /** Milliseconds since the epoch, inclusive. */
  readonly from?: number;
  /** Milliseconds since the epoch, exclusive. */
  readonly to?: number;
  /** What facts and policies say, before the mode. */
  readonly decision?: 'allow' | 'deny';
  /** What went back, after the mode. */
  readonly answered?: 'allow' | 'deny';
  readonly classes?: readonly RecordClass[];
  /** Of a finding, a fault or a rejection: could not look, or looked at and not good. */
  readonly codes?: readonly (FaultCode | string)[];
  /** Globs: `*` is any run of characters. */
  readonly namespaces?: readonly string[];
  readonly kind?: string;
  /** Name or generateName of the object. */
  readonly name?: string;
  readonly user?: string;
  readonly ownerKind?: string;
  readonly ownerName?: string;
  /**
   * Glob of the logical `registry/repository`, with `*` within a segment and `**` across; a pattern that has a tag
   * (`docker.io/library/nginx:1.*`) is held against `registry/repository:tag`.
   */
  readonly image?: string;
  /** `sha256:…`, of an image or of one of its platforms; at least 7 hex digits of it. */
  readonly digest?: string;
  readonly signer?: string;
  /** Of any finding of a decision, such as `CVE-2024-3094`. */
  readonly cve?: string;
  /** Policies that had something to say. */
  readonly policy?: string;
  /** Name of an exception that was used; `*` for any. */
  readonly exception?: string;
  readonly breakglass?: boolean;
  /** Whether evidence was used whose source could not be reached. */
  readonly lastKnownGood?: boolean;
  /** Whether the candidate policies would have decided otherwise. */
  readonly differs?: boolean;
  /** Whether somebody has acknowledged the record. */
  readonly acknowledged?: boolean;
  readonly policyRevision?: string;
  readonly replica?: string;
  /** Words that all occur in the record: names, images, messages. A last `*` matches the beginning of a word. */
  readonly text?: string;
  /** The beginning of a record's id. */
  readonly id?: string;
}

export interface FilterFault {
  readonly parameter: string;
  readonly message: string;
}

export type ParsedFilter = { readonly ok: true; readonly filter: RecordFilter } | { readonly ok: false; readonly faults: readonly FilterFault[] };

/** Characters of a value at most, values of a list at most. */
const longestValue = 512;
const mostValues = 50;

type Field = keyof RecordFilter;
type Parse = (text: string, now: number) => unknown;

const word: Parse = (text) => (text === '' ? undefined : text);
const truth: Parse = (text) => (text === 'true' ? true : text === 'false' ? false : undefined);
const oneOf =
  (values: readonly string[]): Parse =>
  (text) =>
    values.includes(text) ? text : undefined;
const shaped =
  (form: RegExp): Parse =>
  (text) =>
    form.test(text) ? text : undefined;

interface Parameter {
  readonly field: Field;
  readonly parse: Parse;
  /** What a value must be, to go on `must be …`. */
  readonly must: string;
  readonly list?: true;
}

const effects = ['allow', 'deny'] as const;

/** Every parameter: the same words in links, in the API and, as `--word`, on the command line. A new filter is a line here. */
export const filterParameters: Readonly<Record<string, Parameter>> = {
  from: { field: 'from', parse: parseTime, must: 'a time such as 2026-11-24T20:00:00Z, 2026-11-24, or an age such as 24h or 7d' },
  to: { field: 'to', parse: parseTime, must: 'a time such as 2026-11-24T20:00:00Z, 2026-11-24, or an age such as 24h or 7d' },
  decision: { field: 'decision', parse: oneOf(effects), must: 'allow or deny' },
  answered: { field: 'answered', parse: oneOf(effects), must: 'allow or deny' },
  class: { field: 'classes', parse: oneOf(recordClasses), must: 'allow, warn, deny or fault', list: true },
  code: { field: 'codes', parse: shaped(/^[A-Z][A-Z_]{1,63}$/), must: 'a fault code such as REGISTRY_UNAVAILABLE', list: true },
  namespace: { field: 'namespaces', parse: shaped(/^[a-z0-9*-]{1,63}$/), must: 'the name of a namespace, or a glob of it', list: true },
  kind: { field: 'kind', parse: shaped(/^[A-Za-z0-9./-]+$/), must: 'a kind such as Pod or apps/v1/Deployment' },
  name: { field: 'name', parse: word, must: 'the name or generateName of an object' },
  user: { field: 'user', parse: word, must: 'the name of a user' },
  ownerKind: { field: 'ownerKind', parse: shaped(/^[A-Za-z]+$/), must: 'a kind such as ReplicaSet' },
  owner: { field: 'ownerName', parse: word, must: 'the name of an owner' },
  image: { field: 'image', parse: shaped(/^[A-Za-z0-9._:/*-]+$/), must: 'a glob of registry/repository, such as docker.io/library/*' },
  digest: {
    field: 'digest',
    parse: shaped(/^(?:sha256:[0-9a-f]{7,64}|sha512:[0-9a-f]{7,128})$/),
    must: 'a digest such as sha256:1f2e3d4, with 7 hex digits or more',
  },
  signer: { field: 'signer', parse: word, must: 'the name of a signer' },
  cve: { field: 'cve', parse: shaped(/^[A-Za-z0-9][A-Za-z0-9._:-]+$/), must: 'the id of a vulnerability, such as CVE-2024-3094' },
  policy: { field: 'policy', parse: word, must: 'the name of a policy' },
  exception: { field: 'exception', parse: word, must: 'the name of an exception, or *' },
  breakglass: { field: 'breakglass', parse: truth, must: 'true or false' },
  lastKnownGood: { field: 'lastKnownGood', parse: truth, must: 'true or false' },
  differs: { field: 'differs', parse: truth, must: 'true or false' },
  acknowledged: { field: 'acknowledged', parse: truth, must: 'true or false' },
  revision: { field: 'policyRevision', parse: shaped(/^[0-9a-f]{64}$/), must: 'a revision of 64 hex digits' },
  replica: { field: 'replica', parse: word, must: 'the name of a replica' },
  q: { field: 'text', parse: shaped(/[\p{L}\p{N}]/u), must: 'words to search for' },
  id: { field: 'id', parse: shaped(/^[0-9A-HJKMNP-TV-Z]{4,26}$/), must: 'the beginning of a record id, 4 characters or more' },
};

/**
 * Reads a filter strictly: an unknown parameter, one that is repeated and may not be, and a value that is not of its form are faults.
 *
 * @param entries names and values as URLSearchParams gives them; take parameters that are not the filter's out before
 * @param now milliseconds since the epoch, which ages count from
 */
export function parseFilter(entries: Iterable<readonly [name: string, value: string]>, now: number): ParsedFilter {
  const found = new Map<Field, unknown>();
  const faults: FilterFault[] = [];
  for (const [name, value] of entries) {
    const parameter = Object.hasOwn(filterParameters, name) ? filterParameters[name] : undefined;
    if (parameter === undefined) {
      faults.push({ parameter: name.slice(0, 64), message: 'is no filter' });
      if (faults.length >= mostValues) break;
      continue;
    }
    const { field, list, must } = parameter;
    const parsed = value.length > longestValue ? undefined : parameter.parse(value, now);
    const before = found.get(field);
    if (parsed === undefined) faults.push({ parameter: name, message: `must be ${must}` });
    else if (list === true) {
      const values = Array.isArray(before) ? before : [];
      if (values.length >= mostValues) faults.push({ parameter: name, message: `is given more than ${mostValues} times` });
      else found.set(field, values.includes(parsed) ? values : [...values, parsed]);
    } else if (before !== undefined) faults.push({ parameter: name, message: 'is given twice' });
    else found.set(field, parsed);
    if (faults.length >= mostValues) break;
  }
  const filter = Object.fromEntries(found) as RecordFilter;
  if (filter.from !== undefined && filter.to !== undefined && filter.from >= filter.to) faults.push({ parameter: 'to', message: 'must be later than from' });
  return faults.length > 0 ? { ok: false, faults } : { ok: true, filter };
}

/** The parameters of a filter, in a fixed order: parseFilter gives the same filter again. Ages have become times. */
export function renderFilter(filter: RecordFilter): readonly (readonly [name: string, value: string])[] {
  return Object.entries(filterParameters).flatMap(([name, { field }]) => {
    const value: unknown = filter[field];
    if (value === undefined) return [];
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    return values.map((one) => [name, typeof one === 'number' ? new Date(one).toISOString() : String(one)] as const);
  });
}

const units: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const longestAge = 20 * 365 * 86_400_000;

function parseTime(text: string, now: number): number | undefined {
  const [, count = '', unit = ''] = /^(\d{1,9})([smhdw])$/.exec(text) ?? [];
  if (unit !== '') {
    const age = Number(count) * (units[unit] ?? 0);
    return age <= longestAge ? now - age : undefined;
  }
  if (!/^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?(?:Z|[+-]\d\d:\d\d))?$/.test(text)) return undefined;
  const time = Date.parse(text);
  return Number.isNaN(time) ? undefined : time;
}
