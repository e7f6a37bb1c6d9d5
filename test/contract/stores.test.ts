/** Every store of facts outside the process keeps one promise: what it gives is ours, or it is nothing; and it is never in the way. */
import { randomBytes } from 'node:crypto';
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@redis/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deadlineIn } from '../../src/domain/deadline.ts';
import type { Belief } from '../../src/domain/facts.ts';
import { bad, good, type Outcome } from '../../src/domain/fault.ts';
import { createFacts } from '../../src/evidence/cache.ts';
import { storedName } from '../../src/evidence/seal.ts';
import { createSharedFacts, type RecallResult } from '../../src/evidence/sharedFacts.ts';
import { type OpenedStore, openStore, type StoreSettings, storeKinds } from '../../src/evidence/stores/index.ts';
import { largestValue } from '../../src/evidence/stores/store.ts';
import { storeWorld } from '../../src/factStores.ts';
import { makeCertificate } from '../rig/certificate.ts';
import { type SharedServer, startRedisServer } from '../rig/valkey.ts';
import { waitFor } from '../rig/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-stores-'));
const secret = randomBytes(32);
const belief: Belief<string> = Object.assign(() => ({ freshFor: 10_000, refreshAfter: 5_000 }), {
  decode: (stored: unknown) => (typeof stored === 'string' ? stored : null),
});
const down: Outcome<string> = bad('REGISTRY_UNAVAILABLE', 'down');
const nobody = { username: null, password: null, ca: null };
let server: SharedServer;

interface Kind {
  readonly settings: () => StoreSettings;
  /** Writes past the store, as somebody else would. */
  readonly tamper: (name: string, change: (value: string) => string) => Promise<void>;
}

const kinds: Readonly<Record<Exclude<keyof typeof storeKinds, 'memory'>, Kind>> = {
  sqlite: {
    settings: () => ({ kind: 'sqlite', file: join(folder, 'facts.db') }),
    async tamper(name, change) {
      const database = new DatabaseSync(join(folder, 'facts.db'));
      const value = String(database.prepare('select value from facts where name = ?').get(name)?.['value']);
      database.prepare('update facts set value = ? where name = ?').run(change(value), name);
      database.close();
    },
  },
  redis: {
    settings: () => ({ kind: 'redis', url: `${server.url}/3`, login: nobody }),
    async tamper(name, change) {
      const client = createClient({ url: `${server.url}/3` });
      await client.connect();
      await client.set(`tidewaiter:fact:${name}`, change(String(await client.get(`tidewaiter:fact:${name}`))));
      await client.close();
    },
  },
};

function openOf(settings: StoreSettings, key: Uint8Array = secret): OpenedStore {
  const opened = openStore(settings, { secret: key, clock: Date.now, events: {}, world: storeWorld });
  if (!opened.ok || opened.value === null) throw new Error('the store can be opened');
  return opened.value;
}

/** A process with a memory of its own. */
async function startProcess(settings: StoreSettings, key: Uint8Array = secret) {
  const time = { ahead: 0 };
  const clock = () => Date.now() + time.ahead;
  const { store } = openOf(settings, key);
  await waitFor('the store', async () => (store.status().reachable ? true : null));
  const results: RecallResult[] = [];
  const limits = { readWithin: 50, restFor: 1_000, keepFor: 60_000 };
  const shared = createSharedFacts(store, key, limits, clock, { recalled: (result) => results.push(result) });
  const facts = createFacts({ entries: 100, askFor: 1_000, lastKnownGoodFor: 60_000, asking: 10 }, clock, {}, shared);
  const know = async (name: string, answer: Outcome<string>, lifetime = belief) =>
    facts.know(name, lifetime, async () => answer, deadlineIn(2_000, Date.now()));
  return { time, store, results, facts, know };
}

