/** Old records go by the week, those of denials later, those that are held not at all; and what went is told. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keepHolds } from '../../src/audit/store/holds.ts';
import { applyRetention } from '../../src/audit/store/retain.ts';
import type { RecordDraft } from '../../src/domain/record.ts';
import { evidence, finding, image, logger, scan } from '../unit/audit/fixtures.ts';
import { noon, recordId, type StoreStage, signal, stageStore, stopSharedPostgres } from './auditRig.ts';

const day = 86_400_000;
const retention = { allow: 30 * day, deny: 365 * day, bytes: 2 ** 40 };
const admitted = { decision: 'allow', answered: 'allow', findings: [] } as const;
let stage: StoreStage;

afterAll(stopSharedPostgres);

function aged(days: number, changes: Partial<RecordDraft> = {}): Partial<RecordDraft> {
  return { id: recordId(noon - days * day), time: noon - days * day, ...changes };
}

async function ages(): Promise<readonly number[]> {
  const found = await stage.reader.list({ filter: {}, visible: 'all' }, { limit: 100 }, signal);
  if (!found.ok) throw new Error(found.fault.message);
  return found.value.rows.map(({ time }) => Math.round((noon - time) / day));
}

function contentsWith(name: string): Partial<RecordDraft> {
  return { images: [image(evidence({ scans: [scan(Array.from({ length: 30 }, (_, i) => finding({ id: `${name}-${i}` })))] }))] };
}

const contents = async (): Promise<number> => (await stage.db.main.selectFrom('contents').select('sha256').execute()).length;
const holdOf = (from: number | null, to: number | null) => ({ name: 'case-17', from, to, reason: 'incident', by: 'alice', time: noon });

it('a SQLite store that takes too many bytes lets go of the oldest admissions, then of the oldest denials, never of what is held or of this week', async () => {
  stage = await stageStore('sqlite');
  await stage.record(aged(0.1, admitted), aged(10, admitted), aged(20, admitted), aged(0.1), aged(60), aged(120));
  await stage.ship();
  const holds = keepHolds(stage.db);
  await holds.place(holdOf(noon - 70 * day, noon - 50 * day));
  // As many bytes as there are without the two oldest weeks of admissions.
  const files = (): number => stage.db.bytes() ?? 0;
  const before = files();
  await applyRetention(stage.db, { ...retention, bytes: before - 1 }, noon, logger(), async () => {});
  expect(await ages()).toEqual([0, 0, 10, 60, 120]);
  await applyRetention(stage.db, { ...retention, bytes: 1 }, noon, logger(), async () => {});
  expect(await ages()).toEqual([0, 60]);
  const [chain] = (await stage.reader.chains(signal).then((found) => (found.ok ? found.value : []))).map((each) => each.chain);
  const removals = await stage.reader.removals(chain ?? '', signal);
  expect(removals.ok && removals.value.map(({ reason }) => reason)).toContain('size');
  await stage.close();
});

describe.each(['sqlite', 'postgres'] as const)('in %s', (kind) => {
  beforeEach(async () => {
    stage = await stageStore(kind);
  });
  afterEach(() => stage.close());

  it('admissions go before denials, and each not before its time', async () => {
    await stage.record(aged(1, admitted), aged(29, admitted), aged(60, admitted), aged(60), aged(364), aged(400));
    await stage.ship();
    await applyRetention(stage.db, retention, noon, logger(), async () => {});
    expect(await ages()).toEqual([1, 29, 60, 364]);
  });

  it('the store tells which entries of which chain went', async () => {
    await stage.record(aged(1), aged(60, admitted), aged(60, admitted), aged(60), aged(61, admitted));
    await stage.ship();
    const chains = await stage.reader.chains(signal);
    const chain = chains.ok ? (chains.value[0]?.chain ?? '') : '';
    const hashes = new Map<number, string>();
    for await (const entry of stage.reader.entries(chain, 0, signal)) if (entry.ok) hashes.set(entry.value.sequence, JSON.parse(entry.value.line).hash);
    expect(await applyRetention(stage.db, retention, noon, logger(), async () => {})).toBe(3);
    const point = (sequence: number) => ({ sequence, hash: hashes.get(sequence) });
    expect(await stage.reader.removals(chain, signal)).toEqual({
      ok: true,
      value: [
        { chain, first: point(2), last: point(3), entries: 2, reason: 'retention', time: noon },
        { chain, first: point(5), last: point(5), entries: 1, reason: 'retention', time: noon },
      ],
    });
  });

  it('what is held stays, with what it refers to, until it is released', async () => {
    await stage.record(aged(60, { ...admitted, ...contentsWith('old') }), aged(120, admitted));
    await stage.ship();
    const holds = keepHolds(stage.db);
    expect(await holds.place(holdOf(noon - 70 * day, noon - 50 * day))).toEqual({ ok: true, value: true });
    expect(await holds.place(holdOf(null, null))).toEqual({ ok: true, value: false });
    await applyRetention(stage.db, retention, noon, logger(), async () => {});
    expect(await ages()).toEqual([60]);
    expect(await contents()).toBe(1);
    expect(await holds.release('case-17')).toEqual({ ok: true, value: true });
    expect(await holds.release('case-17')).toEqual({ ok: true, value: false });
    await applyRetention(stage.db, retention, noon, logger(), async () => {});
    expect(await ages()).toEqual([]);
    expect(await contents()).toBe(0);
  });

  it('a content goes with the last record that refers to it', async () => {
    await stage.record(
      aged(60, { ...admitted, ...contentsWith('shared') }),
      aged(60, { ...admitted, ...contentsWith('old') }),
      aged(1, contentsWith('shared')),
    );
    await stage.ship();
    expect(await contents()).toBe(2);
    await applyRetention(stage.db, retention, noon, logger(), async () => {});
    expect(await contents()).toBe(1);
  });

  it('a content that went, and is referred to again, is taken from the spool once more', async () => {
    await stage.record(aged(60, { ...admitted, ...contentsWith('again') }), aged(1, contentsWith('again')));
    await stage.ship();
    await stage.db.main.deleteFrom('contents').execute();
    await stage.db.main.updateTable('shipped').set({ position: endOfFirstRecord(), sequence: 1 }).execute();
    // As if the second record had not been shipped yet.
    for (const partition of await stage.db.partitions()) {
      await (await stage.db.read(partition))?.deleteFrom('records').where('sequence', '=', 2).execute();
    }
    await stage.ship();
    expect(await contents()).toBe(1);
    expect(await ages()).toContain(1);
  });
});

/** Bytes of the only segment up to the record that the contents were put before. */
function endOfFirstRecord(): number {
  const [name = ''] = readdirSync(stage.spool).filter((each) => each.endsWith('.jsonl'));
  const text = readFileSync(join(stage.spool, name), 'utf8');
  const lines = text.split('\n');
  const first = lines.findIndex((line) => line.includes('"sequence":1,'));
  return Buffer.byteLength(lines.slice(0, first + 1).join('\n')) + 1;
}
