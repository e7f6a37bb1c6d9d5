/** From the spool into a store, in a thread of its own: nothing is lost, nothing is there twice, and no admission waits. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Audit, createAudit, createReader, openCommandReader, type StoreSettings } from '../../src/audit/index.ts';
import type { RecordReader } from '../../src/domain/auditReader.ts';
import { startPostgres } from '../rig/postgres.ts';
import { waitFor } from '../rig/wait.ts';
import { draft, logger, options } from '../unit/audit/fixtures.ts';
import { postgresSettings, recordId, signal, stopSharedPostgres, storeKinds } from './auditRig.ts';

const retention = { allow: 30 * 86_400_000, deny: 365 * 86_400_000, bytes: 2 ** 33 };
let folder: string;
let spool: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tidewaiter-filling-'));
  spool = join(folder, 'spool');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));
afterAll(stopSharedPostgres);

async function open(store: StoreSettings, changes: Parameters<typeof options>[1] = {}): Promise<Audit> {
  const created = await createAudit(options(spool, { store, clock: Date.now, ...changes }));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

function deny(audit: Audit): Promise<string> {
  const kept = audit.keep(draft({ id: recordId(Date.now()), time: Date.now() }));
  return kept.durable.then(() => kept.id);
}

async function read<T>(settings: StoreSettings, act: (reader: RecordReader) => Promise<T>): Promise<T> {
  const reader = await openCommandReader({ settings, retention, log: logger() });
  if (!reader.ok) throw new Error(`${reader.fault.message}: ${String(reader.fault.cause)}`);
  try {
    return await act(reader.value);
  } finally {
    await reader.value.close();
  }
}

/** Ids of all records, as often as they are there. */
function idsIn(settings: StoreSettings): Promise<string[]> {
  return read(settings, async (reader) => {
    const ids: string[] = [];
    for await (const record of reader.records({ filter: {}, visible: 'all' }, 'oldest', signal)) if (record.ok) ids.push(record.value.row.id);
    return ids;
  });
}

const segments = (): readonly string[] => (existsSync(spool) ? readdirSync(spool).filter((name) => name.endsWith('.jsonl')) : []);

