/** The store that facts are shared in, as the configuration wants it: files, keys, clients. */
import { randomBytes } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { createClient } from '@redis/client';
import type { LoadedConfig } from './config/index.ts';
import { good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import { createSharedFacts, type RecallResult, type SharedFacts } from './evidence/sharedFacts.ts';
import { type OpenedStore, openStore, type RedisLogin, type StoreParts, type StoreSettings } from './evidence/stores/index.ts';
import type { Metrics } from './server/metrics.ts';
import type { ReadinessCheck } from './server/ops.ts';

/** A look at the store may take 50 ms, and after one that took longer it is left alone for a second. */
const storeLimits = { readWithin: 50, restFor: 1_000 };

export const storeWorld: StoreParts['world'] = {
  openDatabase(file) {
    mkdirSync(dirname(file), { recursive: true });
    // SQLite would make it readable for all that the umask lets.
    closeSync(openSync(file, 'a', 0o600));
    chmodSync(file, 0o600);
    return new DatabaseSync(file);
  },
  ownSecret(file, bytes) {
    mkdirSync(dirname(file), { recursive: true });
    try {
      writeFileSync(file, randomBytes(bytes), { mode: 0o600, flag: 'wx' });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
    return readFileSync(file);
  },
  connect(url, { username, password, ca }, { connectTimeout, commands, pause }) {
    const limits = { connectTimeout, reconnectStrategy: pause };
    const client = createClient({
      url,
      ...(username === null ? {} : { username }),
      ...(password === null ? {} : { password }),
      disableOfflineQueue: true,
      commandsQueueMaxLength: commands,
      socket: url.startsWith('rediss:') ? { ...limits, tls: true, ...(ca === null ? {} : { ca }) } : limits,
    });
    // Without a listener a lost connection would end the process. What it means is in the store's status.
    client.on('error', () => {});
    void client.connect().catch(() => {});
    return client;
  },
};

/** Opens the store that the configuration names; null: facts are in memory alone. */
export async function openFactStore(config: LoadedConfig, metrics: Metrics): Promise<Outcome<OpenedStore | null>> {
  const { store, keyFile, username, passwordFile, caFile } = config.settings.evidence;
  const secret = keyFile === undefined ? good(null) : await config.file(keyFile);
  if (!secret.ok) return secret;
  const password = await readText(config, passwordFile);
  if (!password.ok) return password;
  const ca = await readText(config, caFile);
  if (!ca.ok) return ca;
  // An editor ends a file with a line break; no password does.
  const login = { username, password: password.value?.replace(/\r?\n$/, '') ?? null, ca: ca.value };
  return openStore(storeSettings(store, login, config.resolvePath), {
    secret: secret.value,
    clock: Date.now,
    events: { lost: metrics.factsLost },
    world: storeWorld,
  });
}

async function readText(config: LoadedConfig, file: string | null): Promise<Outcome<string | null>> {
  if (file === null) return good(null);
  const bytes = await config.file(file);
  return bytes.ok ? good(Buffer.from(bytes.value).toString('utf8')) : bytes;
}

function storeSettings(store: string, login: RedisLogin, resolvePath: (path: string) => string): StoreSettings {
  if (store === 'memory') return { kind: 'memory' };
  return store.startsWith('sqlite:') ? { kind: 'sqlite', file: resolvePath(store.slice('sqlite:'.length)) } : { kind: 'redis', url: store, login };
}

/** Facts as the store shares them between replicas and restarts, sealed with our key. */
export function shareFacts(opened: OpenedStore | null, { settings }: LoadedConfig, metrics: Metrics, log: Log): SharedFacts | null {
  if (opened === null) return null;
  const { lastKnownGoodFor, refreshAfter } = settings.evidence;
  const limits = { ...storeLimits, keepFor: Math.max(lastKnownGoodFor, 2 * refreshAfter) };
  let told = Number.NEGATIVE_INFINITY;
  const recalled = (result: RecallResult): void => {
    metrics.factRecalled(result);
    // One line a minute: whoever can write there could fill the log. The metric counts all.
    if (result !== 'bad' || performance.now() - told < 60_000) return;
    told = performance.now();
    log.error({}, 'the evidence store holds a fact that was not sealed with our key, or was changed; it is not used');
  };
  return createSharedFacts(opened.store, opened.secret, limits, Date.now, { recalled });
}

/** Never a reason not to be ready: without the store, facts are in memory. */
export function storeChecks(opened: OpenedStore | null): ReadinessCheck[] {
  return opened === null ? [] : [{ name: 'evidence store', ready: true, reason: opened.store.status().reason }];
}
