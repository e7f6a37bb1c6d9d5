import { sql } from 'kysely';
import { type RecordClass, recordClasses } from '../../domain/auditFilter.ts';
import type { ExceptionCount, PolicyCount, RecordQuery, Timeline } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { all, hasTerm, type Prepared, prepare, withinPartition } from './conditions.ts';
import type { Database } from './database.ts';
import { weeksOf } from './rows.ts';
import type { TermKind } from './tables.ts';

/** Round lengths of time, in milliseconds, of which the least is taken that needs no more buckets than asked. */
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const steps = [minute, 5 * minute, 15 * minute, hour, 3 * hour, 6 * hour, 12 * hour, day, 7 * day, 28 * day, 91 * day, 364 * day, 3640 * day];

const mostBuckets = 500;
const noCounts: Readonly<Record<RecordClass, number>> = { allow: 0, warn: 0, deny: 0, fault: 0 };

export async function countTimeline(db: Database, query: RecordQuery, buckets: number, now: number, signal: AbortSignal): Promise<Outcome<Timeline>> {
  if (!Number.isInteger(buckets) || buckets < 1 || buckets > mostBuckets) return bad('REVIEW_INVALID', `a timeline has from 1 to ${mostBuckets} buckets`);
  const prepared = await prepare(db, query);
  if (!prepared.ok) return prepared;
  const to = query.filter.to ?? now + 1;
  const from = query.filter.from ?? Math.min(to - 1, (await firstTime(db)) ?? to - day);
  const step = steps.find((each) => Math.ceil(to / each) - Math.floor(from / each) <= buckets) ?? Math.ceil((to - from) / buckets);
  const start = Math.floor(from / step) * step;
  const counts = new Map<number, Record<RecordClass, number>>();
  const bounds = { ...prepared.value, from, to };
  for (const partition of prepared.value.empty ? [] : (await weeksOf(db, bounds)).flat()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    if (tables === null) continue;
    // Whole numbers on both sides: the quotient is one, in both databases.
    const bucket = sql<number>`(r.time - ${sql.lit(start)}) / ${sql.lit(step)}`;
    const rows = await tables
      .selectFrom('records as r')
      .select(({ fn }) => ['r.class', bucket.as('bucket'), fn.countAll<number>().as('count')])
      .where(all([...withDriver(prepared.value), withinPartition(bounds, partition)]))
      .groupBy(['r.class', bucket])
      .execute();
    for (const row of rows) {
      const found = recordClasses.find((each) => each === row.class);
      const at = counts.get(row.bucket) ?? { ...noCounts };
      counts.set(row.bucket, at);
      if (found !== undefined) at[found] += Number(row.count);
    }
  }
  const length = Math.max(1, Math.ceil((to - start) / step));
  return good({
    from: start,
    to: start + length * step,
    step,
    buckets: Array.from({ length }, (_, i) => ({ from: start + i * step, counts: counts.get(i) ?? noCounts })),
  });
}

async function firstTime(db: Database): Promise<number | null> {
  const oldest = (await db.partitions()).at(-1)?.from;
  let first: number | null = null;
  for (const partition of await db.partitions()) {
    if (partition.from !== oldest) continue;
    const tables = await db.read(partition);
    const row = await tables
      ?.selectFrom('records as r')
      .select(({ fn }) => fn.min<number | null>('r.time').as('first'))
      .where(sql<boolean>`r.kept = ${partition.kept} and r.time < ${sql.lit(partition.to)}`)
      .executeTakeFirst();
    if (row?.first !== undefined && row.first !== null) first = Math.min(first ?? row.first, row.first);
  }
  return first;
}

/** All conditions, the term that rows would be looked up by among them. */
export function withDriver({ conditions, driver, kind }: Prepared) {
  return driver === null ? conditions : [...conditions, hasTerm(kind, driver.kind, sql`t.term = ${driver.term}`)];
}

/** Distinct names in an answer at most: those with the most records. */
const mostCounted = 1000;

export async function countPolicies(db: Database, query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly PolicyCount[]>> {
  const counted = await countTerms(db, query, ['policyDenied', 'policyDecided', 'policyWarned'], signal);
  if (!counted.ok) return counted;
  const policies = new Map<string, { policy: string; denied: number; decisive: number; warned: number; last: number }>();
  for (const { kind, term, count, last } of counted.value) {
    const found = policies.get(term) ?? { policy: term, denied: 0, decisive: 0, warned: 0, last: 0 };
    policies.set(term, found);
    found.last = Math.max(found.last, last);
    if (kind === 'policyDenied') found.denied += count;
    else if (kind === 'policyDecided') found.decisive += count;
    else found.warned += count;
  }
  return good([...policies.values()].sort((a, b) => b.denied - a.denied || b.warned - a.warned || (a.policy < b.policy ? -1 : 1)).slice(0, mostCounted));
}

export async function countExceptions(db: Database, query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly ExceptionCount[]>> {
  const counted = await countTerms(db, query, ['exception'], signal);
  if (!counted.ok) return counted;
  const exceptions = new Map<string, { exception: string; records: number; first: number; last: number }>();
  for (const { term, count, first, last } of counted.value) {
    const found = exceptions.get(term) ?? { exception: term, records: 0, first, last };
    exceptions.set(term, found);
    found.records += count;
    found.first = Math.min(found.first, first);
    found.last = Math.max(found.last, last);
  }
  return good([...exceptions.values()].sort((a, b) => b.last - a.last).slice(0, mostCounted));
}

interface TermCount {
  readonly kind: string;
  readonly term: string;
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

async function countTerms(db: Database, query: RecordQuery, kinds: readonly TermKind[], signal: AbortSignal): Promise<Outcome<readonly TermCount[]>> {
  const prepared = await prepare(db, query);
  if (!prepared.ok) return prepared;
  const found: TermCount[] = [];
  for (const partition of prepared.value.empty ? [] : (await weeksOf(db, prepared.value)).flat()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    if (tables === null) continue;
    const rows = await tables
      .selectFrom('terms as c')
      .innerJoin('records as r', (join) => join.onRef('r.place', '=', 'c.place').onRef('r.kept', '=', 'c.kept').onRef('r.time', '=', 'c.time'))
      .select(({ fn }) => ['c.kind', 'c.term', fn.countAll<number>().as('count'), fn.min('r.time').as('first'), fn.max('r.time').as('last')])
      .where('c.kind', 'in', [...kinds])
      .where(all([...withDriver(prepared.value), withinPartition(prepared.value, partition)]))
      .groupBy(['c.kind', 'c.term'])
      .limit(20_000)
      .execute();
    found.push(...rows.map((row) => ({ ...row, count: Number(row.count) })));
  }
  return good(found);
}
