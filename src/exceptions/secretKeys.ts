import { randomBytes } from 'node:crypto';
import type { Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { type SealKeys, shortestKey } from './seal.ts';

/** The Secret that replicas share. `version` changes with each write. */
export interface KeyStore {
  /** null: there is no such Secret. */
  read(signal: AbortSignal): Promise<Outcome<{ readonly version: string; readonly key: string | null; readonly previous: string | null } | null>>;
  /** false: another replica was first. */
  fill(version: string, key: string, signal: AbortSignal): Promise<Outcome<boolean>>;
}

export interface SecretKeysParts {
  readonly store: KeyStore;
  readonly log: Pick<Log, 'warn' | 'info'>;
  /** Milliseconds between two looks, and after one that failed. */
  readonly every?: number;
  readonly retry?: number;
}

export interface WatchedKeys extends SealKeys {
  onChange(listener: () => void): void;
  close(): void;
}

const callTime = 5_000;

/**
 * Keys out of a Secret: `key`, made by the first replica that finds none, and `previous`. Looked at again and again, so that a key can
 * be replaced. Without a key nothing is sealed and nothing counts; the webhook works all the same.
 */
export async function openSecretKeys({ store, log, every = 30_000, retry = 3_000 }: SecretKeysParts): Promise<WatchedKeys> {
  const closing = new AbortController();
  const listeners = new Set<() => void>();
  let keys: readonly Uint8Array[] = [];
  let shown = '';
  let told = '';
  let timer: NodeJS.Timeout | undefined;

  const look = async (): Promise<void> => {
    const problem = await lookOnce();
    if (closing.signal.aborted) return;
    if (problem !== null && problem !== told) log.warn({ reason: problem }, 'the key of the seal on exceptions is not to be had; trying again');
    told = problem ?? '';
    timer = setTimeout(() => void look(), problem === null ? every : retry);
    timer.unref();
  };
  /** Why there is no key; null when there is one. */
  const lookOnce = async (): Promise<string | null> => {
    const signal = AbortSignal.any([closing.signal, AbortSignal.timeout(callTime)]);
    const read = await store.read(signal);
    if (!read.ok) return read.fault.message;
    if (read.value === null) return 'there is no such Secret; apply manifests/ again';
    const { version, key, previous } = read.value;
    if (key === null || key === '') {
      const filled = await store.fill(version, randomBytes(shortestKey).toString('hex'), signal);
      if (!filled.ok) return filled.fault.message;
      if (filled.value) log.info({}, 'a key for the seal on exceptions was made');
      return filled.value ? lookOnce() : 'another replica makes it';
    }
    if (key.length < shortestKey) return `its value \`key\` has less than ${shortestKey} bytes`;
    const next = [key, ...(previous === null || previous.length < shortestKey ? [] : [previous])];
    if (next.join('\n') === shown) return null;
    shown = next.join('\n');
    keys = next.map((each) => Buffer.from(each, 'utf8'));
    for (const listener of listeners) listener();
    return null;
  };
  await look();
  return {
    keys: () => keys,
    onChange: (listener) => void listeners.add(listener),
    close() {
      closing.abort();
      clearTimeout(timer);
      listeners.clear();
    },
  };
}