beforeAll(async () => {
  server = await startRedisServer();
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(Object.entries(kinds))('a store of kind %s', (_name, kind) => {
  let fact = '';
  beforeEach(() => {
    fact = `fact ${randomBytes(8).toString('hex')}`;
  });

  /** Establishes a fact in one process, and ends that. */
  async function establish(value = 'signed'): Promise<void> {
    const first = await startProcess(kind.settings());
    await first.know(fact, good(value));
    await first.store.close();
  }

  it.each([
    ['whose last byte was changed', (value: string) => `${value.slice(0, -1)} `],
    ['whose first byte was changed', (value: string) => `${value.startsWith('A') ? 'B' : 'A'}${value.slice(1)}`],
    ['whose content was changed', (value: string) => value.replace('signed', 'forged')],
    ['that is garbage', () => 'x'],
    ['that is too long', () => 'x'.repeat(3 * largestValue)],
  ])('never believes a fact %s', async (_how, change) => {
    await establish();
    await kind.tamper(storedName(fact), change);
    const second = await startProcess(kind.settings());
    expect((await second.know(fact, down)).outcome).toEqual(down);
    expect(second.results).toEqual(['bad']);
    await second.store.close();
  });

  it('never believes a fact that was sealed with another key', async () => {
    await establish();
    const second = await startProcess(kind.settings(), randomBytes(32));
    expect((await second.know(fact, down)).outcome).toEqual(down);
    expect(second.results).toEqual(['bad']);
    await second.store.close();
  });

  it('never believes a fact that was put under another name', async () => {
    await establish();
    const other = `${fact} of a stranger`;
    const second = await startProcess(kind.settings());
    await second.know(other, good('other'));
    await second.store.close();
    let moved = '';
    await kind.tamper(storedName(fact), (value) => {
      moved = value;
      return value;
    });
    await kind.tamper(storedName(other), () => moved);
    const third = await startProcess(kind.settings());
    expect((await third.know(other, down)).outcome).toEqual(down);
    expect(third.results).toEqual(['bad']);
    await third.store.close();
  });

  it('gives nothing of another shape', async () => {
    await establish();
    const second = await startProcess(kind.settings());
    const strict: Belief<string> = Object.assign(() => belief(''), { decode: () => null });
    expect((await second.know(fact, down, strict)).outcome).toEqual(down);
    expect(second.results).toEqual(['undecodable']);
    await second.store.close();
  });

  it('keeps no fact that may not leave the process', async () => {
    const first = await startProcess(kind.settings());
    await first.know(fact, good('private'), () => belief(''));
    await first.store.close();
    const second = await startProcess(kind.settings());
    expect((await second.know(fact, down)).outcome).toEqual(down);
    expect(second.results).toEqual(['miss']);
    await second.store.close();
  });

  it('keeps facts across a restart, and forgets those of another trust', async () => {
    await establish();
    const second = await startProcess(kind.settings());
    expect(await second.know(fact, down)).toEqual({ outcome: good('signed'), lastKnownGoodAge: null });
    expect((await second.know(`${fact} other trust`, down)).outcome).toEqual(down);
    // Once known, a fact answers without a promise.
    expect(second.facts.know(fact, belief, async () => down, deadlineIn(1_000, Date.now()))).not.toBeInstanceOf(Promise);
    await second.store.close();
  });

  it('keeps the age of a fact: an old one bridges an outage with a mark, and is asked again otherwise', async () => {
    await establish();
    const second = await startProcess(kind.settings());
    second.time.ahead = 30_000;
    const bridged = await second.know(fact, down);
    expect(bridged.outcome).toEqual(good('signed'));
    expect(bridged.lastKnownGoodAge).toBeGreaterThanOrEqual(30);
    expect((await second.know(fact, good('new'))).outcome).toEqual(good('new'));
    await second.store.close();
  });

  it('takes away a fact whose successor is too large to keep', async () => {
    await establish();
    const second = await startProcess(kind.settings());
    second.time.ahead = 30_000;
    await second.know(fact, good('x'.repeat(largestValue)));
    await second.store.close();
    const third = await startProcess(kind.settings());
    expect((await third.know(fact, down)).outcome).toEqual(down);
    await third.store.close();
  });
});

describe('a shared store', () => {
  it.each(['stopped', 'frozen'])('that is %s holds up nobody, and is used again when it is back', async (how) => {
    const one = await startProcess(kinds.redis.settings());
    const end = how === 'stopped' ? () => server.stop() : async () => server.freeze();
    const recover = how === 'stopped' ? () => server.start() : async () => server.thaw();
    await end();
    const began = performance.now();
    expect((await one.know('during', good('gathered'))).outcome).toEqual(good('gathered'));
    expect(performance.now() - began).toBeLessThan(500);
    expect(one.results).toEqual(['unavailable']);
    await recover();
    await waitFor('the store to be used again', async () => {
      await one.know(`after ${randomBytes(4).toString('hex')}`, good('x'));
      return one.results.at(-1) === 'miss' ? true : null;
    });
    await one.store.close();
  });

  describe('that asks for a password over TLS', () => {
    const certificate = makeCertificate(['localhost']);
    const stranger = makeCertificate(['localhost']);
    let guarded: SharedServer;
    beforeAll(async () => {
      guarded = await startRedisServer({ certificate, password: 'a pass word' });
    });
    afterAll(() => guarded.dispose());

    it.each([
      ['no password', { password: null }],
      ['another password', { password: 'guess' }],
      ['another user', { username: 'mallory' }],
      ['another authority', { ca: stranger.cert }],
    ])('gives nothing to who has %s', async (_, change) => {
      const login = { username: null, password: 'a pass word', ca: certificate.cert, ...change };
      const tried = Promise.withResolvers<void>();
      const world: typeof storeWorld = {
        ...storeWorld,
        connect(...args) {
          const client = storeWorld.connect(...args);
          if (client instanceof EventEmitter) for (const event of ['error', 'ready']) client.once(event, () => tried.resolve());
          return client;
        },
      };
      const opened = openStore({ kind: 'redis', url: guarded.url, login }, { secret, clock: Date.now, events: {}, world });
      if (!opened.ok || opened.value === null) throw new Error('the store can be opened');
      const { store } = opened.value;
      await tried.promise;
      expect(await store.read(storedName('x'))).toEqual({ state: 'unavailable' });
      expect(store.status()).toMatchObject({ reachable: false });
      await store.close();
    });

    it('keeps facts for who has both', async () => {
      const process = await startProcess({ kind: 'redis', url: guarded.url, login: { username: 'default', password: 'a pass word', ca: certificate.cert } });
      await process.know('shared', good('kept'));
      await waitFor('the fact to be there', async () => ((await process.store.read(storedName('shared'))).state === 'found' ? true : null));
      await process.store.close();
    });
  });

  it('needs a key of enough bytes', () => {
    const settings: StoreSettings = { kind: 'redis', url: server.url, login: nobody };
    for (const key of [null, randomBytes(31)])
      expect(openStore(settings, { secret: key, clock: Date.now, events: {}, world: storeWorld })).toMatchObject({
        ok: false,
        fault: { code: 'CONFIG_INVALID' },
      });
  });
});

describe('a SQLite store', () => {
  it('makes a key of its own that only its owner can read, and uses it again', () => {
    const file = join(folder, 'own', 'facts.db');
    const settings: StoreSettings = { kind: 'sqlite', file };
    const keys = [1, 2].map(() => {
      const opened = openStore(settings, { secret: null, clock: Date.now, events: {}, world: storeWorld });
      return opened.ok ? opened.value?.secret : null;
    });
    expect(keys[0]).toHaveLength(32);
    expect(keys[1]).toEqual(keys[0]);
    expect([file, `${file}.key`].map((path) => statSync(path).mode & 0o777)).toEqual([0o600, 0o600]);
  });

  it('refuses a file that is no database', () => {
    const file = join(folder, 'text.db');
    writeFileSync(file, 'this is no database, but a text that is long enough to be looked at');
    expect(openStore({ kind: 'sqlite', file }, { secret, clock: Date.now, events: {}, world: storeWorld })).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID' },
    });
  });
});

describe('memory', () => {
  it('is no store outside the process', () => {
    expect(storeKinds.memory({ kind: 'memory' }, { secret: null, clock: Date.now, events: {}, world: storeWorld })).toEqual(good(null));
  });
});
