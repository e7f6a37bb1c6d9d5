import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { restoreInput } from '../../../src/audit/content.ts';
import { type Audit, type AuditOptions, createAudit, type Sink } from '../../../src/audit/index.ts';
import { spoolLimits } from '../../../src/audit/spool.ts';
import { verifyChain } from '../../../src/audit/verify.ts';
import { good } from '../../../src/domain/fault.ts';
import { draft, evidence, finding, image, inputOf, logger, now, options, scan } from './fixtures.ts';

let directory: string;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'audit-')), 'audit');
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

async function open(changes: Partial<AuditOptions> = {}): Promise<Audit> {
  const created = await createAudit(options(directory, changes));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

const segments = () => readdirSync(directory).sort();
const linesOf = (name: string) => readFileSync(join(directory, name), 'utf8').trimEnd().split('\n');
const allLines = () => segments().flatMap(linesOf);
const findings = Array.from({ length: 20 }, (_, i) => finding({ id: `CVE-${i}` }));

describe('the records of a process', () => {
  test('are one chain, opened at its start, and on disk when they say so', async () => {
    const audit = await open();
    const kept = [audit.keep(draft({ id: 'a' })), audit.keep(draft({ id: 'b', decision: 'allow', answered: 'allow' }))];
    expect(await kept[1]?.durable).toEqual(good(undefined));
    const entries = allLines().map((line) => JSON.parse(line));
    expect(entries.map(({ id, sequence, hash, opens }) => [id, sequence, hash, opens])).toEqual([
      [undefined, 0, entries[0].hash, { previous: null }],
      ['a', 1, kept[0]?.hash, undefined],
      ['b', 2, kept[1]?.hash, undefined],
    ]);
    expect(verifyChain(allLines()).faults).toEqual([]);
    expect(audit.status()).toMatchObject({ queue: 0, lost: 0, fault: null, directory, chain: { sequence: 2, hash: kept[1]?.hash } });
    await audit.close();
  });

  test('ten thousand at once are all kept, in order', async () => {
    const audit = await open({ limits: { waitAtMost: 60_000 } });
    const kept = Array.from({ length: 10_000 }, (_, i) => audit.keep(draft({ id: String(i) })));
    const outcomes = await Promise.all(kept.map(({ durable }) => durable));
    expect(outcomes.every(({ ok }) => ok)).toBe(true);
    const report = verifyChain(allLines());
    expect(report).toMatchObject({ entries: 10_001, faults: [], chains: [{ last: { sequence: 10_000, hash: kept.at(-1)?.hash } }] });
    await audit.close();
  }, 60_000);

  test('hold a content once a segment, however often it is referred to, and can be had whole', async () => {
    const audit = await open({ limits: { segment: 12_000 } });
    const images = [image(evidence({ scans: [scan(findings)] })), image(evidence({ scans: [scan(findings)] }), 'sidecar')];
    for (let i = 0; i < 6; i += 1) audit.keep(draft({ id: String(i), images }));
    await audit.close();
    expect(segments().length).toBeGreaterThan(1);
    for (const segment of segments()) {
      const lines = linesOf(segment).map((line) => JSON.parse(line));
      const contents = lines.filter(({ content }) => content !== undefined);
      expect(contents).toHaveLength(1);
      const known = new Map(contents.map(({ content, value }) => [content, JSON.stringify(value)]));
      for (const { input } of lines.filter(({ id }) => id !== undefined)) expect(restoreInput(JSON.stringify(input), known)).toBe(inputOf(images));
    }
    expect(verifyChain(allLines()).faults).toEqual([]);
  });

  test('reach the sinks as they are on disk', async () => {
    const got: Buffer[] = [];
    const sink: Sink = { name: 'test', write: async (lines) => good(void got.push(lines)), close: async () => {} };
    const audit = await open({ sinks: [sink] });
    for (let i = 0; i < 10; i += 1) audit.keep(draft({ id: String(i), images: [image(evidence({ scans: [scan(findings)] }))] }));
    await audit.close();
    expect(Buffer.concat(got).toString()).toBe(`${allLines().join('\n')}\n`);
  });

  test('do not wait for a sink that hangs', async () => {
    const { promise: forever, resolve } = Promise.withResolvers<ReturnType<typeof good<void>>>();
    const audit = await open({ sinks: [{ name: 'stuck', write: () => forever, close: async () => {} }] });
    expect(await audit.keep(draft()).durable).toEqual(good(undefined));
    resolve(good(undefined));
    await audit.close();
  });
});

describe('a chain', () => {
  test('is tied to the last durable record of the one before', async () => {
    const first = await open();
    const kept = first.keep(draft());
    await first.close();
    const second = await open({ clock: () => now + 1000 });
    await second.close();
    const opening = JSON.parse(linesOf(segments()[1] ?? '')[0] ?? '');
    expect(opening.opens.previous).toEqual({ chain: first.status().chain.chain, sequence: 1, hash: kept.hash });
    expect(verifyChain(allLines())).toMatchObject({ faults: [], chains: [{}, {}] });
  });

  test('is tied to the last whole record where the process ended within a line, and says so', async () => {
    const first = await open();
    const kept = first.keep(draft());
    await first.close();
    appendFileSync(join(directory, segments()[0] ?? ''), '{"answered":"allow","bui');
    const log = logger();
    const second = await open({ clock: () => now + 1000, log });
    await second.close();
    expect(JSON.parse(linesOf(segments()[1] ?? '')[0] ?? '').opens.previous.hash).toBe(kept.hash);
    expect(log.messages).toEqual([expect.stringContaining('end within a line')]);
  });

  test('is tied to an earlier one where the last has no whole line, and to none where there is nothing', async () => {
    const first = await open();
    await first.close();
    writeFileSync(join(directory, '01ZZZZZZZZZZZZZZZZZZZZZZZZ.000000.jsonl'), '{"ans');
    writeFileSync(join(directory, 'notes.txt'), 'not ours');
    const second = await open({ clock: () => now + 1000 });
    await second.close();
    const opening = segments()
      .flatMap((name) => (name.endsWith('.jsonl') ? linesOf(name) : []))
      .find((line) => line.includes('"previous":{'));
    expect(opening).toContain(first.status().chain.hash);
  });
});

describe('when records can not be kept', () => {
  test('the start fails where they are required, and only there', async () => {
    mkdirSync(join(directory, '..'), { recursive: true });
    writeFileSync(directory, 'in the way');
    expect(await createAudit(options(directory, { required: true }))).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    const audit = await open({ limits: { retryAfter: 10 } });
    expect(audit.status().fault).toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    expect(await audit.keep(draft()).durable).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    rmSync(directory);
    await vi.waitFor(() => expect(audit.status()).toMatchObject({ fault: null, queue: 0 }));
    expect(verifyChain(allLines())).toMatchObject({ entries: 2, faults: [] });
    await audit.close();
  });

  test('what is too much is lost, counted, and the chain says so without a gap', async () => {
    const losses: number[] = [];
    const audit = await open({ limits: { ...spoolLimits, entries: 3 }, onLoss: (records) => losses.push(records) });
    const kept = ['a', 'b', 'c', 'd', 'e'].map((id) => audit.keep(draft({ id })));
    expect(await kept[4]?.durable).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    expect(await kept[2]?.durable).toEqual(good(undefined));
    expect(audit.status().lost).toBe(2);
    expect(losses).toEqual([1, 1]);
    expect(await audit.keep(draft({ id: 'f' })).durable).toEqual(good(undefined));
    await audit.close();
    expect(
      allLines()
        .map((line) => JSON.parse(line))
        .map(({ id, lost: gone, sequence }) => id ?? gone ?? sequence),
    ).toEqual([0, 'a', 'b', 'c', 2, 'f']);
    expect(verifyChain(allLines()).faults).toEqual([]);
  });

  test('a decision that can not be rendered is lost, not thrown', async () => {
    const log = logger();
    const audit = await open({ log });
    expect(await audit.keep(draft({ time: Number.NaN })).durable).toMatchObject({ ok: false, fault: { code: 'AUDIT_UNAVAILABLE' } });
    expect(await audit.keep(draft()).durable).toEqual(good(undefined));
    expect(audit.status().lost).toBe(1);
    await audit.close();
    expect(verifyChain(allLines()).faults).toEqual([]);
  });
});

test('segments past the longest retention are removed at the start, others are not', async () => {
  const first = await open();
  await first.close();
  const [old] = segments();
  const years = (now - 366 * 86_400_000) / 1000;
  utimesSync(join(directory, old ?? ''), years, years);
  writeFileSync(join(directory, 'notes.txt'), 'not ours');
  utimesSync(join(directory, 'notes.txt'), years, years);
  const second = await open({ clock: () => now + 1000 });
  await second.close();
  expect(segments()).toEqual([`${second.status().chain.chain}.000000.jsonl`, 'notes.txt']);
});
