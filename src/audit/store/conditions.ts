import { type RawBuilder, sql } from 'kysely';
import { encodeTime } from 'ulidx';
import type { RecordFilter } from '../../domain/auditFilter.ts';
import type { RecordQuery } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { glob } from '../../domain/glob.ts';
import type { Database } from './database.ts';
import { type Partition, placeOf } from './period.ts';
import type { KeptClass, TermKind } from './tables.ts';
import { parseSearch } from './words.ts';

/** A query, made ready to be asked of each partition. */
export interface Prepared {
  readonly kind: Database['kind'];
  /** What a row `r` of `records` must fulfil. */
  readonly conditions: readonly RawBuilder<unknown>[];
  /** A term that all records have, to look them up by: newest first without a sort. The conditions do not repeat it. */
  readonly driver: { readonly kind: TermKind; readonly term: string } | null;
  /** Milliseconds since the epoch; only partitions of that time matter. */
  readonly from: number;
  readonly to: number;
  readonly kept: KeptClass | null;
  /** Repositories that the filter's `image` stands for; null: it names none. */
  readonly repositories: readonly string[] | null;
  /** Nothing can match. */
  readonly empty: boolean;
}

/** Names that a glob may stand for at most. */
const mostNames = 20_000;

type Sql = RawBuilder<unknown>;
type Kind = Database['kind'];

/** Faults: LIMIT_EXCEEDED when a glob stands for too many names. Rejects as the database does. */
export async function prepare(db: Database, { filter, visible }: RecordQuery): Promise<Outcome<Prepared>> {
  const conditions: Sql[] = [sql`r.class <> 'event'`];
  let empty = false;
  const namespaces = await namesOf(db, 'namespace', filter.namespaces);
  if (!namespaces.ok) return namespaces;
  const seen = visible === 'all' ? namespaces.value : (namespaces.value ?? [...visible]).filter((name) => visible.has(name));
  if (seen !== null) conditions.push(among(db.kind, sql`r.namespace`, seen));
  empty ||= seen?.length === 0;

  // `Pod` means `v1/Pod`, and `Deployment` that of any group.
  const objects = await namesOf(db, 'kind', filter.kind === undefined ? undefined : filter.kind.includes('/') ? [filter.kind] : [`**/${filter.kind}`]);
  if (!objects.ok) return objects;
  if (objects.value !== null) conditions.push(among(db.kind, sql`r.kind`, objects.value));
  empty ||= objects.value?.length === 0;

  const image = filter.image === undefined ? good(null) : await imageCondition(db, filter.image);
  if (!image.ok) return image;
  if (image.value?.condition) conditions.push(image.value.condition);

  const marked = filter.acknowledged === undefined ? good(null) : await acknowledgedCondition(db, filter, filter.acknowledged);
  if (!marked.ok) return marked;
  if (marked.value !== null) conditions.push(marked.value);

  conditions.push(...scalarConditions(db.kind, filter));
  const { driver, others } = splitTerms(db.kind, { ...filter, ...(await wholeDigest(db, filter)) }, image.value?.term ?? undefined);
  conditions.push(...others);
  if (filter.text !== undefined) {
    const words = wordCondition(db.kind, filter.text);
    empty ||= words === null;
    conditions.push(words ?? sql`false`);
  }
  return good({
    kind: db.kind,
    repositories: image.value === null ? null : image.value.names,
    conditions,
    driver,
    from: filter.from ?? 0,
    to: filter.to ?? Number.MAX_SAFE_INTEGER,
    // A denial is never among the plain admissions.
    kept: filter.decision === 'deny' || filter.answered === 'deny' || filter.lastKnownGood === true || filter.breakglass === true ? 'deny' : null,
    empty,
  });
}

/**
 * What a partition is asked besides. Of PostgreSQL with the bounds of the partition, so that no other is looked at; in SQLite each is a
 * file of its own, and a bound by the place keeps to the order in which rows are wanted.
 */
export function withinPartition({ from, kind, to }: Prepared, partition: Partition): RawBuilder<boolean> {
  const bounds: Sql[] = kind === 'sqlite' ? [] : [sql`r.kept = ${sql.lit(partition.kept)}`, ...between('r', partition)];
  if (from > partition.from) bounds.push(sql`r.place >= ${placeOf(from)}`);
  if (to < partition.to) bounds.push(sql`r.place < ${placeOf(to)}`);
  return all(bounds);
}

/** The bounds of a partition's time. */
export function between(table: string, { from, to }: Partition): readonly Sql[] {
  const time = sql.ref(`${table}.time`);
  return [sql`${time} >= ${sql.lit(from)}`, sql`${time} < ${sql.lit(to)}`];
}

