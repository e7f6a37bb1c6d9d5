import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { createAudit, type StoreSettings } from '../src/audit/index.ts';
import { answerFrom } from '../src/audit/store/answers.ts';
import { openDatabase } from '../src/audit/store/open.ts';
import { parseFilter } from '../src/domain/auditFilter.ts';
import { startPostgres } from '../test/rig/postgres.ts';
import { options } from '../test/unit/audit/fixtures.ts';
import { fillStore, sampleDraft } from './auditRows.ts';
import type { Report } from './report.ts';

const records = 20_000;
const many = 1_000_000;
const signal = new AbortController().signal;

/** Questions that a reviewer asks first, as parameters. */
const questions = [
  '',
  'class=deny',
  'namespace=team-7',
  'image=registry.corp/team-3/*',
  'cve=CVE-2026-1100',
  'q=team',
  'from=2d&to=1d&class=allow',
  'user=user-33&namespace=team-7',
];

/** How many records a second reach a store through the spool, and how long the first page of a filtered list of a million takes. */
export async function measureAudit(report: Report): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-bench-audit-'));
  const server = await startPostgres({ configuration: ['fsync = on'] });
  const settingsOf = async (kind: 'sqlite' | 'postgres', name: string): Promise<StoreSettings> =>
    kind === 'sqlite'
      ? { kind, file: join(folder, name, 'audit.db') }
      : {
          kind,
          host: '127.0.0.1',
          port: server.port,
          database: await server.createDatabase(),
          user: server.user,
          tls: 'off',
          passwordFile: null,
          password: server.password,
        };
  try {
    report.say(`${records.toLocaleString('en')} records, chained, put on disk, and from there into the store, by one process:`);
    report.say();
    report.head('store', 'records/s on disk', 'records/s in the store');
    for (const kind of ['sqlite', 'postgres'] as const) report.row(kind, ...(await fill(await settingsOf(kind, 'filled'), join(folder, kind))));
    report.say();
    report.say(`The first 50 of ${many.toLocaleString('en')} records that match, the median of five (ms):`);
    report.say();
    report.head('filter', 'sqlite', 'postgres');
    const [sqlite, postgres] = [
      await ask(await settingsOf('sqlite', 'many'), join(folder, 'a')),
      await ask(await settingsOf('postgres', 'many'), join(folder, 'b')),
    ];
    for (const [i, question] of questions.entries()) report.row(question === '' ? 'none' : `\`${question}\``, sqlite[i] ?? '', postgres[i] ?? '');
  } finally {
    await server.dispose();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function fill(store: StoreSettings, spool: string): Promise<readonly string[]> {
  const created = await createAudit(options(spool, { store, clock: Date.now }));
  if (!created.ok) throw new Error(created.fault.message);
  const audit = created.value;
  // The thread is there, and its tables are.
  while ((audit.status().store?.shipped ?? 0) < 1) await pause(20);
  const began = performance.now();
  for (let i = 0; i < records; i += 500) {
    const kept = Array.from({ length: 500 }, (_, k) => audit.keep(sampleDraft(i + k, Date.now())));
    await kept.at(-1)?.durable;
  }
  const onDisk = performance.now();
  while ((audit.status().store?.shipped ?? 0) <= records) await pause(10);
  const stored = performance.now();
  await audit.close();
  return [onDisk, stored].map((end) => Math.round((records * 1000) / (end - began)).toLocaleString('en'));
}

async function ask(settings: StoreSettings, spool: string): Promise<readonly string[]> {
  const db = openDatabase(settings, 'write', 3);
  try {
    const now = Date.now();
    await fillStore(db, spool, many, now);
    const answers = answerFrom(db, Date.now);
    const medians: string[] = [];
    for (const question of questions) {
      const parsed = parseFilter(new URLSearchParams(question), now);
      if (!parsed.ok) throw new Error(question);
      const times: number[] = [];
      for (let i = 0; i < 5; i += 1) {
        const began = performance.now();
        await answers.list({ filter: parsed.filter, visible: 'all' }, { limit: 50 }, signal);
        times.push(performance.now() - began);
      }
      medians.push((times.sort((a, b) => a - b)[2] ?? 0).toFixed(1));
    }
    return medians;
  } finally {
    await db.close();
  }
}
