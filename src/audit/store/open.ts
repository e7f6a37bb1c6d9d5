import { join } from 'node:path';
import type { Database } from './database.ts';
import { openPostgres, type PostgresSettings } from './postgres.ts';
import { openSqlite } from './sqlite.ts';

/** Where records are kept, with absolute paths: data that can be passed to a thread. A new kind is a line here and one below. */
export type StoreSettings =
  | { readonly kind: 'sqlite'; readonly file: string }
  | PostgresSettings
  /** The spool's own files are the store; `index` is a SQLite file by which they are searched, and which can be made anew from them. */
  | { readonly kind: 'jsonl'; readonly directory: string; readonly index: string };

/** Opens the tables of a store. Throws as SQLite does. */
export function openDatabase(settings: StoreSettings, mode: 'read' | 'write', connections: number): Database {
  switch (settings.kind) {
    case 'sqlite':
      return openSqlite(settings.file, mode);
    case 'jsonl':
      return openSqlite(settings.index, mode);
    case 'postgres':
      return openPostgres(settings, mode, connections);
  }
}

/** For people: no user, no password. */
export function describeStore(settings: StoreSettings): string {
  switch (settings.kind) {
    case 'sqlite':
      return settings.file;
    case 'jsonl':
      return settings.directory;
    case 'postgres':
      return `PostgreSQL at ${settings.host}${settings.host.startsWith('/') ? '' : `:${settings.port}`}, database ${settings.database}`;
  }
}

/** The index of a folder of JSON Lines. */
export function indexOf(directory: string): string {
  return join(directory, 'index', 'audit.db');
}
