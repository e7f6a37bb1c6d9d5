/** Checkpoints are made when they should be, and nothing waits for where they are copied to. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { readCheckpoint } from '../../../src/audit/checkpoints/checkpoint.ts';
import { CopyQueue } from '../../../src/audit/checkpoints/copyQueue.ts';
import { readEnvelope } from '../../../src/audit/checkpoints/envelope.ts';
import { type Audit, type CheckpointCopy, createAudit, openSigners } from '../../../src/audit/index.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { draft, logger, now, options } from './fixtures.ts';
import { newSite, prove, type Site } from './proofRig.ts';

let site: Site;

beforeEach(() => {
  site = newSite();
});

afterEach(() => rmSync(site.root, { recursive: true, force: true }));

async function open(
  changes: { readonly every?: number; readonly at?: number; readonly copies?: readonly CheckpointCopy[]; readonly log?: ReturnType<typeof logger> } = {},
): Promise<Audit> {
  const signers = await openSigners(site.keyFile);
  if (!signers.ok) throw new Error(signers.fault.message);
  const { every = 3_600_000, copies = [], log = logger(), at = now } = changes;
  const audit = await createAudit(options(site.records, { log, clock: () => at, checkpoints: { signers: signers.value, every, copies } }));
  if (!audit.ok) throw new Error(audit.fault.message);
  return audit.value;
}

const folder = () => join(site.records, 'checkpoints');
const checkpoints = () =>
  (existsSync(folder()) ? readdirSync(folder()) : []).flatMap((name) =>
    readFileSync(join(folder(), name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => {
        const envelope = readEnvelope(line);
        const read = envelope && readCheckpoint(envelope);
        if (read === null) throw new Error('not a checkpoint');
        return read;
      }),
  );

describe('a checkpoint is made', () => {
  test('at the start and at the end, each naming the one before, with all entries that are on disk', async () => {
    const audit = await open();
    for (let i = 0; i < 3; i += 1) audit.keep(draft());
    await audit.close();
    const [start, stop] = checkpoints();
    expect(start?.checkpoint).toMatchObject({ reason: 'start', number: 0, previous: null, replica: 'replica-0', build: '0.1.0', chains: [{ count: 1 }] });
    expect(stop?.checkpoint).toMatchObject({
      reason: 'stop',
      number: 1,
      previous: start?.id,
      chains: [{ count: 4, pieces: [{ first: { sequence: 0 }, last: { sequence: 3 } }] }],
    });
  });

  test('on the interval, when something was added, and not again for the same', async () => {
    vi.useFakeTimers({ now, toFake: ['setInterval', 'clearInterval'] });
    try {
      const audit = await open({ every: 60_000 });
      await vi.advanceTimersByTimeAsync(180_000);
      expect(checkpoints().map(({ checkpoint }) => checkpoint.reason)).toEqual(['start']);
      await audit.keep(draft()).durable;
      await vi.advanceTimersByTimeAsync(60_000);
      vi.useRealTimers();
      await vi.waitFor(() => expect(checkpoints().map(({ checkpoint }) => checkpoint.reason)).toEqual(['start', 'interval']));
      await audit.close();
    } finally {
      vi.useRealTimers();
    }
  });

  test('with all chains of the folder, and goes on as the same store', async () => {
    await (await open()).close();
    await (await open({ at: now + 1_000 })).close();
    const made = checkpoints().map(({ checkpoint }) => checkpoint);
    expect(new Set(made.map(({ store }) => store)).size).toBe(1);
    expect(made.at(-1)?.chains).toHaveLength(2);
  });
});

test('one that can not be written is said, tried again, and stops nobody', async () => {
  const log = logger();
  mkdirSync(site.records, { recursive: true });
  writeFileSync(folder(), 'in the way');
  const audit = await open({ log });
  expect(await audit.keep(draft()).durable).toMatchObject({ ok: true });
  expect(audit.status().checkpoints).toMatchObject({ made: 0, fault: { code: 'AUDIT_UNAVAILABLE' } });
  rmSync(folder());
  await audit.close();
  expect(log.messages).toEqual(['an audit checkpoint can not be made; it is tried again', 'audit checkpoints are made again']);
  expect(await prove(site, { checkpoints: [] })).toMatchObject({ faults: [], chains: [{ ranges: [{ from: 0, to: 1, by: 'local' }] }] });
});

describe('a place for copies', () => {
  const never: CheckpointCopy = {
    name: 'stuck',
    write: (_name, _text, signal) =>
      new Promise<Outcome<void>>((resolve) => signal.addEventListener('abort', () => resolve(bad('AUDIT_UNAVAILABLE', 'it hangs')))),
  };
  const quick = { retryAfter: 1, retryAtMost: 2, attempt: 50, closeWithin: 20 };

  test('that hangs delays neither the start nor a record', async () => {
    const audit = await open({ copies: [never] });
    expect(await audit.keep(draft()).durable).toMatchObject({ ok: true });
    expect(audit.status().checkpoints?.copies).toMatchObject([{ name: 'stuck', copied: 0, waiting: 1 }]);
  });

  test('that fails is tried again until it works, in order, and that is counted and shown', async () => {
    const got: string[] = [];
    let failures = 3;
    const log = logger();
    const queue = new CopyQueue(
      {
        name: 'flaky',
        async write(name) {
          failures -= 1;
          if (failures >= 0) return bad('REGISTRY_UNAVAILABLE', 'it is down');
          got.push(name);
          return good(undefined);
        },
      },
      log,
      quick,
    );
    queue.send('one', '');
    queue.send('two', '');
    await vi.waitFor(() => expect(got).toEqual(['one', 'two']));
    await queue.close();
    expect(queue.status()).toEqual({ name: 'flaky', waiting: 0, copied: 2, failed: 3, lost: 0, reason: null });
    expect(log.messages).toEqual(['an audit checkpoint can not be copied; it is tried again', 'audit checkpoints are copied again']);
  });

  test('that is down for long loses the oldest, and at the end the rest; both are counted', async () => {
    const queue = new CopyQueue(never, logger(), { ...quick, queue: 2 });
    for (const name of ['one', 'two', 'three', 'four']) queue.send(name, '');
    expect(queue.status()).toMatchObject({ waiting: 2, lost: 2 });
    await queue.close();
    expect(queue.status()).toMatchObject({ waiting: 0, lost: 4, copied: 0 });
  });
});

test('a key that can not be read is a fault that names the setting', async () => {
  mkdirSync(site.keyFile);
  expect(await openSigners(site.keyFile)).toMatchObject({
    ok: false,
    fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('audit.checkpoints.keyFile') },
  });
});

test('two that start at once come to one key', async () => {
  const opened = await Promise.all([openSigners(site.keyFile), openSigners(site.keyFile), openSigners(site.keyFile)]);
  expect(new Set(opened.map((each) => each.ok && each.value.current.id)).size).toBe(1);
  expect(readdirSync(site.root).sort()).toEqual(['audit.key', 'audit.key.pub']);
});
