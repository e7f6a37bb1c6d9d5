import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { deadlineIn } from '../../src/domain/deadline.ts';
import type { Belief } from '../../src/domain/facts.ts';
import { bad, good, type Outcome } from '../../src/domain/fault.ts';
import { createFacts } from '../../src/evidence/cache.ts';
import { createSharedFacts } from '../../src/evidence/sharedFacts.ts';
import { openStore, type StoreSettings } from '../../src/evidence/stores/index.ts';
import { storeWorld } from '../../src/factStores.ts';
import { startRedisServer } from '../rig/valkey.ts';
import { waitFor } from '../rig/wait.ts';

const count = 100_000;
const value = 'x'.repeat(2_000);
const belief: Belief<string> = Object.assign(() => ({ freshFor: 600_000, refreshAfter: 600_000 }), {
  decode: (stored: unknown) => (typeof stored === 'string' ? stored : null),
});
const down: Outcome<string> = bad('REGISTRY_UNAVAILABLE', 'down');

it.each(['sqlite', 'redis'] as const)('100,000 facts in a store of kind %s take bounded memory, and are there for another process', async (kind) => {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-soak-'));
  const server = kind === 'redis' ? await startRedisServer() : null;
  const settings: StoreSettings =
    server === null
      ? { kind: 'sqlite', file: join(folder, 'facts.db') }
      : { kind: 'redis', url: server.url, login: { username: null, password: null, ca: null } };
  const secret = randomBytes(32);
  let lost = 0;
  const start = async () => {
    const opened = openStore(settings, { secret, clock: Date.now, events: { lost: (values) => (lost += values) }, world: storeWorld });
    if (!opened.ok || opened.value === null) throw new Error('the store can be opened');
    const { store } = opened.value;
    await waitFor('the store', async () => (store.status().reachable ? true : null));
    const shared = createSharedFacts(store, secret, { readWithin: 1_000, restFor: 1_000, keepFor: 3_600_000 }, Date.now);
    const facts = createFacts({ entries: 1_000, askFor: 5_000, lastKnownGoodFor: 0, asking: 256 }, Date.now, {}, shared);
    return { store, know: (i: number, answer: Outcome<string>) => facts.know(`fact ${i}`, belief, async () => answer, deadlineIn(5_000, Date.now())) };
  };
  const first = await start();
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i += 100) await Promise.all(Array.from({ length: 100 }, (_, j) => first.know(i + j, good(value))));
  await waitFor('the memory to be given back', async () => {
    globalThis.gc?.();
    return process.memoryUsage().heapUsed - before < 50 * 1024 * 1024 ? true : null;
  });
  await first.store.close();
  expect(lost).toBe(0);

  const second = await start();
  const looks = 500;
  const began = performance.now();
  for (let i = 0; i < looks; i += 1) expect((await second.know(i * (count / looks), down)).outcome).toEqual(good(value));
  const stored = (performance.now() - began) / looks;
  const again = performance.now();
  for (let i = 0; i < looks; i += 1) expect(second.know(i * (count / looks), down)).not.toBeInstanceOf(Promise);
  const local = (performance.now() - again) / looks;
  process.stdout.write(`${kind}: ${stored.toFixed(3)} ms for a hit in the store, ${local.toFixed(4)} ms in memory`.concat('\n'));
  await second.store.close();
  await server?.dispose();
  rmSync(folder, { recursive: true });
});
