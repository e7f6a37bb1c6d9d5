import { type Kysely, sql } from 'kysely';
import { property, text } from '../../domain/json.ts';
import { parseLine } from '../chain.ts';
import type { AuditLog } from '../log.ts';
import type { RemovedRange } from '../removal.ts';
import type { Database } from './database.ts';
import type { Partition } from './period.ts';
import type { KeptClass, Tables } from './tables.ts';
import { chunks } from './write.ts';

/** Milliseconds for which records are kept, by retention class; and bytes that a store in files takes at most. */
export interface StoreRetention extends Readonly<Record<KeptClass, number>> {
  readonly bytes: number;
}

/** Has a key sign what is about to be removed; resolves when it has, or can't for now and will. */
export type SignRemoval = (ranges: readonly RemovedRange[]) => Promise<void>;

/**
 * Removes weeks that are altogether older than their records are kept, and where a store in files takes too many bytes more than
 * those; but never those that a hold is about. Before a week goes, the
 * store says which entries went. A process that ends in between leaves what the next run finishes. Rejects as the database does.
 *
 * @returns how many entries were removed
 */
export async function applyRetention(db: Database, retention: StoreRetention, now: number, log: AuditLog, sign: SignRemoval): Promise<number> {
  let removed = 0;
  const holds = await db.main.selectFrom('holds').select(['from_time', 'to_time']).execute();
  for (const partition of [...(await db.partitions())].reverse()) {
    if (partition.to > now - retention[partition.kept]) continue;
    if (isHeld(partition, holds)) continue;
    removed += await removePartition(db, partition, 'retention', now, log, sign);
  }
  for (const partition of isOver(db, retention) ? candidates(await db.partitions(), now) : []) {
    if (!isOver(db, retention)) break;
    if (!isHeld(partition, holds)) removed += await removePartition(db, partition, 'size', now, log, sign);
  }
  await removeSpare(db);
  return removed;
}

/** Whether a store in files takes more than it may. */
export function isOver(db: Database, { bytes }: Pick<StoreRetention, 'bytes'>): boolean {
  return (db.bytes() ?? 0) > bytes;
}

/** What goes where there is no room: plain admissions before all else, the oldest first, and never the denials of this week. */
function candidates(partitions: readonly Partition[], now: number): readonly Partition[] {
  const oldest = [...partitions].reverse();
  return [...oldest.filter(({ kept }) => kept === 'allow'), ...oldest.filter(({ kept, to }) => kept === 'deny' && to <= now)];
}

interface HeldTime {
  readonly from_time: number | null;
  readonly to_time: number | null;
}

function isHeld({ from, to }: Partition, holds: readonly HeldTime[]): boolean {
  return holds.some(({ from_time, to_time }) => (from_time ?? 0) < to && (to_time ?? Number.POSITIVE_INFINITY) > from);
}

async function removePartition(
  db: Database,
  partition: Partition,
  reason: 'retention' | 'size',
  now: number,
  log: AuditLog,
  sign: SignRemoval,
): Promise<number> {
  const tables = await db.read(partition);
  if (tables === null) return 0;
  const ranges = (await rangesOf(tables, partition, now)).map((range) => ({ ...range, reason }));
  for (const chunk of chunks(ranges, signedAtOnce)) await sign(await pointsOf(tables, chunk));
  for (const chunk of chunks(ranges, 500))
    await db.main
      .insertInto('removals')
      .values(chunk)
      .onConflict((oc) => oc.doNothing())
      .execute();
  let after = '';
  for (;;) {
    const uses = await tables
      .selectFrom('uses')
      .select('sha256')
      .where('kept', '=', partition.kept)
      .where('time', '=', partition.from)
      .where('sha256', '>', after)
      .orderBy('sha256')
      .limit(2000)
      .execute();
    if (uses.length > 0)
      await db.main
        .insertInto('spare')
        .values(uses)
        .onConflict((oc) => oc.doNothing())
        .execute();
    after = uses.at(-1)?.sha256 ?? after;
    if (uses.length < 2000) break;
  }
  await db.remove(partition);
  const entries = ranges.reduce((sum, range) => sum + range.entries, 0);
  log.info(
    { week: partition.name, entries, reason },
    reason === 'size'
      ? 'audit records were removed: the store took more bytes than it may'
      : 'audit records were removed, since they are older than such are kept',
  );
  return entries;
}

