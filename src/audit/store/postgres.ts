import { readFile } from 'node:fs/promises';
import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import pg from 'pg';
import type { Change, Database } from './database.ts';
import { migrateTables, partitionedTables } from './migrations.ts';
import { byAge, type Partition, partitionNamed } from './period.ts';
import type { Tables } from './tables.ts';

/** A connection, as data that can be passed to a thread. */
export interface PostgresSettings {
  readonly kind: 'postgres';
  /** A folder is a Unix socket's. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  /** TLS with the server's certificate verified: against these CAs (PEM), or the system's where it is null. Off: no TLS. */
  readonly tls: { readonly ca: string | null } | 'off';
  /** Read anew for each connection, so that one that is rotated takes effect. null: `password`. */
  readonly passwordFile: string | null;
  readonly password: string | null;
}

/** Milliseconds. Who asks does not wait as long as who removes a week of records may have to. */
const limits = { connect: 5_000, idle: 60_000, statement: { read: 20_000, write: 120_000 } };

/** Of our advisory locks, "tidewait" in bytes; the second key says which. */
const lockSpace = 0x7469_6465;
const locks = { contents: 1, partitions: 2 };

/** Tables in PostgreSQL, shared by all replicas. Nothing is connected until something is asked. */
export function openPostgres(settings: PostgresSettings, mode: 'read' | 'write', connections: number): Database {
  const pool = new pg.Pool({
    host: settings.host,
    port: settings.port,
    database: settings.database,
    user: settings.user,
    password: async () => (settings.passwordFile === null ? (settings.password ?? '') : (await readFile(settings.passwordFile, 'utf8')).replace(/\r?\n$/, '')),
    ssl: settings.tls === 'off' ? false : { rejectUnauthorized: true, ...(settings.tls.ca === null ? {} : { ca: settings.tls.ca }) },
    max: connections,
    connectionTimeoutMillis: limits.connect,
    idleTimeoutMillis: limits.idle,
    statement_timeout: limits.statement[mode],
    query_timeout: limits.statement[mode] + 5_000,
    lock_timeout: 10_000,
    application_name: 'tidewaiter',
    keepAlive: true,
    // Counts, sequences and times are far below 2^53.
    types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => (oid === pg.types.builtins.INT8 ? Number : pg.types.getTypeParser(oid, format)) },
  });
  // A connection that dies while it is idle would end the process otherwise.
  pool.on('error', () => {});
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  const known = new Set<string>();

  const ensure = async (partition: Partition): Promise<void> => {
    if (known.has(partition.name)) return;
    await db.transaction().execute(async (transaction) => {
      await sql`select pg_advisory_xact_lock(${sql.lit(lockSpace)}, ${sql.lit(locks.partitions)})`.execute(transaction);
      for (const table of partitionedTables) {
        const name = sql.table(`${table}_${partition.name}`);
        const parent = sql.table(`${table}_${partition.kept}`);
        await sql`create table if not exists ${name} partition of ${parent} for values from (${sql.lit(partition.from)}) to (${sql.lit(partition.to)})`.execute(
          transaction,
        );
      }
    });
    known.add(partition.name);
  };
  const within = (transaction: Transaction<Tables>): Change => ({ onMain: (act) => act(transaction), on: (_partition, act) => act(transaction) });
  return {
    kind: 'postgres',
    main: db,
    async migrate() {
      const { rows } = await sql<{ encoding: string }>`select current_setting('server_encoding') as encoding`.execute(db);
      if (rows[0]?.encoding !== 'UTF8') throw new Error('the database is not encoded in UTF-8, so that records could not be kept byte for byte');
      await migrateTables(db, 'postgres');
    },
    async partitions() {
      const { rows } = await sql<{
        name: string;
      }>`select inhrelid::regclass::text as name from pg_inherits where inhparent in ('records_allow'::regclass, 'records_deny'::regclass)`.execute(db);
      return rows.flatMap(({ name }) => partitionNamed(name.replace(/^.*records_/, '').replaceAll('"', '')) ?? []).sort(byAge);
    },
    read: () => Promise.resolve(db),
    write: ensure,
    async remove(partition) {
      known.delete(partition.name);
      await db.transaction().execute(async (transaction) => {
        await sql`select pg_advisory_xact_lock(${sql.lit(lockSpace)}, ${sql.lit(locks.partitions)})`.execute(transaction);
        for (const table of partitionedTables) await sql`drop table if exists ${sql.table(`${table}_${partition.name}`)}`.execute(transaction);
      });
    },
    bytes: () => null,
    async change(exclusive, act) {
      try {
        return await db.transaction().execute(async (transaction) => {
          const lock = sql.raw(exclusive ? 'pg_advisory_xact_lock' : 'pg_advisory_xact_lock_shared');
          await sql`select ${lock}(${sql.lit(lockSpace)}, ${sql.lit(locks.contents)})`.execute(transaction);
          return act(within(transaction));
        });
      } catch (cause) {
        // Another replica may have removed a partition that this one made.
        known.clear();
        throw cause;
      }
    },
    close: () => db.destroy(),
  };
}
