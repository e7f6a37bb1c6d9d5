/** Stores of facts: whatever they do wrong, the evidence is gathered as if there were none. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect as connectTo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createSharedFacts, type RecallResult } from '../../../src/evidence/sharedFacts.ts';
import { type OpenedStore, openStore, type StoreSettings, type storeKinds } from '../../../src/evidence/stores/index.ts';
import { largestValue } from '../../../src/evidence/stores/store.ts';
import { storeWorld } from '../../../src/factStores.ts';
import { publishImage } from '../../fakes/publish.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { startRedisServer } from '../../rig/valkey.ts';
import { waitFor } from '../../rig/wait.ts';
import { findingFree } from './attached.ts';
import type { Scene, Strike } from './matrix.ts';
import { makeFacts, openClient, openLine, type World } from './world.ts';

const secret = randomBytes(32);
let serial = 0;

function open(settings: StoreSettings): OpenedStore {
  const opened = openStore(settings, { secret, clock: Date.now, events: {}, world: storeWorld });
  if (!opened.ok || opened.value === null) throw new Error('the store can be opened');
  return opened.value;
}

/** Each judgement is that of a process that has just started: all it could know lies in the store. */
async function openScene(
  world: World,
  settings: StoreSettings,
  strikes: Scene['strikes'],
  close: () => Promise<void>,
  began: (at: number) => void = () => {},
  words?: Scene['words'],
): Promise<Scene> {
  const registry = await startRegistry();
  const client = openClient(registry.host);
  const { store } = open(settings);
  const limits = { readWithin: 100, restFor: 1_000, keepFor: 60_000 };
  return {
    strikes,
    // Nobody waits for a store, however slow it is.
    deadline: 10_000,
    ...(words === undefined ? {} : { words }),
    async cell() {
      serial += 1;
      const image = await publishImage({ registry: registry.origin, repository: `acme/kept-${serial}`, tag: '1.0', content: `kept ${serial}` });
      const judge = async (deadline: number) => {
        const looks: RecallResult[] = [];
        const shared = createSharedFacts(store, secret, limits, Date.now, { recalled: (result) => looks.push(result) });
        const judged = await openLine({ policies: world.scanned, client, sources: [findingFree()], facts: makeFacts(shared) })(image, deadline);
        const bad = looks.find((look) => look !== 'hit' && look !== 'miss');
        return bad === undefined ? judged : { ...judged, saw: `${judged.saw}, store not used` };
      };
      // Established before anything goes wrong.
      began(Date.now());
      await judge(2_000);
      await waitFor('the facts to be kept', async () => ((await judge(2_000)).saw.includes('store') ? null : true));
      return { image, judge, close: () => {} };
    },
    async close() {
      await store.close();
      await client.close();
      await registry.close();
      await close();
    },
  };
}

const noNetwork = 'a file is no server';
const oneByOne = 'facts are asked for one by one';

