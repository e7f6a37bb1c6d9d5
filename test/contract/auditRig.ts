/** Every store of the audit log, filled through the spool as in life. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ulid } from 'ulidx';
import { type Audit, createAudit } from '../../src/audit/index.ts';
import { answerFrom } from '../../src/audit/store/answers.ts';
import type { Database } from '../../src/audit/store/database.ts';
import { openDatabase, type StoreSettings } from '../../src/audit/store/open.ts';
import { readPages } from '../../src/audit/store/reader.ts';
import { type Committed, Shipper } from '../../src/audit/store/ship.ts';
import type { RecordReader } from '../../src/domain/auditReader.ts';
import type { RecordDraft } from '../../src/domain/record.ts';
import { type PostgresServer, startPostgres } from '../rig/postgres.ts';
import { draft, logger, options } from '../unit/audit/fixtures.ts';

export const signal = new AbortController().signal;

let postgres: Promise<PostgresServer> | null = null;

/** One server for all tests of a file. */
function sharedPostgres(): Promise<PostgresServer> {
  postgres ??= startPostgres();
  return postgres;
}

export async function stopSharedPostgres(): Promise<void> {
  await (await postgres)?.dispose();
  postgres = null;
}

export async function postgresSettings(server: PostgresServer): Promise<Extract<StoreSettings, { kind: 'postgres' }>> {
  const { password, port, user } = server;
  return { kind: 'postgres', host: '127.0.0.1', port, database: await server.createDatabase(), user, tls: 'off', passwordFile: null, password };
}

/** Every kind of store. */
export const storeKinds: Readonly<Record<StoreSettings['kind'], (folder: string) => Promise<StoreSettings>>> = {
  sqlite: (folder) => Promise.resolve({ kind: 'sqlite', file: join(folder, 'audit.db') }),
  postgres: async () => postgresSettings(await sharedPostgres()),
  jsonl: (folder) => Promise.resolve({ kind: 'jsonl', directory: join(folder, 'spool'), index: join(folder, 'spool', 'index', 'audit.db') }),
};

export interface StoreStage {
  readonly folder: string;
  readonly spool: string;
  readonly settings: StoreSettings;
  readonly db: Database;
  readonly reader: RecordReader;
  readonly messages: readonly string[];
  /** Chains, and puts on disk, what the drafts say; ends the chain. */
  record(...drafts: readonly Partial<RecordDraft>[]): Promise<void>;
  /** Takes what is in the spool to the store. */
  ship(committed?: Committed): Promise<void>;
  close(): Promise<void>;
}

/** A time that the tests are at: records are of the hours before. */
export const noon = Date.parse('2026-11-24T12:00:00Z');

export function recordId(time: number): string {
  return ulid(time);
}

export async function stageStore(kind: StoreSettings['kind'], clock: () => number = () => noon): Promise<StoreStage> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-audit-'));
  const spool = join(folder, 'spool');
  const settings = await storeKinds[kind](folder);
  const log = logger();
  const db = openDatabase(settings, 'write', 3);
  await db.migrate();
  const shipperOf = (committed: Committed | null): Shipper =>
    new Shipper({ directory: spool, db, log, committed: () => committed, removes: kind !== 'jsonl', clock: Date.now, removed: () => {}, shipped: () => {} });
  return {
    folder,
    spool,
    settings,
    db,
    reader: readPages(answerFrom(db, clock), () => Promise.resolve()),
    messages: log.messages,
    async record(...drafts) {
      const audit = await openAudit(spool, clock);
      await Promise.all(drafts.map((changes) => audit.keep(draft({ id: recordId(changes.time ?? noon), time: noon, ...changes })).durable));
      await audit.close();
    },
    ship: (committed) => shipperOf(committed ?? null).run(signal),
    async close() {
      await db.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function openAudit(directory: string, clock: () => number): Promise<Audit> {
  const created = await createAudit(options(directory, { clock }));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}
