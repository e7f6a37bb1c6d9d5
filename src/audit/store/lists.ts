import {
  type CollapsedRow,
  mostRows,
  type Page,
  type PageRequest,
  type RecordQuery,
  type RecordRow,
  type ShownRecord,
  type Visible,
} from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { parseLine } from '../chain.ts';
import { referencesOf } from '../content.ts';
import { referencesOfEntry } from '../fit.ts';
import { all, type Prepared, prepare, withinPartition } from './conditions.ts';
import { contentsOf } from './contents.ts';
import { withDriver } from './counts.ts';
import type { Database } from './database.ts';
import type { WholeRecord } from './pages.ts';
import { cursorOf, type FoundRow, findRows, presentRows, renderCursor, weeksOf } from './rows.ts';

/** Whole records on a page at most: each can be long. */
const mostWhole = 100;

interface Asked {
  readonly prepared: Prepared;
  readonly after: string | null;
  readonly limit: number;
}

async function ask(db: Database, query: RecordQuery, page: PageRequest, most: number): Promise<Outcome<Asked>> {
  const after = cursorOf(page);
  if (!after.ok) return after;
  if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > most) return bad('REVIEW_INVALID', `a page has from 1 to ${most} rows`);
  const prepared = await prepare(db, query);
  return prepared.ok ? good({ prepared: prepared.value, after: after.value, limit: page.limit }) : prepared;
}

export async function listRecords(db: Database, query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<RecordRow>>> {
  const asked = await ask(db, query, page, mostRows);
  if (!asked.ok) return asked;
  const { prepared, after, limit } = asked.value;
  const found = await findRows(db, prepared, { order: 'newest', limit: limit + 1, after, lines: false }, signal);
  return good({ rows: await presentRows(db, found.slice(0, limit)), next: nextOf(found, limit) });
}

/** Whole records, for exports: a page has at most as many as are surely held in memory. */
export async function wholeRecords(
  db: Database,
  query: RecordQuery,
  order: 'newest' | 'oldest',
  page: PageRequest,
  signal: AbortSignal,
): Promise<Outcome<Page<WholeRecord>>> {
  const asked = await ask(db, query, page, mostWhole);
  if (!asked.ok) return asked;
  const { prepared, after, limit } = asked.value;
  const found = await findRows(db, prepared, { order, limit: limit + 1, after, lines: true }, signal);
  const rows = await presentRows(db, found.slice(0, limit));
  return good({ rows: rows.map((row, i) => ({ row, line: found[i]?.line ?? '' })), next: nextOf(found, limit) });
}

function nextOf(found: readonly FoundRow[], limit: number): string | null {
  const last = found[limit - 1];
  return found.length > limit && last !== undefined ? renderCursor(last.place) : null;
}

/** Rows looked through for one page of collapsed ones at most: then it is shorter than asked. */
const mostScanned = 20_000;

interface Retries {
  readonly count: number;
  readonly first: number;
  readonly last: number;
  /** Of the newest. */
  readonly place: string;
}

/** Newest first, each run of retries at the place of its newest record. */
export async function collapseRecords(db: Database, query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<CollapsedRow>>> {
  const asked = await ask(db, query, page, mostRows);
  if (!asked.ok) return asked;
  const { prepared, limit } = asked.value;
  let { after } = asked.value;
  const rows: CollapsedRow[] = [];
  const size = Math.min(mostRows, Math.max(limit + 1, 100));
  for (let scanned = 0; scanned < mostScanned; scanned += size) {
    const found = await findRows(db, prepared, { order: 'newest', limit: size, after, lines: false }, signal);
    const retries = await countRetries(db, prepared, found, signal);
    // Of a run whose newest record stood before, all has been said.
    const newest = found.filter(({ place, retry }) => retries.get(retry)?.place === place);
    const shown = newest.slice(0, limit - rows.length);
    for (const [i, row] of (await presentRows(db, shown)).entries()) {
      const run = retries.get(shown[i]?.retry ?? '');
      if (run !== undefined) rows.push({ ...row, count: run.count, first: run.first, last: run.last });
    }
    after = (shown.length < newest.length ? shown : found).at(-1)?.place ?? after;
    if (shown.length < newest.length) return good({ rows, next: after === null ? null : renderCursor(after) });
    if (found.length < size) return good({ rows, next: null });
    if (rows.length >= limit) break;
  }
  return good({ rows, next: after === null ? null : renderCursor(after) });
}

async function countRetries(db: Database, prepared: Prepared, found: readonly FoundRow[], signal: AbortSignal): Promise<ReadonlyMap<string, Retries>> {
  const counted = new Map<string, Retries>();
  const keys = [...new Set(found.map(({ retry }) => retry))];
  const [newest, oldest] = [found[0], found.at(-1)];
  if (newest === undefined || oldest === undefined) return counted;
  // Retries are of one day: no other is looked at.
  const day = 86_400_000;
  const bounds = { ...prepared, from: Math.max(prepared.from, dayOf(oldest.place)), to: Math.min(prepared.to, dayOf(newest.place) + day) };
  const conditions = withDriver(prepared);
  for (const partition of (await weeksOf(db, bounds)).flat()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    if (tables === null) continue;
    for (let i = 0; i < keys.length; i += 100) {
      const rows = await tables
        .selectFrom('records as r')
        .select(({ fn }) => [
          'r.retry',
          fn.countAll<number>().as('count'),
          fn.min('r.time').as('first'),
          fn.max('r.time').as('last'),
          fn.max('r.place').as('place'),
        ])
        .where('r.retry', 'in', keys.slice(i, i + 100))
        .where(all([...conditions, withinPartition(bounds, partition)]))
        .groupBy('r.retry')
        .execute();
      for (const { retry, count, first, last, place } of rows) {
        const before = counted.get(retry);
        counted.set(retry, {
          count: Number(count) + (before?.count ?? 0),
          first: Math.min(first, before?.first ?? first),
          last: Math.max(last, before?.last ?? last),
          place: before !== undefined && before.place > place ? before.place : place,
        });
      }
    }
  }
  return counted;
}

function dayOf(place: string): number {
  return Math.floor(Number(place.slice(0, 15)) / 86_400_000) * 86_400_000;
}

/** One record, by its id or by a beginning of it that no other has. */
export async function showRecord(db: Database, id: string, visible: Visible, signal: AbortSignal): Promise<Outcome<ShownRecord | null>> {
  if (!/^[0-9A-HJKMNP-TV-Z]{4,26}$/.test(id)) return good(null);
  const prepared = await prepare(db, { filter: { id }, visible });
  if (!prepared.ok) return prepared;
  const found = await findRows(db, prepared.value, { order: 'newest', limit: 2, after: null, lines: true }, signal);
  if (found.length > 1) return bad('REVIEW_INVALID', `several records have an id that begins with ${id}: give more of it`);
  const [row] = await presentRows(db, found);
  const line = found[0]?.line;
  if (row === undefined || line === undefined) return good(null);
  const value = parseLine(line);
  const contents = new Map(
    await contentsOf(
      db,
      referencesOfEntry(value, () => []),
    ),
  );
  // What is a content as a whole refers to others.
  const inner = [...contents.values()].flatMap((text) => referencesOf(parseLine(text))).filter((sha256) => !contents.has(sha256));
  for (const [sha256, text] of await contentsOf(db, inner)) contents.set(sha256, text);
  return good({ row, line, contents });
}
