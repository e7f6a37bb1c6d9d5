import type { Kysely } from 'kysely';
import type { Partition } from './period.ts';
import type { Tables } from './tables.ts';

/** What differs between SQLite and PostgreSQL. All calls reject as the database does. */
export interface Database {
  readonly kind: 'sqlite' | 'postgres';
  /** What is not cut into partitions. */
  readonly main: Kysely<Tables>;
  /** Brings the tables to this version's form, under a lock. Only writers do. */
  migrate(): Promise<void>;
  /** Newest first. */
  partitions(): Promise<readonly Partition[]>;
  /** The tables of a partition; null where it was removed meanwhile. In PostgreSQL all partitions are in the same tables. */
  read(partition: Partition): Promise<Kysely<Tables> | null>;
  /** Makes a partition where there is none. */
  write(partition: Partition): Promise<void>;
  remove(partition: Partition): Promise<void>;
  /** Bytes that it takes where that is ours to bound; null where the database's own people do. */
  bytes(): number | null;
  /**
   * Runs what puts records in, or what takes contents away (`exclusive`): never both at once, so that no content goes while a record
   * that refers to it comes. In PostgreSQL all of it is one transaction, in SQLite each step is.
   */
  change<T>(exclusive: boolean, act: (change: Change) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface Change {
  onMain<T>(act: (tables: Kysely<Tables>) => Promise<T>): Promise<T>;
  /** The partition must have been made before. */
  on<T>(partition: Partition, act: (tables: Kysely<Tables>) => Promise<T>): Promise<T>;
}
