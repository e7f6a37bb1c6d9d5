/** The list of stores. A new one is a file beside this one and a line here. */
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { openRedisStore } from './redis.ts';
import { openSqliteStore, sqliteLimits } from './sqlite.ts';
import type { FactStore, RedisLogin, StoreEvents, StoreWorld } from './store.ts';

export type { RedisLogin } from './store.ts';

export type StoreSettings =
  | { readonly kind: 'memory' }
  /** An absolute path. */
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'redis'; readonly url: string; readonly login: RedisLogin };

/** A store and the key that seals what is in it. */
export interface OpenedStore {
  readonly store: FactStore;
  readonly secret: Uint8Array;
}

export interface StoreParts {
  /** What the configured keyFile holds; null where none is configured. */
  readonly secret: Uint8Array | null;
  readonly clock: () => number;
  readonly events: StoreEvents;
  readonly world: StoreWorld;
}

/** Bytes; HMAC-SHA-256 gains nothing above 32 and is weaker below. */
const shortestSecret = 32;

/** Opens a store of each kind; null where facts stay in memory. Fault: CONFIG_INVALID. */
export const storeKinds: {
  readonly [K in StoreSettings['kind']]: (settings: Extract<StoreSettings, { kind: K }>, parts: StoreParts) => Outcome<OpenedStore | null>;
} = {
  memory: () => good(null),
  sqlite({ file }, { secret, clock, events, world }) {
    const used = secret === null ? ownSecret(world, `${file}.key`) : checkSecret(secret);
    if (!used.ok) return used;
    const store = openSqliteStore(file, sqliteLimits, world, clock, events);
    return store.ok ? good({ store: store.value, secret: used.value }) : store;
  },
  redis({ url, login }, { secret, events, world }) {
    if (secret === null) return bad('CONFIG_INVALID', 'evidence.keyFile is needed with a shared store: one key for all replicas');
    const used = checkSecret(secret);
    return used.ok ? good({ store: openRedisStore(url, login, world, events), secret: used.value }) : used;
  },
};

export function openStore(settings: StoreSettings, parts: StoreParts): Outcome<OpenedStore | null> {
  switch (settings.kind) {
    case 'memory':
      return storeKinds.memory(settings, parts);
    case 'sqlite':
      return storeKinds.sqlite(settings, parts);
    case 'redis':
      return storeKinds.redis(settings, parts);
  }
}

function checkSecret(secret: Uint8Array): Outcome<Uint8Array> {
  return secret.length >= shortestSecret ? good(secret) : bad('CONFIG_INVALID', `evidence.keyFile must hold at least ${shortestSecret} bytes`);
}

/** The key beside a file of ours, made where there is none. */
function ownSecret(world: StoreWorld, path: string): Outcome<Uint8Array> {
  try {
    return checkSecret(world.ownSecret(path, shortestSecret));
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the key beside the file of evidence.store can not be made or read', { cause });
  }
}
