import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type OpenSegment, openSegment } from '../../../src/audit/segmentFile.ts';
import { type Batch, Spool, type SpoolOptions, spoolLimits } from '../../../src/audit/spool.ts';
import { logger } from './fixtures.ts';

const chain = '01KB0000000000000000000000';
let directory: string;
let log: ReturnType<typeof logger>;

beforeEach(() => {
  directory = join(mkdtempSync(join(tmpdir(), 'spool-')), 'audit');
  log = logger();
});

afterEach(() => rmSync(join(directory, '..'), { recursive: true, force: true }));

function open(changes: Partial<SpoolOptions> = {}): Spool {
  return new Spool({ directory, chain, log, limits: { ...spoolLimits, retryAfter: 20 }, onBatch: () => {}, ...changes });
}

function append(spool: Spool, lines: string): Batch {
  const batch = spool.append(lines);
  if (batch === null) throw new Error('the spool is full');
  return batch;
}

const read = (number = 0) => readFileSync(join(directory, `${chain}.00000${number}.jsonl`), 'utf8');
const settled = { ok: true, value: undefined };
const unavailable = { ok: false, fault: { code: 'AUDIT_UNAVAILABLE', transient: true } };

/** A disk that works until it is told not to, or does only a part. */
function disk() {
  const state = { write: true, sync: true, open: true, part: 0, writes: 0, syncs: 0 };
  const opener: OpenSegment = async (path) => {
    if (!state.open) throw new Error('EROFS');
    const file = await openSegment(path);
    return {
      ...file,
      async write(texts, position) {
        state.writes += 1;
        if (state.write) return file.write(texts, position);
        await file.write([Buffer.concat(texts).subarray(0, state.part)], position);
        throw new Error('ENOSPC');
      },
      async sync() {
        state.syncs += 1;
        if (!state.sync) throw new Error('EIO');
        await file.sync();
      },
    };
  };
  return { state, opener };
}

describe('lines', () => {
  test('are on disk, in order, when their batch is durable; only their owner can read them', async () => {
    const spool = open();
    append(spool, 'one\n');
    expect(await spool.durable(append(spool, 'two\n'))).toEqual(settled);
    expect(read()).toBe('one\ntwo\n');
    expect(statSync(join(directory, `${chain}.000000.jsonl`)).mode & 0o777).toBe(0o600);
    expect(statSync(directory).mode & 0o777).toBe(0o700);
    expect(spool.queue).toBe(0);
    await spool.close();
  });

  test('of one turn of the event loop are one write, and one wait for the disk', async () => {
    const { state, opener } = disk();
    const spool = open({ open: opener });
    const batches = Array.from({ length: 1000 }, (_, i) => append(spool, `${i}\n`));
    expect(await Promise.all(batches.map((batch) => spool.durable(batch)))).toEqual(batches.map(() => settled));
    expect(state).toMatchObject({ writes: 1, syncs: 1 });
    await spool.close();
  });

  test('that nobody waits for are written at once, and are on disk a while later', async () => {
    const { state, opener } = disk();
    const spool = open({ open: opener, limits: { ...spoolLimits, syncAfter: 30 } });
    append(spool, 'one\n');
    await vi.waitFor(() => expect(existsSync(directory) && read()).toBe('one\n'));
    await vi.waitFor(() => expect(spool.queue).toBe(0));
    expect(state.syncs).toBe(1);
    await spool.close();
  });

  test('that were written before somebody waits for them hurry to the disk then', async () => {
    const spool = open({ limits: { ...spoolLimits, syncAfter: 60_000 } });
    const batch = append(spool, 'one\n');
    await vi.waitFor(() => expect(existsSync(directory) && read()).toBe('one\n'));
    expect(spool.queue).toBe(1);
    expect(await spool.durable(batch)).toEqual(settled);
    expect(await spool.durable(batch)).toEqual(settled);
    await spool.close();
  });

  test('are not taken beyond the limits, nor after the end', async () => {
    const spool = open({ limits: { ...spoolLimits, entries: 2, units: 8 } });
    expect(spool.append('12345\n')).not.toBeNull();
    expect(spool.append('12345\n')).toBeNull();
    expect(spool.append('\n')).not.toBeNull();
    expect(spool.append('\n')).toBeNull();
    expect(await spool.close()).toBe(0);
    expect(spool.append('\n')).toBeNull();
    expect(read()).toBe('12345\n\n');
  });

  test('begin a new segment when one is full', async () => {
    const spool = open({ limits: { ...spoolLimits, segment: 8 } });
    const epochs: number[] = [];
    for (const line of ['11111\n', '22222\n', '33333\n']) {
      epochs.push(spool.turnSegment());
      append(spool, line);
    }
    await spool.close();
    expect(epochs).toEqual([0, 0, 1]);
    expect([read(0), read(1)]).toEqual(['11111\n22222\n', '33333\n']);
  });
});