export function all(conditions: readonly Sql[]): RawBuilder<boolean> {
  return conditions.length === 0 ? sql<boolean>`true` : sql<boolean>`${sql.join([...conditions], sql` and `)}`;
}

function scalarConditions(kind: Kind, filter: RecordFilter): Sql[] {
  const found: Sql[] = [];
  const equals = (column: string, value: string | undefined): void => {
    if (value !== undefined) found.push(sql`${sql.ref(`r.${column}`)} = ${value}`);
  };
  const flag = (column: string, value: boolean | undefined): void => {
    if (value !== undefined) found.push(sql`${sql.ref(`r.${column}`)} = ${sql.lit(value ? 1 : 0)}`);
  };
  equals('decision', filter.decision);
  equals('answered', filter.answered);
  equals('user_name', filter.user);
  equals('owner_kind', filter.ownerKind);
  equals('owner_name', filter.ownerName);
  equals('name', filter.name);
  equals('policy_revision', filter.policyRevision);
  equals('replica', filter.replica);
  flag('breakglass', filter.breakglass);
  flag('last_known_good', filter.lastKnownGood);
  flag('differs', filter.differs);
  if (filter.classes !== undefined) found.push(among(kind, sql`r.class`, filter.classes));
  if (filter.id !== undefined) found.push(prefixed(sql`r.id`, filter.id));
  return found;
}

/** Rare things first: what few records have is what they are looked up by. */
function splitTerms(db: Kind, filter: RecordFilter, image: string | undefined): { readonly driver: Prepared['driver']; readonly others: readonly Sql[] } {
  const wholeDigest = filter.digest !== undefined && /^(?:sha256:.{64}|sha512:.{128})$/.test(filter.digest);
  const named: readonly (readonly [TermKind, string | undefined])[] = [
    ['cve', filter.cve],
    ['digest', wholeDigest ? filter.digest : undefined],
    ['exception', filter.exception === '*' ? undefined : filter.exception],
    ['code', filter.codes?.length === 1 ? filter.codes[0] : undefined],
    ['image', image],
    ['signer', filter.signer],
    ['policy', filter.policy],
  ];
  const [first, ...rest] = named.flatMap(([kind, term]) => (term === undefined ? [] : [{ kind, term }]));
  const others = rest.map(({ kind, term }) => hasTerm(db, kind, sql`t.term = ${term}`));
  if (filter.digest !== undefined && !wholeDigest) others.push(hasTerm(db, 'digest', prefixed(sql`t.term`, filter.digest)));
  if (filter.exception === '*') others.push(hasTerm(db, 'exception', sql`true`));
  if (filter.codes !== undefined && filter.codes.length > 1) others.push(hasTerm(db, 'code', sql`t.term in (${sql.join([...filter.codes])})`));
  return { driver: first ?? null, others };
}

/** Whether a record has a term, looked for by its place. */
export function hasTerm(db: Kind, kind: TermKind, condition: Sql): Sql {
  return sql`exists (select 1 from terms t where ${all([sql`t.kind = ${sql.lit(kind)}`, condition, ...samePlace(db, 't')])})`;
}

/** In PostgreSQL with what says which partition that is. */
function samePlace(db: Kind, table: string): readonly Sql[] {
  const same = (column: string): Sql => sql`${sql.ref(`${table}.${column}`)} = ${sql.ref(`r.${column}`)}`;
  return db === 'sqlite' ? [same('place')] : ['place', 'kept', 'time'].map(same);
}

function prefixed(column: Sql, prefix: string): Sql {
  return sql`(${column} >= ${prefix} and ${column} < ${`${prefix}~`})`;
}

/** Whether a column has one of several values, however many. */
export function among(kind: Kind, column: Sql, values: readonly string[]): Sql {
  if (values.length === 0) return sql`false`;
  if (values.length <= 20) return sql`${column} in (${sql.join([...values])})`;
  return kind === 'sqlite' ? sql`${column} in (select value from json_each(${JSON.stringify(values)}))` : sql`${column} = any(${[...values]}::text[])`;
}

