/**
 * What facts cost: the memory of 100,000 of them, and one hit in memory, in SQLite and in Redis. Run by bench.ts in a process of its own
 * with --expose-gc; prints one line of JSON.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadlineIn } from '../src/domain/deadline.ts';
import { type Finds, noFinds } from '../src/domain/evidence.ts';
import { believe } from '../src/domain/facts.ts';
import { bad, good, type Outcome } from '../src/domain/fault.ts';
import { createFacts } from '../src/evidence/cache.ts';
import { decodeFinds } from '../src/evidence/decode.ts';
import { createSharedFacts } from '../src/evidence/sharedFacts.ts';
import { openStore, type StoreSettings } from '../src/evidence/stores/index.ts';
import { storeWorld } from '../src/factStores.ts';
import { startRedisServer } from '../test/rig/valkey.ts';
import { waitFor } from '../test/rig/wait.ts';

export interface FactCosts {
  /** MiB of heap. */
  readonly memory: number;
  readonly facts: number;
  /** Milliseconds of one hit, the median. */
  readonly hits: Readonly<Record<'memory' | 'sqlite' | 'redis', number>>;
}

const count = 100_000;
const looks = 2_000;
const lasting = { freshFor: 3_600_000, refreshAfter: 3_600_000 };
const belief = believe<Finds>('', () => lasting, decodeFinds);
const asked = deadlineIn(600_000, Date.now());
const down: Outcome<Finds> = bad('REGISTRY_UNAVAILABLE', 'down');

/** What one signer found of one image, as most facts are. */
function findsOf(i: number): Finds {
  const keyId = createHash('sha256').update(String(i)).digest('hex');
  const signature = { signer: 'release', kind: 'cosign-key', layout: 'bundle', keyId, issuer: null, identity: null, claims: {}, signedAt: null } as const;
  return { ...noFinds, signatures: [{ ...signature, subject: 'manifest', annotations: {}, signedRepository: null }] };
}

const nameOf = (i: number): string => `signatures release ${i} registry.example/acme/app-${i} sha256:${createHash('sha256').update(`d${i}`).digest('hex')}`;

function median(times: number[]): number {
  times.sort((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? 0;
}

async function inMemory(): Promise<{ readonly memory: number; readonly hit: number }> {
  const facts = createFacts({ entries: 500_000, askFor: 20_000, lastKnownGoodFor: 0, asking: 1_000 }, Date.now);
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  for (let i = 0; i < count; i += 1) await facts.know(nameOf(i), belief, async () => good(findsOf(i)), asked);
  globalThis.gc?.();
  const memory = (process.memoryUsage().heapUsed - before) / 2 ** 20;
  const times: number[] = [];
  for (let i = 0; i < looks; i += 1) {
    const name = nameOf((i * 37) % count);
    const began = performance.now();
    const known = facts.know(name, belief, async () => down, asked);
    times.push(performance.now() - began);
    if (known instanceof Promise) throw new Error('a fact in memory answers at once');
  }
  return { memory, hit: median(times) };
}

async function inStore(settings: StoreSettings): Promise<number> {
  const secret = randomBytes(32);
  const start = async () => {
    const opened = openStore(settings, { secret, clock: Date.now, events: {}, world: storeWorld });
    if (!opened.ok || opened.value === null) throw new Error('the store can be opened');
    const { store } = opened.value;
    await waitFor('the store', async () => (store.status().reachable ? true : null));
    const shared = createSharedFacts(store, secret, { readWithin: 1_000, restFor: 0, keepFor: 3_600_000 }, Date.now);
    return { store, facts: createFacts({ entries: 500_000, askFor: 20_000, lastKnownGoodFor: 0, asking: 1_000 }, Date.now, {}, shared) };
  };
  const first = await start();
  for (let i = 0; i < looks; i += 1) await first.facts.know(nameOf(i), belief, async () => good(findsOf(i)), asked);
  await first.store.close();
  const second = await start();
  const times: number[] = [];
  for (let i = 0; i < looks; i += 1) {
    const began = performance.now();
    const { outcome } = await second.facts.know(nameOf(i), belief, async () => down, asked);
    times.push(performance.now() - began);
    if (!outcome.ok) throw new Error('the store has the fact');
  }
  await second.store.close();
  return median(times);
}

const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-bench-facts-'));
const server = await startRedisServer();
try {
  const { memory, hit } = await inMemory();
  const sqlite = await inStore({ kind: 'sqlite', file: join(folder, 'facts.db') });
  const redis = await inStore({ kind: 'redis', url: server.url, login: { username: null, password: null, ca: null } });
  process.stdout.write(`${JSON.stringify({ memory, facts: count, hits: { memory: hit, sqlite, redis } } satisfies FactCosts)}\n`);
} finally {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true });
}