/** Ranges that are signed at once. */
const signedAtOnce = 2_000;

/** The same ranges, with what the first entry of each says is the hash of the one before it. */
async function pointsOf(tables: Kysely<Tables>, ranges: readonly Tables['removals'][]): Promise<readonly RemovedRange[]> {
  const before = new Map<string, string | null>();
  for (const [chain, own] of Map.groupBy(ranges, (range) => range.chain)) {
    for (const chunk of chunks(own, 200)) {
      const firsts = chunk.map((range) => range.first_sequence);
      const rows = await tables.selectFrom('records').select(['sequence', 'line']).where('chain', '=', chain).where('sequence', 'in', firsts).execute();
      for (const { line, sequence } of rows) before.set(`${chain} ${sequence}`, text(property(parseLine(line), 'previousHash')));
    }
  }
  return ranges.map(({ chain, entries, first_hash, first_sequence, last_hash, last_sequence, reason }) => ({
    before: before.get(`${chain} ${first_sequence}`) ?? null,
    entries,
    first: { chain, sequence: first_sequence, hash: first_hash },
    last: { chain, sequence: last_sequence, hash: last_hash },
    reason,
  }));
}

/** What is in a partition, as runs of entries that follow each other. */
async function rangesOf(tables: Awaited<ReturnType<Database['read']>> & object, partition: Partition, now: number): Promise<readonly Tables['removals'][]> {
  const ranges: Tables['removals'][] = [];
  let [chain, sequence] = ['', -1];
  for (;;) {
    const rows = await tables
      .selectFrom('records as r')
      .select(['chain', 'sequence', 'hash'])
      .where('kept', '=', partition.kept)
      .where('time', '>=', partition.from)
      .where('time', '<', partition.to)
      .where(sql<boolean>`(chain, sequence) > (${chain}, ${sql.lit(sequence)})`)
      .orderBy('chain')
      .orderBy('sequence')
      .limit(5000)
      .execute();
    for (const row of rows) {
      const last = ranges.at(-1);
      if (last !== undefined && last.chain === row.chain && last.last_sequence + 1 === row.sequence) {
        Object.assign(last, { last_sequence: row.sequence, last_hash: row.hash, entries: last.entries + 1 });
      } else {
        const point = { first_sequence: row.sequence, first_hash: row.hash, last_sequence: row.sequence, last_hash: row.hash };
        ranges.push({ chain: row.chain, ...point, entries: 1, reason: 'retention', time: now });
      }
    }
    const end = rows.at(-1);
    if (end === undefined || rows.length < 5000) return ranges;
    ({ chain, sequence } = end);
  }
}

/** Contents that only removed records referred to. While they are looked at, no record comes in that could refer to them. */
async function removeSpare(db: Database): Promise<void> {
  for (;;) {
    const left = await db.change(true, async (change) => {
      const spare = (await change.onMain((main) => main.selectFrom('spare').select('sha256').orderBy('sha256').limit(500).execute())).map(
        ({ sha256 }) => sha256,
      );
      if (spare.length === 0) return 0;
      const used = new Set<string>();
      for (const partition of db.kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
        const tables = await db.read(partition);
        const rows = await tables?.selectFrom('uses').select('sha256').distinct().where('sha256', 'in', spare).execute();
        for (const { sha256 } of rows ?? []) used.add(sha256);
      }
      const gone = spare.filter((sha256) => !used.has(sha256));
      await change.onMain(async (main) => {
        if (gone.length > 0) await main.deleteFrom('contents').where('sha256', 'in', gone).execute();
        await main.deleteFrom('spare').where('sha256', 'in', spare).execute();
      });
      return spare.length;
    });
    if (left === 0) break;
  }
  if (db.kind === 'sqlite') await sql`pragma incremental_vacuum(2000)`.execute(db.main);
}