/** The names that globs stand for: `*` is any run of characters. null: any name. */
async function namesOf(
  db: Database,
  kind: 'namespace' | 'repository' | 'kind',
  patterns: readonly string[] | undefined,
): Promise<Outcome<readonly string[] | null>> {
  if (patterns === undefined) return good(null);
  const plain = patterns.filter((pattern) => !pattern.includes('*'));
  const globs = patterns.filter((pattern) => pattern.includes('*')).map(glob);
  if (globs.length === 0) return good(plain);
  const found = new Set(plain);
  let after = '';
  for (;;) {
    const rows = await db.main.selectFrom('names').select('name').where('kind', '=', kind).where('name', '>', after).orderBy('name').limit(2000).execute();
    for (const { name } of rows) if (globs.some((matches) => matches(name))) found.add(name);
    if (found.size > mostNames) return bad('LIMIT_EXCEEDED', `the pattern stands for more than ${mostNames} names: use a narrower one`);
    const last = rows.at(-1);
    if (last === undefined || rows.length < 2000) return good([...found]);
    after = last.name;
  }
}

/**
 * A glob of a repository, and one of its tags where the pattern has a colon after the last slash. One repository is a term to look
 * records up by; several are looked for record by record.
 */
async function imageCondition(
  db: Database,
  pattern: string,
): Promise<Outcome<{ readonly names: readonly string[]; readonly term: string | null; readonly condition: Sql | null }>> {
  const colon = pattern.indexOf(':', pattern.lastIndexOf('/') + 1);
  const [repository, tag] = colon < 0 ? [pattern, null] : [pattern.slice(0, colon), pattern.slice(colon + 1)];
  const found = await namesOf(db, 'repository', [repository]);
  if (!found.ok) return found;
  const names = found.value ?? [];
  const term = names.length === 1 ? (names[0] ?? null) : null;
  if (term !== null && tag === null) return good({ names, term, condition: null });
  const tagged = tag === null ? [] : [sql`i.tag like ${escapeLike(tag).replaceAll(/\*+/g, '%')} escape '!'`];
  const condition = all([...samePlace(db.kind, 'i'), among(db.kind, sql`i.repository`, names), ...tagged]);
  return good({ names, term, condition: names.length === 0 ? sql`false` : sql`exists (select 1 from images i where ${condition})` });
}

/** The digest that the beginning of one stands for, where that is one only: records are looked up by it at once. */
async function wholeDigest(db: Database, { digest }: RecordFilter): Promise<Pick<RecordFilter, 'digest'>> {
  if (digest === undefined) return {};
  const found = new Set<string>();
  for (const partition of db.kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
    const tables = await db.read(partition);
    // Two in order: the first may occur a million times.
    let after = digest;
    for (let i = 0; i < 2; i += 1) {
      const next = await tables
        ?.selectFrom('terms')
        .select('term')
        .where('kind', '=', 'digest')
        .where('term', i === 0 ? '>=' : '>', after)
        .where('term', '<', `${digest}~`)
        .orderBy('term')
        .limit(1)
        .executeTakeFirst();
      if (next === undefined) break;
      found.add(next.term);
      after = next.term;
    }
    if (found.size > 1) return { digest };
  }
  const [only] = found;
  return { digest: only ?? digest };
}

/** In SQLite acknowledgements are in another file than the records: so their ids are asked for first. */
async function acknowledgedCondition(db: Database, { from, to }: RecordFilter, wanted: boolean): Promise<Outcome<Sql>> {
  let marks = db.main
    .selectFrom('acknowledgements')
    .select('record')
    .distinct()
    .limit(mostNames + 1);
  if (from !== undefined) marks = marks.where('record', '>=', encodeTime(from, 10));
  if (to !== undefined) marks = marks.where('record', '<', encodeTime(to, 10));
  const records = (await marks.execute()).map(({ record }) => record);
  if (records.length > mostNames) return bad('LIMIT_EXCEEDED', `more than ${mostNames} records are acknowledged: ask about a shorter time`);
  const listed = among(db.kind, sql`r.id`, records);
  return good(wanted ? listed : sql`not (${listed})`);
}

function escapeLike(text: string): string {
  return text.replaceAll(/[!%_]/g, (c) => `!${c}`);
}

/** null: no word to search for. */
function wordCondition(kind: Kind, text: string): Sql | null {
  const words = parseSearch(text);
  if (words.length === 0) return null;
  // Letters and digits only: nothing in them means anything in either language.
  if (kind === 'sqlite') {
    const query = words.map(({ word, prefix }) => `"${word}"${prefix ? '*' : ''}`).join(' ');
    return sql`r."row" in (select rowid from words where words match ${query})`;
  }
  return sql`r.search @@ ${words.map(({ word, prefix }) => `'${word}'${prefix ? ':*' : ''}`).join(' & ')}::tsquery`;
}

/** The place that a page begins after. */
export function beforePlace(place: string | null): RawBuilder<boolean> {
  return place === null ? sql<boolean>`true` : sql<boolean>`r.place < ${place}`;
}