async function sqliteScene(world: World): Promise<Scene> {
  /** When the facts of the last cell were asked for, in milliseconds since the epoch. */
  let lastCell = 0;
  const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
  const file = join(folder, 'facts.db');
  const other = (): DatabaseSync => new DatabaseSync(file);
  /** Once the facts lie in the file: what is still under way answers by itself, and would be written over what is done here. */
  const settled = async (): Promise<DatabaseSync> => {
    const database = other();
    const wrote = database.prepare('select count(*) as n from facts where written >= ?');
    await waitFor('the facts to lie in the file', async () => (Number(wrote.get(lastCell)?.['n']) >= 3 ? true : null));
    return database;
  };
  const spoiled =
    (change: string): Strike =>
    async () => {
      const database = await settled();
      database.exec(`create table if not exists kept as select * from facts; update facts set value = ${change}`);
      return () => {
        database.exec('insert or replace into facts select * from kept; drop table kept');
        database.close();
      };
    };
  return openScene(
    world,
    { kind: 'sqlite', file },
    {
      down: async () => {
        const database = await settled();
        database.exec('alter table facts rename to away');
        return () => {
          database.exec('alter table away rename to facts');
          database.close();
        };
      },
      slow: () => {
        const database = other();
        database.exec('begin exclusive');
        return () => {
          database.exec('rollback');
          database.close();
        };
      },
      401: noNetwork,
      403: noNetwork,
      404: () => {
        const database = other();
        database.exec('delete from facts');
        return () => database.close();
      },
      429: noNetwork,
      500: noNetwork,
      reset: spoiled('substr(value, 1, length(value) / 2)'),
      garbage: spoiled("'x'"),
      other: spoiled('(select value from facts limit 1)'),
      endless: oneByOne,
      junk: oneByOne,
      huge: spoiled(`replace(hex(zeroblob(${largestValue})), '00', 'xx')`),
      loop: noNetwork,
      inward: noNetwork,
      expired: noNetwork,
    },
    async () => rmSync(folder, { recursive: true }),
    (at) => {
      lastCell = at;
    },
    {
      down: 'has no table',
      slow: 'is held by another process',
      404: 'does not hold the facts',
      reset: 'holds half of each value',
      garbage: 'holds garbage',
      other: 'holds the values of other facts',
      huge: 'holds values without a bound',
    },
  );
}

type Answer = 'pass' | 'hang' | 'cut' | { readonly says: string | Buffer };

async function redisScene(world: World): Promise<Scene> {
  const server = await startRedisServer();
  let does: Answer = 'pass';
  const sockets = new Set<Socket>();
  const gate = createServer((socket) => {
    const upstream = connectTo(server.port, '127.0.0.1');
    for (const each of [socket, upstream]) {
      sockets.add(each);
      each
        .on('error', () => {})
        .on('close', () => {
          sockets.delete(each);
          socket.destroy();
          upstream.destroy();
        });
    }
    upstream.on('data', (chunk) => void socket.write(chunk));
    socket.on('data', (chunk) => {
      if (does === 'pass') upstream.write(chunk);
      else if (does === 'cut') socket.write('$1000\r\nhalf', () => socket.destroy());
      else if (does !== 'hang') socket.write(does.says);
    });
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => gate.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = gate.address() as AddressInfo;
  const stop = (): Promise<void> =>
    new Promise((resolve) => {
      gate.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const doing =
    (next: Answer): Strike =>
    () => {
      does = next;
      return () => {
        does = 'pass';
        for (const socket of sockets) socket.destroy();
      };
    };
  const refusing = (words: string): Strike => doing({ says: `-${words}\r\n` });
  const stored = 'a value of Redis is one text';
  return openScene(
    world,
    { kind: 'redis', url: `redis://127.0.0.1:${port}/3`, login: { username: null, password: null, ca: null } },
    {
      down: async () => {
        await stop();
        return () => listen(port);
      },
      slow: doing('hang'),
      401: refusing('NOAUTH Authentication required.'),
      403: refusing('NOPERM this user has no permissions'),
      404: 'a fact that is not there is what every first look finds',
      429: refusing('MAXCLIENTS max number of clients reached'),
      500: refusing('LOADING the dataset is being loaded'),
      reset: doing('cut'),
      garbage: doing({ says: '?!\r\n' }),
      other: doing({ says: '$4\r\nevil\r\n' }),
      endless: stored,
      junk: stored,
      huge: doing({ says: `$${2 * largestValue}\r\n${'x'.repeat(2 * largestValue)}\r\n` }),
      loop: 'the protocol has no redirect that the client follows',
      inward: 'the protocol has no redirect that the client follows',
      expired: 'the certificate of rediss:// is verified as Node does everywhere',
    },
    async () => {
      await stop();
      await server.dispose();
    },
  );
}

export const storeScenes: Record<Exclude<keyof typeof storeKinds, 'memory'>, (world: World) => Promise<Scene>> = { sqlite: sqliteScene, redis: redisScene };
