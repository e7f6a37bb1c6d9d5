/** The exceptions of a configuration: out of a folder, out of the cluster; and who answers when one is written there. */
import type { ClusterApi } from './cluster/api.ts';
import { watchImageExceptions } from './cluster/imageExceptions.ts';
import type { LoadedConfig, Settings } from './config/index.ts';
import { readYaml } from './config/yaml.ts';
import { good, type Outcome } from './domain/fault.ts';
import { property } from './domain/json.ts';
import type { Log } from './domain/log.ts';
import {
  createExceptionReview,
  createExceptionRoom,
  type ExceptionReview,
  type ExceptionRoom,
  type ExceptionSource,
  type ExceptionTimes,
  type FolderParts,
  type Held,
  noExceptionReview,
  openClusterExceptions,
  openExceptionFolder,
  openSecretKeys,
  type WatchedKeys,
} from './exceptions/index.ts';
import { FolderWatch } from './policy/watch.ts';

export interface ExceptionNeeds {
  /** How to reach the cluster; null at the desk, where the folder alone counts. */
  readonly connect: ((config: LoadedConfig) => Promise<Outcome<ClusterApi>>) | null;
  readonly log: Log;
}

export interface OpenedExceptions {
  readonly room: ExceptionRoom;
  readonly review: ExceptionReview;
  close(): void;
}

type ExceptionSettings = NonNullable<Settings['exceptions']>;

/** Opens every source of exceptions that the configuration names. Fault: CONFIG_INVALID. */
export async function openExceptions(config: LoadedConfig, { connect, log }: ExceptionNeeds): Promise<Outcome<OpenedExceptions>> {
  const { exceptions } = config.settings;
  const cluster = exceptions?.seal == null || connect === null ? good(null) : await openCluster(config, exceptions, exceptions.seal, connect, log);
  if (!cluster.ok) return cluster;
  const directory = exceptions?.directory ?? null;
  const folder =
    exceptions === null || directory === null
      ? []
      : [await openExceptionFolder({ path: config.resolvePath(directory), times: timesOf(exceptions), parse, watch })];
  if (cluster.value === null) {
    const room = createExceptionRoom(folder, log);
    return good({ room, review: noExceptionReview, close: () => room.close() });
  }
  const { source, keys, api, longest } = cluster.value;
  const room = createExceptionRoom([...folder, source], log);
  const review = createExceptionReview({
    keys,
    longest,
    mayDo: (question, signal) => api.reviewAccess({ ...question, group: 'tidewaiter.dev' }, signal),
    countIn: room.countIn,
    clock: Date.now,
    log,
  });
  return good({
    room,
    review,
    close() {
      keys.close();
      room.close();
    },
  });
}

/** What the folder of exceptions holds now; null where the configuration names none. */
export async function readExceptionFolder(config: LoadedConfig): Promise<readonly Held[] | null> {
  const { exceptions } = config.settings;
  if (exceptions === null || exceptions.directory === null) return null;
  const folder = await openExceptionFolder({
    path: config.resolvePath(exceptions.directory),
    times: timesOf(exceptions),
    parse,
    watch: () => ({ close: () => {} }),
  });
  folder.close();
  return folder.held;
}

function timesOf({ longest, warnBefore }: ExceptionSettings): ExceptionTimes {
  return { longest, warnBefore };
}

interface OpenedCluster {
  readonly source: ExceptionSource;
  readonly keys: WatchedKeys;
  readonly api: ClusterApi;
  readonly longest: number;
}

async function openCluster(
  config: LoadedConfig,
  settings: ExceptionSettings,
  seal: NonNullable<ExceptionSettings['seal']>,
  connect: NonNullable<ExceptionNeeds['connect']>,
  log: Log,
): Promise<Outcome<OpenedCluster>> {
  const api = await connect(config);
  if (!api.ok) return api;
  const keys = await openKeys(config, seal, api.value, log);
  if (!keys.ok) return keys;
  const source = await openClusterExceptions({ follow: followIn(config, log), keys: keys.value, times: timesOf(settings) });
  if (source.ok) return good({ source: source.value, keys: keys.value, api: api.value, longest: settings.longest });
  keys.value.close();
  return source;
}

async function openKeys(config: LoadedConfig, seal: NonNullable<ExceptionSettings['seal']>, api: ClusterApi, log: Log): Promise<Outcome<WatchedKeys>> {
  if (seal.secret !== undefined) return good(await openSecretKeys({ store: keyStore(api, seal.secret), log }));
  const keys: Uint8Array[] = [];
  for (const file of [seal.keyFile, seal.previousKeyFile]) {
    if (file === undefined) continue;
    const read = await config.file(file);
    if (!read.ok) return read;
    keys.push(read.value);
  }
  return good({ keys: () => keys, onChange: () => {}, close: () => {} });
}

function keyStore(api: ClusterApi, { namespace, name }: { readonly namespace: string; readonly name: string }): Parameters<typeof openSecretKeys>[0]['store'] {
  return {
    async read(signal) {
      const secret = await api.readSecret(namespace, name, signal);
      if (!secret.ok || secret.value === null) return secret.ok ? good(null) : secret;
      const { resourceVersion, data } = secret.value;
      return good({ version: resourceVersion, key: data['key'] ?? null, previous: data['previous'] ?? null });
    },
    fill: (version, key, signal) => api.updateSecret(namespace, name, { resourceVersion: version, data: { key } }, signal),
  };
}

/** Milliseconds that a start waits for the first list. */
const firstList = 5_000;

function followIn({ settings: { cluster }, resolvePath }: LoadedConfig, log: Log): Parameters<typeof openClusterExceptions>[0]['follow'] {
  const file = cluster?.kubeconfig ?? null;
  return ({ put, drop }) => watchImageExceptions({ kubeconfig: file === null ? null : resolvePath(file), patience: firstList, put, drop, log });
}

/** Objects in one file. */
const mostDocuments = 1_000;

const parse: FolderParts['parse'] = (text) => {
  const { documents, faults } = readYaml(text, { documents: mostDocuments, merge: true });
  const values = documents.map(({ value }) => value).filter((value) => value !== null && value !== undefined);
  const objects = values.flatMap((value): readonly unknown[] => {
    const items = property(value, 'items');
    return property(value, 'kind') === 'List' && Array.isArray(items) ? items : [value];
  });
  return { objects, faults: faults.map(({ message, line, column }) => `${line}:${column}: ${message}`) };
};

/** Milliseconds: an editor writes in several steps, and mounted volumes tell nothing. */
const watching = { settle: 50, poll: 1_000 };

const watch: FolderParts['watch'] = (path, changed) => {
  const watcher = new FolderWatch(changed, watching);
  watcher.follow([path]);
  return watcher;
};
