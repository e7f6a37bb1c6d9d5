import { type Kysely, sql } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { keptClasses, type Tables } from './tables.ts';

/**
 * Versions of the tables. What is released is never edited: a change is a new entry. Migrations only add, so that a replica of the
 * version before goes on while the next one starts.
 */
const mainSqlite: Readonly<Record<string, Migration>> = {
  '001-audit': {
    async up(db) {
      await createMain(db, { integer: 'integer', text: 'text' });
    },
  },
};

const partitionSqlite: Readonly<Record<string, Migration>> = {
  '001-records': {
    async up(db) {
      await createPartitioned(db, {
        integer: 'integer',
        text: 'text',
        rest: '',
        row: 'row integer primary key,',
        search: '',
        unique: 'chain, sequence',
        withoutRowid: ' without rowid',
      });
      await sql`create virtual table words using fts5(text, content='', tokenize='unicode61 remove_diacritics 0')`.execute(db);
    },
  },
};

const postgres: Readonly<Record<string, Migration>> = {
  '001-audit': {
    async up(db) {
      // Compared byte by byte, as SQLite does: the order of places and the ranges of prefixes rest on it.
      const text = 'text collate "C"';
      await createMain(db, { integer: 'bigint', text });
      await createPartitioned(db, {
        integer: 'bigint',
        text,
        rest: ' partition by list (kept)',
        row: '',
        search: ', search tsvector',
        unique: 'chain, sequence, kept, time',
        withoutRowid: '',
      });
      await sql`create index records_search on records using gin (search)`.execute(db);
      for (const table of partitionedTables) {
        for (const kept of keptClasses) {
          await sql`create table ${sql.table(`${table}_${kept}`)} partition of ${sql.table(table)} for values in (${sql.lit(kept)}) partition by range (time)`.execute(
            db,
          );
        }
      }
    },
  },
};

export const partitionedTables = ['records', 'terms', 'images', 'uses'] as const;

interface MainTypes {
  readonly integer: string;
  readonly text: string;
}

async function createMain(db: Kysely<unknown>, { integer, text }: MainTypes): Promise<void> {
  for (const statement of [
    `create table contents (sha256 ${text} primary key, text text not null)`,
    `create table spare (sha256 ${text} primary key)`,
    `create table names (kind ${text} not null, name ${text} not null, primary key (kind, name))`,
    `create table acknowledgements (record ${text} not null, by_whom text not null, time ${integer} not null, note text not null, primary key (record, time))`,
    `create table removals (chain ${text} not null, first_sequence ${integer} not null, first_hash text not null, last_sequence ${integer} not null,
      last_hash text not null, entries ${integer} not null, reason text not null, time ${integer} not null, primary key (chain, first_sequence))`,
    `create table holds (name ${text} primary key, from_time ${integer}, to_time ${integer}, reason text not null, by_whom text not null, time ${integer} not null)`,
    `create table shipped (chain ${text} primary key, segment text not null, position ${integer} not null, sequence ${integer} not null)`,
    `create table chains (chain ${text} primary key, replica text not null)`,
  ]) {
    await sql.raw(statement).execute(db);
  }
}

interface PartitionTypes extends MainTypes {
  readonly rest: string;
  readonly row: string;
  readonly search: string;
  readonly unique: string;
  readonly withoutRowid: string;
}

async function createPartitioned(db: Kysely<unknown>, { integer, text, rest, row, search, unique, withoutRowid }: PartitionTypes): Promise<void> {
  const columns = [
    'place',
    'chain',
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
    'policy_revision',
    'replica',
    'retry',
  ];
  const part = `kept ${text} not null, time ${integer} not null`;
  for (const statement of [
    `create table records (${row} ${part}, sequence ${integer} not null, ${columns.map((name) => `${name} ${text} not null`).join(', ')},
      breakglass ${integer} not null, last_known_good ${integer} not null, differs ${integer} not null, summary text not null, line text not null${search}, unique (${unique}))${rest}`,
    `create table terms (${part}, kind ${text} not null, term ${text} not null, place ${text} not null, primary key (kind, term, place${rest === '' ? '' : ', kept, time'}))${withoutRowid}${rest}`,
    `create table images (${part}, place ${text} not null, position ${integer} not null, repository ${text} not null, tag ${text} not null, digest ${text} not null,
      signers text not null, counts text not null, primary key (place, position${rest === '' ? '' : ', kept, time'}))${withoutRowid}${rest}`,
    `create table uses (${part}, sha256 ${text} not null, primary key (sha256${rest === '' ? '' : ', kept, time'}))${withoutRowid}${rest}`,
    'create index records_place on records (place)',
    'create index records_id on records (id)',
    'create index records_class on records (class, place)',
    'create index records_time on records (time, class)',
    'create index records_namespace on records (namespace, place)',
    'create index records_user on records (user_name, place)',
    'create index records_owner on records (owner_name, place)',
    'create index records_name on records (name, place)',
    'create index records_retry on records (retry, place)',
    'create index images_repository on images (repository, place)',
    'create index images_digest on images (digest, place)',
  ]) {
    await sql.raw(statement).execute(db);
  }
  for (const flag of ['breakglass', 'last_known_good', 'differs']) {
    await sql.raw(`create index records_${flag} on records (place) where ${flag} = 1`).execute(db);
  }
}

/** Brings tables to the newest form. Replicas that start at once do it one after the other; a newer version's tables are refused. */
export async function migrateTables(db: Kysely<Tables>, which: 'mainSqlite' | 'partitionSqlite' | 'postgres'): Promise<void> {
  const migrations = { mainSqlite, partitionSqlite, postgres }[which];
  const { error } = await new Migrator({ db, provider: { getMigrations: () => Promise.resolve({ ...migrations }) } }).migrateToLatest();
  if (error !== undefined) throw error;
}
