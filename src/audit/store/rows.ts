import { sql } from 'kysely';
import type { Acknowledgement, PageRequest, RecordRow } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { all, beforePlace, between, type Prepared, withinPartition } from './conditions.ts';
import type { Database } from './database.ts';
import { type Partition, placeForm, timeOfPlace } from './period.ts';

/** A row of `records`, as far as lists need it. */
export interface FoundRow {
  readonly place: string;
  readonly retry: string;
  readonly summary: string;
  /** Empty unless it was asked for. */
  readonly line: string;
}

export interface Search {
  readonly order: 'newest' | 'oldest';
  readonly limit: number;
  /** The place to go on after. */
  readonly after: string | null;
  readonly lines: boolean;
}

/** The partitions that a query is about, in the order in which they are gone through: a list of weeks, each with its classes. */
export async function weeksOf(db: Database, { from, to, kept }: Pick<Prepared, 'from' | 'to' | 'kept'>): Promise<readonly (readonly Partition[])[]> {
  const weeks = new Map<number, Partition[]>();
  for (const partition of await db.partitions()) {
    if (partition.to <= from || partition.from >= to || (kept !== null && partition.kept !== kept)) continue;
    weeks.set(partition.from, [...(weeks.get(partition.from) ?? []), partition]);
  }
  return [...weeks.values()];
}

/** Rows that match, one week after the other until there are enough: what is newest is found without a look at what is old. */
export async function findRows(db: Database, prepared: Prepared, search: Search, signal: AbortSignal): Promise<readonly FoundRow[]> {
  if (prepared.empty) return [];
  const found: FoundRow[] = [];
  const weeks = await weeksOf(db, prepared);
  const newest = search.order === 'newest';
  for (const week of newest ? weeks : [...weeks].reverse()) {
    const { after } = search;
    if (after !== null && (newest ? (week[0]?.from ?? 0) > timeOfPlace(after) : (week[0]?.to ?? 0) <= timeOfPlace(after))) continue;
    const rows: FoundRow[] = [];
    for (const partition of week) {
      signal.throwIfAborted();
      rows.push(...(await findInPartition(db, prepared, { ...search, limit: search.limit - found.length }, partition)));
    }
    rows.sort((a, b) => (a.place < b.place === newest ? 1 : -1));
    found.push(...rows.slice(0, search.limit - found.length));
    if (found.length >= search.limit) break;
  }
  return found;
}

async function findInPartition(db: Database, prepared: Prepared, { after, limit, lines, order }: Search, partition: Partition): Promise<readonly FoundRow[]> {
  const tables = await db.read(partition);
  if (tables === null) return [];
  const conditions = all([...prepared.conditions, withinPartition(prepared, partition)]);
  const bound = order === 'newest' || after === null ? beforePlace(after) : sql<boolean>`r.place > ${after}`;
  const direction = order === 'newest' ? 'desc' : 'asc';
  const columns = ['r.place', 'r.retry', 'r.summary', ...(lines ? (['r.line'] as const) : [])] as const;
  const { driver } = prepared;
  const rows =
    driver === null
      ? await tables.selectFrom('records as r').select(columns).where(conditions).where(bound).orderBy('r.place', direction).limit(limit).execute()
      : await tables
          .selectFrom('terms as d')
          .innerJoin('records as r', (join) => join.onRef('r.place', '=', 'd.place').onRef('r.kept', '=', 'd.kept').onRef('r.time', '=', 'd.time'))
          .select(columns)
          .where('d.kind', '=', driver.kind)
          .where('d.term', '=', driver.term)
          .where(db.kind === 'sqlite' ? sql<boolean>`true` : all([sql`d.kept = ${sql.lit(partition.kept)}`, ...between('d', partition)]))
          .where(after === null ? sql<boolean>`true` : order === 'newest' ? sql<boolean>`d.place < ${after}` : sql<boolean>`d.place > ${after}`)
          .where(conditions)
          .orderBy('d.place', direction)
          .limit(limit)
          .execute();
  return rows.map((row) => ({ ...row, line: row.line ?? '' }));
}

/** Rows as they are given out, with who has looked at them. */
export async function presentRows(db: Database, found: readonly FoundRow[]): Promise<readonly RecordRow[]> {
  // What is in the column was rendered from a RecordRow by this program.
  const rows = found.map(({ summary }) => JSON.parse(summary) as RecordRow);
  const acknowledged = new Map<string, Acknowledgement>();
  const ids = rows.map(({ id }) => id);
  if (ids.length > 0) {
    const marks = await db.main.selectFrom('acknowledgements').selectAll().where('record', 'in', ids).orderBy('time').execute();
    for (const { record, by_whom, time, note } of marks) acknowledged.set(record, { record, by: by_whom, time, note });
  }
  return rows.map((row) => ({ ...row, acknowledged: acknowledged.get(row.id) ?? null }));
}

/** Where a page begins. Fault: REVIEW_INVALID. */
export function cursorOf({ after }: Pick<PageRequest, 'after'>): Outcome<string | null> {
  if (after === undefined) return good(null);
  const place = after.length > 100 ? '' : Buffer.from(after, 'base64url').toString('latin1');
  return placeForm.test(place) ? good(place) : bad('REVIEW_INVALID', 'the page asked for does not exist: the cursor is none of ours');
}

export function renderCursor(place: string): string {
  return Buffer.from(place, 'latin1').toString('base64url');
}
