import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteDialect } from 'kysely';
import type { Change, Database } from './database.ts';
import { migrateTables } from './migrations.ts';
import { byAge, type Partition, partitionNamed } from './period.ts';
import type { Tables } from './tables.ts';

/** Files open at once at most, besides the main one. */
const mostOpen = 24;

/**
 * A main file, and beside it a folder `FILE.d` with a file for each partition: removing a partition is removing its file. Every call
 * blocks its thread: what answers admissions must not make them.
 */
export function openSqlite(file: string, mode: 'read' | 'write'): Database {
  const folder = `${file}.d`;
  if (mode === 'write') mkdirSync(folder, { recursive: true, mode: 0o700 });
  const main = openFile(file, mode);
  const open = new Map<string, Kysely<Tables>>();
  const migrated = new Set<string>();
  const pathOf = ({ name }: Partition): string => join(folder, `${name}.db`);
  const hold = async (partition: Partition): Promise<Kysely<Tables>> => {
    const found = open.get(partition.name);
    const tables = found ?? openFile(pathOf(partition), mode);
    open.delete(partition.name);
    open.set(partition.name, tables);
    const [oldest] = open.keys();
    if (open.size > mostOpen && oldest !== undefined) await release(oldest);
    return tables;
  };
  const release = async (name: string): Promise<void> => {
    const tables = open.get(name);
    open.delete(name);
    migrated.delete(name);
    await tables?.destroy();
  };
  const change: Change = {
    onMain: (act) => main.transaction().execute(act),
    on: async (partition, act) => (await hold(partition)).transaction().execute(act),
  };
  return {
    kind: 'sqlite',
    main,
    migrate: () => migrateTables(main, 'mainSqlite'),
    partitions() {
      const names = existsSync(folder) ? readdirSync(folder) : [];
      const found = names.flatMap((name) => (name.endsWith('.db') ? (partitionNamed(name.slice(0, -3)) ?? []) : []));
      return Promise.resolve(found.sort(byAge));
    },
    async read(partition) {
      if (!existsSync(pathOf(partition))) {
        await release(partition.name);
        return null;
      }
      return hold(partition);
    },
    async write(partition) {
      const tables = await hold(partition);
      if (!migrated.has(partition.name)) await migrateTables(tables, 'partitionSqlite');
      migrated.add(partition.name);
    },
    async remove(partition) {
      await release(partition.name);
      // The main file last: what is left without it is no partition.
      for (const suffix of ['', '-wal', '-shm']) rmSync(`${pathOf(partition)}${suffix}`, { force: true });
    },
    bytes: () => [file, ...(existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [])].reduce((sum, path) => sum + sizeOf(path), 0),
    change: (_exclusive, act) => act(change),
    async close() {
      for (const name of [...open.keys()]) await release(name);
      await main.destroy();
    },
  };
}

/** Readable by its owner only. A reader makes no file. */
function openFile(file: string, mode: 'read' | 'write'): Kysely<Tables> {
  if (mode === 'write') {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    // SQLite would make it readable for all that the umask lets.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
  }
  if (mode === 'read' && !existsSync(file)) throw Object.assign(new Error('there is no such file'), { code: 'ENOENT' });
  const database = new DatabaseSync(file, { readOnly: mode === 'read', timeout: 5_000 });
  // With a log that is written ahead, readers and the writer do not wait for each other.
  if (mode === 'write') database.exec('pragma auto_vacuum = incremental; pragma journal_mode = wal; pragma synchronous = normal; pragma cache_size = -16000');
  return new Kysely<Tables>({
    dialect: new SqliteDialect({
      database: {
        close: () => database.close(),
        prepare(text) {
          const statement = database.prepare(text);
          return {
            reader: statement.columns().length > 0,
            all: (parameters) => statement.all(...values(parameters)),
            run: (parameters) => statement.run(...values(parameters)),
            iterate: (parameters) => statement.iterate(...values(parameters)),
          };
        },
      },
    }),
  });
}

/** Of a file with what is written ahead of it; one that is gone takes none. */
function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function values(parameters: readonly unknown[]): (string | number | bigint | null)[] {
  return parameters.map((value) => {
    if (value === null || typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value;
    throw new TypeError('a value that SQLite has no word for');
  });
}
