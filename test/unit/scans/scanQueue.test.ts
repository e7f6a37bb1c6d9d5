import { describe, expect, test } from 'vitest';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { ScanQueue } from '../../../src/scans/scanQueue.ts';

const limits = { concurrency: 1, waiting: 1, kept: 2, rescanAfter: 1000, retryAfter: 100 };

/** A scan that ends when it is told to. */
function held(): { scan: () => Promise<Outcome<string>>; end(outcome: Outcome<string>): void } {
  let end: (outcome: Outcome<string>) => void = () => {};
  const done = new Promise<Outcome<string>>((resolve) => {
    end = resolve;
  });
  return { scan: () => done, end };
}

const settled = async (queue: ScanQueue<string>, key: string): Promise<void> => {
  const standing = queue.ask(key, () => Promise.reject(new Error('not to be asked')));
  if (standing.ok) await standing.value.running;
};

describe('a queue of scans', () => {
  test('refuses what it has no room for, and takes it when there is', async () => {
    const queue = new ScanQueue<string>(limits, () => 0);
    const first = held();
    queue.ask('a', first.scan);
    queue.ask('b', async () => good('b'));
    expect(queue.ask('c', async () => good('c'))).toMatchObject({ ok: false, fault: { code: 'LIMIT_EXCEEDED', transient: true } });
    first.end(good('a'));
    await settled(queue, 'a');
    await settled(queue, 'b');
    expect(queue.ask('c', async () => good('c'))).toMatchObject({ ok: true, value: { result: null } });
  });

  test('never rejects: a scan that throws has failed, and the next has its turn', async () => {
    const queue = new ScanQueue<string>(limits, () => 0);
    queue.ask('a', () => Promise.reject(new Error('no such folder')));
    queue.ask('b', async () => good('b'));
    await settled(queue, 'a');
    await settled(queue, 'b');
    expect(queue.ask('a', async () => good('a'))).toMatchObject({ value: { result: null, failed: { code: 'INTERNAL' }, running: null } });
    expect(queue.ask('b', async () => good('b'))).toMatchObject({ value: { result: 'b', failed: null, running: null } });
  });

  test.each([
    ['stays beside a scan that failed', bad('SCAN_INVALID', 'no database', { transient: true }), 'old'],
    ['is taken away by a report that can not be used', bad('SCAN_INVALID', 'no JSON'), null],
  ])('a result %s', async (_, outcome, kept) => {
    let now = 0;
    const queue = new ScanQueue<string>(limits, () => now);
    queue.ask('a', async () => good('old'));
    await settled(queue, 'a');
    now += limits.rescanAfter;
    queue.ask('a', async () => outcome);
    await settled(queue, 'a');
    expect(queue.ask('a', async () => good('asked too soon'))).toMatchObject({ value: { result: kept, failed: { code: 'SCAN_INVALID' }, running: null } });
  });

  test('keeps so many results, and lets go of the one that was asked for longest ago', async () => {
    const queue = new ScanQueue<string>(limits, () => 0);
    for (const key of ['a', 'b', 'c']) {
      queue.ask(key, async () => good(key));
      await settled(queue, key);
    }
    expect(queue.ask('b', async () => bad('INTERNAL', 'asked again'))).toMatchObject({ value: { result: 'b' } });
    expect(queue.ask('a', async () => good('a'))).toMatchObject({ value: { result: null } });
  });

  test('that is closed lets what waits go without a scan', async () => {
    const queue = new ScanQueue<string>(limits, () => 0);
    const first = held();
    let scanned = false;
    queue.ask('a', first.scan);
    const waiting = queue.ask('b', async () => {
      scanned = true;
      return good('b');
    });
    queue.close();
    first.end(good('a'));
    if (waiting.ok) await waiting.value.running;
    expect(scanned).toBe(false);
    expect(queue.ask('a', async () => good('a'))).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
  });
});