describe('when the disk fails', () => {
  test('whoever waits is told, and what is held gets there, once, when it works again', async () => {
    const { state, opener } = disk();
    const spool = open({ open: opener });
    expect(await spool.durable(append(spool, 'one\n'))).toEqual(settled);
    Object.assign(state, { write: false, part: 2 });
    const second = append(spool, 'two\n');
    expect(await spool.durable(second)).toMatchObject(unavailable);
    expect(spool.fault).toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
    append(spool, 'three\n');
    state.write = true;
    await vi.waitFor(() => expect(spool.fault).toBeNull());
    expect(await spool.durable(append(spool, 'four\n'))).toEqual(settled);
    expect(await spool.durable(second)).toEqual(settled);
    expect(read()).toBe('one\ntwo\nthree\nfour\n');
    expect(log.messages).toEqual(['audit records can not be put on disk', 'audit records are put on disk again']);
    await spool.close();
  });

  test('what a failed sync leaves in doubt is written again from the last sure point', async () => {
    const { state, opener } = disk();
    const spool = open({ open: opener });
    expect(await spool.durable(append(spool, 'one\n'))).toEqual(settled);
    state.sync = false;
    const writes = state.writes;
    expect(await spool.durable(append(spool, 'two\n'))).toMatchObject(unavailable);
    state.sync = true;
    await vi.waitFor(() => expect(spool.fault).toBeNull());
    expect(state.writes).toBeGreaterThan(writes + 1);
    expect(read()).toBe('one\ntwo\n');
    await spool.close();
  });

  test('from the start, nothing is lost if it works in time', async () => {
    const { state, opener } = disk();
    state.open = false;
    const spool = open({ open: opener });
    expect(await spool.durable(append(spool, 'one\n'))).toMatchObject(unavailable);
    state.open = true;
    await vi.waitFor(() => expect(spool.queue).toBe(0));
    expect(read()).toBe('one\n');
    await spool.close();
  });

  test('by hanging, whoever waits is told in time, and what is held gets there when it goes on', async () => {
    const { promise: again, resolve: goOn } = Promise.withResolvers<void>();
    const opener: OpenSegment = async (path) => {
      const file = await openSegment(path);
      return { ...file, write: async (texts, position) => again.then(() => file.write(texts, position)) };
    };
    const spool = open({ open: opener, limits: { ...spoolLimits, waitAtMost: 20 } });
    const batch = append(spool, 'one\n');
    expect(await spool.durable(batch)).toMatchObject(unavailable);
    goOn();
    await vi.waitFor(async () => expect(await spool.durable(batch)).toEqual(settled));
    await spool.close();
  });

  test('by hanging to the end, the end comes all the same', async () => {
    const opener: OpenSegment = async (path) => ({ ...(await openSegment(path)), write: () => new Promise(() => {}) });
    const spool = open({ open: opener, limits: { ...spoolLimits, closeWithin: 20 } });
    append(spool, 'one\n');
    expect(await spool.close()).toBe(1);
  });

  test('to the end, the end says how much is lost, and does not hang', async () => {
    const { state, opener } = disk();
    state.open = false;
    const spool = open({ open: opener });
    append(spool, 'one\n');
    append(spool, 'two\n');
    expect(await spool.close()).toBe(2);
  });
});

test('a folder that was moved away under an open segment is noticed, and made anew', async () => {
  const spool = open();
  expect(await spool.durable(append(spool, 'one\n'))).toEqual(settled);
  const epoch = spool.turnSegment();
  renameSync(directory, `${directory}-away`);
  expect(await spool.durable(append(spool, 'two\n'))).toMatchObject(unavailable);
  await vi.waitFor(() => expect(spool.queue).toBe(0));
  expect(read()).toBe('two\n');
  expect(spool.turnSegment()).toBeGreaterThan(epoch);
  await spool.close();
});

test('a file in the place of the folder is a fault until it is gone', async () => {
  writeFileSync(directory, 'in the way');
  const spool = open();
  expect(await spool.durable(append(spool, 'one\n'))).toMatchObject(unavailable);
  rmSync(directory);
  await vi.waitFor(() => expect(spool.queue).toBe(0));
  expect(readdirSync(directory)).toEqual([`${chain}.000000.jsonl`]);
  await spool.close();
});
