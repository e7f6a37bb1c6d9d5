import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openSqliteStore } from '../../../src/evidence/stores/sqlite.ts';
import { storeWorld } from '../../../src/factStores.ts';

it('a SQLite store is bounded: the oldest rows go first, and a full batch does not wait', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-rows-'));
  const file = join(folder, 'facts.db');
  let now = 1_000;
  let lost = 0;
  const open = () => {
    const opened = openSqliteStore(file, { rows: 3, waiting: 5, every: 1_000 }, storeWorld, () => now, { lost: (values) => (lost += values) });
    if (!opened.ok) throw new Error(opened.fault.message);
    return opened.value;
  };
  const first = open();
  for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) {
    now += 1;
    first.write(name, name, 10_000);
  }
  expect(lost).toBe(0);
  await first.close();
  const second = open();
  const states = await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(async (name) => (await second.read(name)).state));
  expect(states).toEqual(['missing', 'missing', 'missing', 'found', 'found', 'found']);
  now += 20_000;
  expect((await second.read('e')).state).toBe('missing');
  await second.close();
  rmSync(folder, { recursive: true });
});
