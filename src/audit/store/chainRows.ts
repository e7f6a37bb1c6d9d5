import type { Kysely, Selectable } from 'kysely';
import type { Database } from './database.ts';
import type { RecordsTable, Tables } from './tables.ts';

export type RecordRowOf = Selectable<Omit<RecordsTable, 'row' | 'search'>>;

/** Rows that are read at a time, of each partition. */
const atOnce = 500;

interface Cursor {
  readonly tables: Kysely<Tables>;
  rows: RecordRowOf[];
  after: number;
  done: boolean;
}

/** All rows of a chain in the order of their sequence, with every column, wherever they are kept. Rejects as the database does. */
export async function* rowsOfChain(db: Database, chain: string, signal: AbortSignal): AsyncGenerator<RecordRowOf> {
  const cursors: Cursor[] = [];
  // In PostgreSQL all partitions are one table, with an index over all.
  for (const partition of db.kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
    const tables = await db.read(partition);
    if (tables !== null) cursors.push({ tables, rows: [], after: -1, done: false });
  }
  for (;;) {
    signal.throwIfAborted();
    let next: Cursor | null = null;
    for (const cursor of cursors) {
      if (cursor.rows.length === 0 && !cursor.done) await fill(cursor, chain);
      if (cursor.rows[0] !== undefined && (next?.rows[0] === undefined || cursor.rows[0].sequence < next.rows[0].sequence)) next = cursor;
    }
    const row = next?.rows.shift();
    if (row === undefined) return;
    yield row;
  }
}

/** Every chain that a row names. Rejects as the database does. */
export async function chainsOfRows(db: Database): Promise<readonly string[]> {
  const chains = new Set<string>();
  for (const partition of db.kind === 'postgres' ? (await db.partitions()).slice(0, 1) : await db.partitions()) {
    const rows = await (await db.read(partition))?.selectFrom('records').select('chain').distinct().execute();
    for (const { chain } of rows ?? []) chains.add(chain);
  }
  return [...chains].sort();
}

async function fill(cursor: Cursor, chain: string): Promise<void> {
  cursor.rows = await cursor.tables
    .selectFrom('records')
    .select(columns)
    .where('chain', '=', chain)
    .where('sequence', '>', cursor.after)
    .orderBy('sequence')
    .limit(atOnce)
    .execute();
  cursor.done = cursor.rows.length < atOnce;
  cursor.after = cursor.rows.at(-1)?.sequence ?? cursor.after;
}

const columns = [
  'kept',
  'time',
  'place',
  'chain',
  'sequence',
  'hash',
  'id',
  'class',
  'decision',
  'answered',
  'kind',
  'namespace',
  'name',
  'user_name',
  'owner_kind',
  'owner_name',
  'breakglass',
  'last_known_good',
  'differs',
  'policy_revision',
  'replica',
  'retry',
  'summary',
  'line',
] as const satisfies readonly (keyof RecordRowOf)[];
