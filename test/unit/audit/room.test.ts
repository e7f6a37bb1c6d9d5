/** The folder stays within its bytes, whatever is written, and what goes is told. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Audit, type AuditOptions, createAudit } from '../../../src/audit/index.ts';
import { removedBy } from '../../../src/audit/removal.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import { denial, draft, evidence, image, inputOf, logger, options } from './fixtures.ts';

const maxBytes = 6 << 20;
vi.setConfig({ testTimeout: 30_000 });

let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'audit-')), 'audit');
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

/** Ahead of the files' own times, so that a chain that ended is taken for one. */
const later = (): number => Date.now() + 10 * 60_000;

async function open(changes: Partial<AuditOptions> = {}): Promise<Audit> {
  const created = await createAudit(options(directory, { maxBytes, clock: later, ...changes }));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

const segments = () => readdirSync(directory).sort();
const sizeOf = (names: readonly string[]) => names.reduce((sum, name) => sum + (statSync(join(directory, name), { throwIfNoEntry: false })?.size ?? 0), 0);
const linesOf = (name: string) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n');
const allLines = () => segments().flatMap(linesOf);
const ids = () => allLines().map((line) => JSON.parse(line).id);

const allowed = { decision: 'allow', answered: 'allow', findings: [] } as const;

/** An input that no other has, of a Pod with as many labels as make it this long. */
function labelled(id: string, length: number) {
  const images = [image(evidence())];
  const input = JSON.parse(inputOf(images));
  const labels = Object.fromEntries(Array.from({ length: length / 64 }, (_, i) => [`${id}-${i}`.padEnd(58, 'z'), '']));
  return draft({ id, images, input: JSON.stringify({ ...input, review: { annotations: {}, kind: 'Pod', labels } }) });
}

async function write(audit: Audit, id: string, records: number, changes: Partial<ReturnType<typeof draft>> = {}): Promise<number> {
  let largest = 0;
  for (let i = 0; i < records; i += 1) {
    const kept = audit.keep({ ...labelled(`${id}-${i}`, 16_384), ...changes });
    await (i % 2 === 0 ? kept.durable : turn());
    // As fast as room is made, so that nothing is lost.
    while (audit.status().bytes > maxBytes * 0.97 && audit.status().maxBytes === maxBytes) await turn();
    if (i % 4 === 0) largest = Math.max(largest, sizeOf(segments()));
  }
  return largest;
}

describe('a flood', () => {
  test('never takes more than its bytes, the newest records stay, and the chain says what went', async () => {
    const log = logger();
    const removals: number[] = [];
    const audit = await open({ log, onRemoval: (entries) => removals.push(entries) });
    const largest = await write(audit, 'flood', 500);
    await vi.waitFor(() => expect(audit.status().queue).toBe(0));
    expect(largest).toBeGreaterThan(maxBytes / 2);
    expect(largest).toBeLessThanOrEqual(maxBytes);
    expect(audit.status()).toMatchObject({ lost: 0, maxBytes, removed: removals.length });
    expect(audit.status().bytes).toBe(sizeOf(segments()));
    await audit.close();
    expect(removals.length).toBeGreaterThan(5);
    expect(log.messages.filter((message) => message === 'an audit segment was removed')).toHaveLength(removals.length);
    expect(ids()).toContain('flood-499');
    expect(ids()).not.toContain('flood-0');
    expect(verifyChain(allLines()).faults).toEqual([]);
    // All that is missing is told by what is there.
    const told = allLines().flatMap((line) => removedBy(JSON.parse(line)));
    expect(Math.min(...told.map(({ first }) => first.sequence))).toBe(0);
    expect(told.every(({ reason }) => reason === 'size')).toBe(true);
  });

  test('of Pods of a megabyte, all at once, leaves the folder within its bytes, and says what was lost', async () => {
    const large = 16 << 20;
    const audit = await open({ maxBytes: large });
    for (let round = 0; round < 8; round += 1) {
      for (let i = 0; i < 4; i += 1) audit.keep(labelled(`large-${round}-${i}`, 1 << 20));
      await turn();
      expect(sizeOf(segments())).toBeLessThanOrEqual(large);
    }
    await audit.close();
    expect(sizeOf(segments())).toBeLessThanOrEqual(large);
    expect(verifyChain(allLines()).faults).toEqual([]);
    const kept = ids().filter((id) => id !== undefined).length;
    expect(kept + audit.status().lost).toBeLessThanOrEqual(32);
  });

  test('of admissions leaves the denials that are older', async () => {
    const audit = await open();
    await write(audit, 'denied', 15);
    await write(audit, 'allowed', 480, allowed);
    await audit.close();
    const left = new Set(ids());
    expect(['denied-0', 'denied-14', 'allowed-30', 'allowed-479'].map((id) => left.has(id))).toEqual([true, true, false, true]);
    expect(verifyChain(allLines()).faults).toEqual([]);
  });

  test('takes what earlier processes left, which is told too', async () => {
    const first = await open();
    await write(first, 'first', 20, allowed);
    await first.close();
    const second = await open({ clock: () => later() + 1000 });
    await write(second, 'second', 480, allowed);
    await second.close();
    expect(segments().some((name) => name.startsWith(first.status().chain.chain))).toBe(false);
    expect(sizeOf(segments())).toBeLessThanOrEqual(maxBytes);
    expect(verifyChain(allLines()).faults).toEqual([]);
  });
});

test('a folder that is over its bytes at the start is brought below them', async () => {
  const first = await open({ maxBytes: 4 * maxBytes });
  await write(first, 'first', 500);
  await first.close();
  const second = await open({ clock: () => later() + 1000 });
  expect(sizeOf(segments())).toBeLessThanOrEqual(maxBytes);
  await second.close();
  expect(verifyChain(allLines()).faults).toEqual([]);
});

test('where nothing can be removed, records are lost and counted rather than the folder grown', async () => {
  const audit = await open({ limits: { segment: maxBytes } });
  const kept = Array.from({ length: 500 }, (_, i) => audit.keep(labelled(`one-${i}`, 16_384)));
  expect(await kept.at(-1)?.durable).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
  await audit.close();
  expect(audit.status().lost).toBeGreaterThan(0);
  expect(sizeOf(segments())).toBeLessThanOrEqual(maxBytes);
  expect(verifyChain(allLines()).faults).toEqual([]);
});

test('a file that can not be removed is told once, and others go in its place', async () => {
  const first = await open();
  await write(first, 'first', 100);
  await first.close();
  // In the place of a segment, a folder: it can neither be read nor unlinked as a file.
  mkdirSync(join(directory, '00000000000000000000000000.000000.jsonl'));
  const log = logger();
  const second = await open({ log, clock: () => later() + 1000 });
  await write(second, 'second', 400);
  await second.close();
  expect(log.messages.filter((message) => message === 'an audit segment can not be removed')).toHaveLength(1);
  expect(second.status().removed).toBeGreaterThan(5);
  expect(verifyChain(segments().slice(1).flatMap(linesOf)).faults).toEqual([]);
});

test('what is removed for its age is told with that reason, and a file of others is left alone', async () => {
  const first = await open();
  const kept = first.keep(draft());
  await first.close();
  const [old = ''] = segments();
  writeFileSync(join(directory, 'notes.txt'), 'not ours');
  for (const name of segments()) utimesSync(join(directory, name), 1, 1);
  const second = await open({ clock: () => later() + 1000 });
  await second.close();
  expect(segments()).toEqual([`${second.status().chain.chain}.000000.jsonl`, 'notes.txt']);
  const { removed } = JSON.parse(allLines()[1] ?? '');
  const last = { chain: first.status().chain.chain, sequence: 1, hash: kept.hash };
  expect(removed).toMatchObject({ segment: old, ranges: [{ entries: 2, last, first: { sequence: 0 }, reason: 'retention' }] });
});

describe('where removals are told, verification still finds', () => {
  async function flooded(): Promise<string[]> {
    const audit = await open();
    await write(audit, 'denied', 15, { findings: [denial] });
    await write(audit, 'allowed', 450, allowed);
    await audit.close();
    return allLines();
  }

  test('what went without a word, and an entry of which the word was changed', async () => {
    const lines = await flooded();
    expect(verifyChain(lines).faults).toEqual([]);
    const record = lines.findLastIndex((line) => line.includes('"id":"allowed-430"'));
    expect(verifyChain(lines.toSpliced(record, 1)).faults).toMatchObject([{ kind: 'removed' }]);
    const stubs = lines.flatMap((line, i) => (removedBy(JSON.parse(line)).length > 0 ? [i] : []));
    const stub = stubs.at(-1) ?? 0;
    expect(verifyChain(lines.with(stub, (lines[stub] ?? '').replace('"reason":"size"', '"reason":"none"'))).faults).not.toEqual([]);
    expect(verifyChain(lines.filter((_, i) => !stubs.includes(i))).faults).not.toEqual([]);
  });
});
