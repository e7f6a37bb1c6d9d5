import { sql } from 'kysely';
import type { Hold, StoredChain, StoredEntry, StoredRemoval } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Database } from './database.ts';
import type { Partition } from './period.ts';

/** Chains, removals, holds that are told at most. */
const mostTold = 100_000;
/** Entries asked for at once at most. */
const mostEntries = 200;

interface Ends {
  entries: number;
  first: { sequence: number; partition: Partition };
  last: { sequence: number; partition: Partition };
}

export async function listChains(db: Database, signal: AbortSignal): Promise<Outcome<readonly StoredChain[]>> {
  const ends = new Map<string, Ends>();
  for (const partition of await db.partitions()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    const rows = await tables
      ?.selectFrom('records')
      .select(({ fn }) => ['chain', fn.countAll<number>().as('entries'), fn.min('sequence').as('first'), fn.max('sequence').as('last')])
      .where(
        db.kind === 'sqlite'
          ? sql<boolean>`true`
          : sql<boolean>`kept = ${sql.lit(partition.kept)} and time >= ${sql.lit(partition.from)} and time < ${sql.lit(partition.to)}`,
      )
      .groupBy('chain')
      .execute();
    for (const { chain, entries, first, last } of rows ?? []) {
      const found = ends.get(chain) ?? { entries: 0, first: { sequence: first, partition }, last: { sequence: last, partition } };
      ends.set(chain, found);
      found.entries += Number(entries);
      if (first < found.first.sequence) found.first = { sequence: first, partition };
      if (last > found.last.sequence) found.last = { sequence: last, partition };
    }
    if (ends.size > mostTold) return bad('LIMIT_EXCEEDED', `the store holds more than ${mostTold} chains`);
  }
  const replicas = new Map((await db.main.selectFrom('chains').selectAll().execute()).map(({ chain, replica }) => [chain, replica]));
  const chains: StoredChain[] = [];
  for (const [chain, { entries, first, last }] of [...ends].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const [from, to] = [await endOf(db, chain, first), await endOf(db, chain, last)];
    if (from !== null && to !== null) chains.push({ chain, replica: replicas.get(chain) ?? '', entries, first: from, last: to });
  }
  return good(chains);
}

async function endOf(db: Database, chain: string, { sequence, partition }: Ends['first']): Promise<StoredChain['first'] | null> {
  const tables = await db.read(partition);
  const row = await tables
    ?.selectFrom('records')
    .select(['sequence', 'hash', 'time'])
    .where('chain', '=', chain)
    .where('sequence', '=', sequence)
    .executeTakeFirst();
  return row ?? null;
}

/** Entries of a chain from a sequence on, in order, wherever they are kept. */
export async function entriesFrom(db: Database, chain: string, sequence: number, limit: number, signal: AbortSignal): Promise<Outcome<readonly StoredEntry[]>> {
  const bounded = Math.min(Math.max(1, limit), mostEntries);
  const found: StoredEntry[] = [];
  // In PostgreSQL all partitions are one table, with an index over all.
  for (const partition of db.kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    const rows = await tables
      ?.selectFrom('records')
      .select(['sequence', 'line'])
      .where('chain', '=', chain)
      .where('sequence', '>=', sequence)
      .orderBy('sequence')
      .limit(bounded)
      .execute();
    found.push(...(rows ?? []));
  }
  return good(found.sort((a, b) => a.sequence - b.sequence).slice(0, bounded));
}

export async function listRemovals(db: Database, chain: string): Promise<Outcome<readonly StoredRemoval[]>> {
  const rows = await db.main.selectFrom('removals').selectAll().where('chain', '=', chain).orderBy('first_sequence').limit(mostTold).execute();
  return good(
    rows.map(({ chain: of, entries, first_hash, first_sequence, last_hash, last_sequence, reason, time }) => ({
      chain: of,
      first: { sequence: first_sequence, hash: first_hash },
      last: { sequence: last_sequence, hash: last_hash },
      entries,
      reason,
      time,
    })),
  );
}

export async function listHolds(db: Database): Promise<Outcome<readonly Hold[]>> {
  const rows = await db.main.selectFrom('holds').selectAll().orderBy('time').limit(mostTold).execute();
  return good(rows.map(({ name, from_time, to_time, reason, by_whom, time }) => ({ name, from: from_time, to: to_time, reason, by: by_whom, time })));
}
