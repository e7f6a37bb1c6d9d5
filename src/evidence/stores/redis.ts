import { type FactStore, largestValue, type RedisLogin, type StoreEvents, type StoreRead, type StoreWorld } from './store.ts';

const prefix = 'tidewaiter:fact:';
const connectTimeout = 2_000;
const longestPause = 5_000;
/** Commands under way at most: beyond it the store counts as out of reach. */
const mostCommands = 2_000;
/** Bytes of values under way at most. */
const mostBytes = 32 * 1024 * 1024;

/**
 * Facts that replicas share in Redis or Valkey. Connects in the background and again after a loss, with growing pauses; what is asked
 * meanwhile is unavailable at once. Commands of one turn go out together.
 *
 * @param url `redis://HOST:PORT[/DB]` or `rediss://…`
 */
export function openRedisStore(url: string, login: RedisLogin, { connect }: Pick<StoreWorld, 'connect'>, events: StoreEvents): FactStore {
  const pause = (retries: number): number => Math.min(longestPause, 50 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2);
  const client = connect(url, login, { connectTimeout, commands: mostCommands, pause });
  let bytes = 0;
  let refused = false;

  const send = (command: () => Promise<unknown>, size: number): void => {
    if (!client.isReady || bytes + size > mostBytes) {
      events.lost?.(1);
      return;
    }
    bytes += size;
    command()
      .then(
        () => {
          refused = false;
        },
        () => {
          refused = true;
          events.lost?.(1);
        },
      )
      .finally(() => {
        bytes -= size;
      });
  };

  return {
    async read(name): Promise<StoreRead> {
      if (!client.isReady) return { state: 'unavailable' };
      try {
        // GETRANGE, since GET would bring home whatever size somebody else has put there. It gives an empty text for what is missing.
        const value = await client.getRange(prefix + name, 0, largestValue);
        refused = false;
        return value === null || value === '' ? { state: 'missing' } : { state: 'found', value };
      } catch {
        refused = client.isReady;
        return { state: 'unavailable' };
      }
    },
    write: (name, value, keepFor) =>
      send(() => client.set(prefix + name, value, { expiration: { type: 'PX', value: Math.max(1, Math.round(keepFor)) } }), value.length),
    remove: (name) => send(() => client.del(prefix + name), 0),
    status() {
      if (!client.isReady) return { reachable: false, reason: 'the shared store is out of reach; facts are in memory only' };
      return refused
        ? { reachable: false, reason: 'the shared store refuses what it is asked, by a right or a limit of its own; facts are in memory only' }
        : { reachable: true, reason: 'facts are shared' };
    },
    async close() {
      // A store that does not answer must not hold up the end.
      const limit = new Promise<void>((resolve) => setTimeout(resolve, 1_000).unref());
      if (client.isReady) await Promise.race([client.close().catch(() => {}), limit]);
      if (client.isOpen) client.destroy();
    },
  };
}
