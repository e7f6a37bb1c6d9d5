import type { Kysely } from 'kysely';
import { sql } from 'kysely';
import type { Database } from './database.ts';
import type { StoreEntry } from './entry.ts';
import { type Partition, partitionOf } from './period.ts';
import type { Tables } from './tables.ts';

/** What goes into the store at once: entries in the order of their chain, and the contents that come before them. */
export interface StoreBatch {
  readonly entries: readonly StoreEntry[];
  /** Canonical JSON by hex SHA-256. */
  readonly contents: ReadonlyMap<string, string>;
  /** How far the spool has come with it. */
  readonly place: Place;
  /** Contents that are nowhere: what refers to them is put in all the same. */
  readonly lost: ReadonlySet<string>;
}

/** A place in the spool: what is before it is in the store. */
export interface Place {
  readonly chain: string;
  readonly segment: string;
  /** Bytes of the segment. */
  readonly position: number;
  readonly sequence: number;
}

/** `missing`: nothing was put in, since contents that entries refer to are neither in the store nor in the batch. */
export type PutResult = { readonly put: true } | { readonly put: false; readonly missing: readonly string[] };

/**
 * Puts a batch into the store. What is there already is left as it is, so that any part of it may be put again: after a process ended
 * between any two steps, the same batch makes it whole. Rejects as the database does.
 */
export async function putBatch(db: Database, batch: StoreBatch): Promise<PutResult> {
  const byPartition = new Map<string, { readonly partition: Partition; readonly entries: StoreEntry[] }>();
  for (const entry of batch.entries) {
    const partition = partitionOf(entry.kept, entry.time);
    const found = byPartition.get(partition.name) ?? { partition, entries: [] };
    byPartition.set(partition.name, found);
    found.entries.push(entry);
  }
  for (const { partition } of byPartition.values()) await db.write(partition);
  return db.change(false, async (change) => {
    const missing = await change.onMain((main) => putMain(main, batch));
    if (missing.length > 0) return { put: false, missing };
    for (const { partition, entries } of byPartition.values()) await change.on(partition, (tables) => putEntries(db.kind, tables, partition, entries));
    await change.onMain((main) => putPlace(main, batch.place));
    return { put: true };
  });
}

async function putMain(main: Kysely<Tables>, { contents, entries, lost }: StoreBatch): Promise<readonly string[]> {
  for (const chunk of chunks([...contents], 200)) {
    await main
      .insertInto('contents')
      .values(chunk.map(([sha256, text]) => ({ sha256, text })))
      .onConflict((oc) => oc.doNothing())
      .execute();
  }
  const wanted = [...new Set(entries.flatMap(({ uses }) => uses))].filter((sha256) => !contents.has(sha256) && !lost.has(sha256));
  const missing = new Set(wanted);
  for (const chunk of chunks(wanted, 500)) {
    for (const { sha256 } of await main.selectFrom('contents').select('sha256').where('sha256', 'in', chunk).execute()) missing.delete(sha256);
  }
  if (missing.size > 0) return [...missing];
  const chains = new Map(entries.map(({ point, record }) => [point.chain, { chain: point.chain, replica: record.replica }]));
  for (const chunk of chunks([...chains.values()], 500))
    await main
      .insertInto('chains')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  const names = new Map<string, Tables['names']>();
  const note = (kind: Tables['names']['kind'], name: string): void => void (name !== '' && names.set(`${kind} ${name}`, { kind, name }));
  for (const { record, images } of entries) {
    note('namespace', record.namespace);
    note('kind', record.kind);
    for (const { repository } of images) note('repository', repository);
  }
  // In one order everywhere: replicas that wait for each other's rows must not wait in a circle.
  const sorted = [...names].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, name]) => name);
  for (const chunk of chunks(sorted, 500))
    await main
      .insertInto('names')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  const acknowledged = entries.flatMap(({ acknowledges: found }) =>
    found === null ? [] : [{ record: found.record, by_whom: found.by, time: found.time, note: found.note }],
  );
  for (const chunk of chunks(acknowledged, 500))
    await main
      .insertInto('acknowledgements')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  return [];
}

/** Puts entries in, and what they are found by; nothing for those that were there. */
async function putEntries(kind: Database['kind'], tables: Kysely<Tables>, partition: Partition, entries: readonly StoreEntry[]): Promise<void> {
  const fresh: StoreEntry[] = [];
  for (const chunk of chunks(entries, 300)) {
    const inserted = await tables
      .insertInto('records')
      .values(chunk.map(({ record, words }) => (kind === 'postgres' ? { ...record, search: sql`array_to_tsvector(${[...words]}::text[])` } : record)))
      .onConflict((oc) => oc.doNothing())
      .returning(kind === 'sqlite' ? ['chain', 'sequence', 'row'] : ['chain', 'sequence'])
      .execute();
    const rows = new Map(inserted.map((each) => [`${each.chain} ${each.sequence}`, 'row' in each && typeof each.row === 'number' ? each.row : 0]));
    const put = chunk.filter(({ point }) => rows.has(`${point.chain} ${point.sequence}`));
    fresh.push(...put);
    if (kind === 'postgres') continue;
    const words = put.flatMap((entry) => {
      const rowid = rows.get(`${entry.point.chain} ${entry.point.sequence}`);
      return rowid === undefined || entry.words.length === 0 ? [] : [{ rowid, text: entry.words.join(' ') }];
    });
    if (words.length > 0) await tables.insertInto('words').values(words).execute();
  }
  const part = { kept: partition.kept };
  const at = ({ time, record }: StoreEntry) => ({ ...part, time, place: record.place });
  const terms = fresh.flatMap((entry) => entry.terms.map((term) => ({ ...at(entry), ...term })));
  for (const chunk of chunks(terms, 2000))
    await tables
      .insertInto('terms')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  const images = fresh.flatMap((entry) => entry.images.map((image) => ({ ...at(entry), ...image })));
  for (const chunk of chunks(images, 1000))
    await tables
      .insertInto('images')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  const uses = [...new Set(fresh.flatMap((entry) => entry.uses))].sort().map((sha256) => ({ ...part, time: partition.from, sha256 }));
  for (const chunk of chunks(uses, 2000))
    await tables
      .insertInto('uses')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
}

async function putPlace(main: Kysely<Tables>, place: Place): Promise<void> {
  await main
    .insertInto('shipped')
    .values(place)
    .onConflict((oc) => oc.column('chain').doUpdateSet({ segment: place.segment, position: place.position, sequence: place.sequence }))
    .execute();
}

/** How far the spool of a chain has come; null where nothing of it is in the store. */
export async function placeOfChain(db: Database, chain: string): Promise<Place | null> {
  return (await db.main.selectFrom('shipped').selectAll().where('chain', '=', chain).executeTakeFirst()) ?? null;
}

export function* chunks<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < list.length; from += size) yield list.slice(from, from + size);
}