describe.each(['sqlite', 'postgres'] as const)('into %s', (kind) => {
  it('records come without being asked for, while the webhook runs', async () => {
    const settings = await storeKinds[kind](folder);
    const audit = await open(settings);
    const reader = createReader({ settings, retention, log: logger() });
    const id = await deny(audit);
    await waitFor('the record', async () => {
      const shown = await reader.show(id, 'all', signal);
      return shown.ok ? shown.value : null;
    });
    expect(audit.status().store).toMatchObject({ fault: null });
    await reader.close();
    await audit.close();
  });

  it('an acknowledgement is an entry of the chain, and is seen on its record', async () => {
    const settings = await storeKinds[kind](folder);
    const audit = await open(settings);
    const [id, other] = [await deny(audit), await deny(audit)];
    expect(await audit.acknowledge({ record: id, by: 'bob', time: 1_795_000_000_000, note: 'known\u202e' })).toMatchObject({ ok: true });
    await audit.close();
    await read(settings, async (reader) => {
      const shown = await reader.show(id, 'all', signal);
      expect(shown.ok && shown.value?.row.acknowledged).toEqual({ record: id, by: 'bob', time: 1_795_000_000_000, note: 'known\u202e' });
      for (const [acknowledged, expected] of [
        [true, id],
        [false, other],
      ] as const) {
        const listed = await reader.list({ filter: { acknowledged }, visible: 'all' }, { limit: 5 }, signal);
        expect(listed.ok && listed.value.rows.map((row) => row.id)).toEqual([expected]);
      }
      const chains = await reader.chains(signal);
      expect(chains.ok && chains.value.map(({ entries }) => entries)).toEqual([4]);
    });
  });

  it('what is held at the end is there afterwards, and files that are whole there go', async () => {
    const settings = await storeKinds[kind](folder);
    const audit = await open(settings, { limits: { segment: 20_000 } });
    const ids: string[] = [];
    for (let i = 0; i < 40; i += 1) ids.push(await deny(audit));
    await audit.close();
    expect((await idsIn(settings)).sort()).toEqual(ids.sort());
    expect(segments()).toHaveLength(1);
  });

  it('the next chain is tied to the last one, whose file has gone', async () => {
    const settings = await storeKinds[kind](folder);
    for (let i = 0; i < 3; i += 1) {
      const audit = await open(settings);
      await deny(audit);
      await audit.close();
    }
    await read(settings, async (reader) => {
      const chains = await reader.chains(signal);
      const found = chains.ok ? chains.value : [];
      expect(found.map(({ entries }) => entries)).toEqual([2, 2, 2]);
      for (const [i, { chain }] of found.entries()) {
        const { value } = await reader.entries(chain, 0, signal)[Symbol.asyncIterator]().next();
        const before = found[i - 1];
        expect(JSON.parse(value.value.line).opens.previous).toEqual(
          before === undefined ? null : { chain: before.chain, hash: before.last.hash, sequence: before.last.sequence },
        );
      }
    });
  });

  it('every denial that was told to be durable is there once, however often the process is killed', async () => {
    const settings = await storeKinds[kind](folder);
    const durable: string[] = [];
    for (let round = 0; round < 2; round += 1) {
      const child = spawn(process.execPath, [join(import.meta.dirname, '../unit/audit/writer.ts'), spool, JSON.stringify(settings)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const lines = createInterface({ input: child.stdout });
      let told = 0;
      lines.on('line', (line) => {
        durable.push(line.slice(0, 26));
        told += 1;
        // In the middle of it: while it writes, and ships.
        if (told === 150 + 250 * round) child.kill('SIGKILL');
      });
      await once(lines, 'close');
    }
    const last = await open(settings);
    await last.close();
    const ids = await idsIn(settings);
    expect(new Set(ids).size).toBe(ids.length);
    expect(durable.filter((id) => !ids.includes(id))).toEqual([]);
    expect(durable.length).toBeGreaterThan(500);
  }, 60_000);
});

describe('a PostgreSQL that is down', () => {
  it('keeps nobody waiting, loses nothing, and gets all when it is back', async () => {
    const server = await startPostgres();
    try {
      const settings = await postgresSettings(server);
      await server.kill();
      const log = logger();
      const audit = await open(settings, { log });
      const ids = [await deny(audit)];
      await waitFor('the fault to be known', async () => audit.status().store?.fault ?? null);
      expect(audit.status().store?.fault?.message).toBe('the audit store can not be used: it can not be reached');
      expect(audit.status()).toMatchObject({ fault: null, lost: 0 });
      await server.start();
      await waitFor('the store to take records', async () => (audit.status().store?.fault === null ? true : null), 30_000);
      ids.push(await deny(audit));
      await waitFor('both records', async () => ((await idsIn(settings)).length === 2 ? true : null));
      await server.kill();
      ids.push(await deny(audit));
      await waitFor('the fault to be known', async () => audit.status().store?.fault ?? null);
      await server.start();
      await waitFor('all records', async () => ((await idsIn(settings)).length === 3 ? true : null), 30_000);
      expect((await idsIn(settings)).sort()).toEqual(ids.sort());
      await audit.close();
      expect(log.messages.filter((message) => message.includes('takes no records'))).toHaveLength(2);
    } finally {
      await server.dispose();
    }
  }, 90_000);

  it('is named without its password', async () => {
    const server = await startPostgres();
    try {
      const settings = { ...(await postgresSettings(server)), password: 'wrong-secret' };
      const reader = await openCommandReader({ settings, retention, log: logger() });
      const listed = reader.ok ? await reader.value.list({ filter: {}, visible: 'all' }, { limit: 1 }, signal) : reader;
      expect(listed).toMatchObject({ ok: false, fault: { message: 'the audit store can not be used: it refuses the user or the password' } });
      if (reader.ok) await reader.value.close();
    } finally {
      await server.dispose();
    }
  });
});

it('several replicas fill one PostgreSQL at once', async () => {
  const settings = await storeKinds.postgres(folder);
  const replicas = await Promise.all(
    ['a', 'b', 'c'].map(async (name) => {
      const created = await createAudit(options(join(folder, name), { store: settings, clock: Date.now, replica: name }));
      if (!created.ok) throw new Error(created.fault.message);
      return created.value;
    }),
  );
  const ids = (await Promise.all(replicas.map((audit) => Promise.all(Array.from({ length: 200 }, () => deny(audit)))))).flat();
  await Promise.all(replicas.map((audit) => audit.close()));
  expect((await idsIn(settings)).sort()).toEqual(ids.sort());
  await read(settings, async (reader) => {
    const chains = await reader.chains(signal);
    expect(chains.ok && chains.value.map(({ replica, entries }) => [replica, entries]).sort()).toEqual([
      ['a', 201],
      ['b', 201],
      ['c', 201],
    ]);
  });
}, 30_000);
