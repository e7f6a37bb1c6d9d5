import { bad, good, type Outcome } from '../../domain/fault.ts';
import { type FactStore, largestValue, type SqlDatabase, type StoreEvents, type StoreRead, type StoreWorld } from './store.ts';

export interface SqliteLimits {
  /** Rows kept, and a hundredth more at times; the oldest go first. */
  readonly rows: number;
  /** Writes in a batch at most: when as many wait, they are written at once. */
  readonly waiting: number;
  /** Milliseconds between batches. */
  readonly every: number;
}

export const sqliteLimits: SqliteLimits = { rows: 500_000, waiting: 500, every: 100 };

interface Waiting {
  /** Null takes the row away. */
  readonly value: string | null;
  /** Milliseconds since the epoch. */
  readonly written: number;
  readonly expires: number;
}

/** Facts in a SQLite file of this process, readable by its owner only: they survive a restart. Fault: CONFIG_INVALID. */
export function openSqliteStore(
  file: string,
  limits: SqliteLimits,
  { openDatabase }: Pick<StoreWorld, 'openDatabase'>,
  clock: () => number,
  events: StoreEvents,
): Outcome<FactStore> {
  let database: SqlDatabase;
  try {
    database = openDatabase(file);
    database.exec(`pragma journal_mode = wal; pragma synchronous = normal; pragma busy_timeout = 20;
      create table if not exists facts (name text primary key, value text not null, written integer not null, expires integer not null) without rowid;
      create index if not exists facts_by_age on facts (written);
      create index if not exists facts_by_end on facts (expires);`);
    database.prepare('select name, value, written, expires from facts limit 1').get();
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the file of evidence.store can not be used as a SQLite database', { cause });
  }
  const select = database.prepare('select substr(value, 1, ?) as value from facts where name = ? and expires > ?');
  const insert = database.prepare('insert or replace into facts (name, value, written, expires) values (?, ?, ?, ?)');
  const drop = database.prepare('delete from facts where name = ?');
  const expire = database.prepare('delete from facts where expires <= ?');
  const evict = database.prepare('delete from facts where name in (select name from facts order by written limit max(0, (select count(*) from facts) - ?))');
  const waiting = new Map<string, Waiting>();
  let timer: NodeJS.Timeout | null = null;
  let broken = false;
  // Counting the rows takes a while where there are many.
  let uncounted = limits.rows;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (waiting.size === 0) return;
    const batch = [...waiting];
    waiting.clear();
    try {
      database.exec('begin immediate');
      for (const [name, { value, written, expires }] of batch) {
        if (value === null) drop.run(name);
        else insert.run(name, value, written, expires);
      }
      expire.run(clock());
      uncounted += batch.length;
      if (uncounted > limits.rows / 100) {
        evict.run(limits.rows);
        uncounted = 0;
      }
      database.exec('commit');
      broken = false;
    } catch {
      broken = true;
      events.lost?.(batch.length);
      if (database.isTransaction) database.exec('rollback');
    }
  };
  const put = (name: string, entry: Waiting): void => {
    if (waiting.size >= limits.waiting) flush();
    waiting.set(name, entry);
    timer ??= setTimeout(flush, limits.every).unref();
  };
  const look = (name: string): StoreRead => {
    const newest = waiting.get(name);
    if (newest !== undefined) return newest.value === null || newest.expires <= clock() ? { state: 'missing' } : { state: 'found', value: newest.value };
    try {
      const value = select.get(largestValue + 1, name, clock())?.['value'];
      broken = false;
      return value === undefined ? { state: 'missing' } : { state: 'found', value: typeof value === 'string' ? value : '' };
    } catch {
      broken = true;
      return { state: 'unavailable' };
    }
  };

  return good({
    read: (name) => Promise.resolve(look(name)),
    write: (name, value, keepFor) => put(name, { value, written: clock(), expires: Math.round(clock() + keepFor) }),
    remove: (name) => put(name, { value: null, written: clock(), expires: 0 }),
    status: () =>
      broken
        ? { reachable: false, reason: 'the SQLite file can not be used; facts are in memory only' }
        : { reachable: true, reason: 'facts are kept in a SQLite file' },
    async close() {
      flush();
      database.close();
    },
  });
}
