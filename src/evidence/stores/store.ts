/** What a look at a store comes to. "Could not look" is no answer: the fact is gathered as if there were no store. */
export type StoreRead = { readonly state: 'found'; readonly value: string } | { readonly state: 'missing' } | { readonly state: 'unavailable' };

/** A place outside the memory of this process where sealed facts are kept. Nothing in it is believed: see seal.ts. */
export interface FactStore {
  /** Never rejects; gives at most a little more than `largestValue` characters, however much is there. */
  read(name: string): Promise<StoreRead>;
  /** Returns at once; a value that can't be kept is lost, and counted. `keepFor` in milliseconds. */
  write(name: string, value: string, keepFor: number): void;
  /** Takes away what is there, where a newer value can not be kept. */
  remove(name: string): void;
  status(): { readonly reachable: boolean; readonly reason: string };
  /** Writes what waits, then lets go. */
  close(): Promise<void>;
}

export interface StoreEvents {
  /** A value that was to be kept, or taken away, and was not. */
  readonly lost?: (values: number) => void;
}

/** Bytes of a sealed value that is kept; what is larger stays in memory. */
export const largestValue = 1024 * 1024;

/** A SQLite database; the calls throw, as node:sqlite's do. */
export interface SqlDatabase {
  exec(sql: string): void;
  prepare(sql: string): {
    get(...values: (string | number)[]): Record<string, unknown> | undefined;
    run(...values: (string | number)[]): unknown;
  };
  readonly isTransaction: boolean;
  close(): void;
}

/** A connection that comes back by itself; what is asked while it is down is rejected at once. */
export interface RedisConnection {
  readonly isReady: boolean;
  readonly isOpen: boolean;
  getRange(key: string, start: number, end: number): Promise<string | null>;
  set(key: string, value: string, options: { readonly expiration: { readonly type: 'PX'; readonly value: number } }): Promise<unknown>;
  del(key: string): Promise<unknown>;
  close(): Promise<unknown>;
  destroy(): void;
}

/** Who connects to a Redis server, and whom it trusts with `rediss://`. */
export interface RedisLogin {
  /** null: the default user. */
  readonly username: string | null;
  readonly password: string | null;
  /** PEM; null for the authorities of the system. */
  readonly ca: string | null;
}

export interface RedisLimits {
  readonly connectTimeout: number;
  readonly commands: number;
  readonly pause: (retries: number) => number;
}

/** What stores need of the world, handed in by who starts the program. All but `connect` throw. */
export interface StoreWorld {
  /** Opens a file that only its owner can read, and makes it where there is none. */
  openDatabase(file: string): SqlDatabase;
  /** Random bytes kept in a file that only its owner can read; made where there is none. */
  ownSecret(file: string, bytes: number): Uint8Array;
  connect(url: string, login: RedisLogin, limits: RedisLimits): RedisConnection;
}
