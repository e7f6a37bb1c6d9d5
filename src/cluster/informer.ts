import type { ConfigurationOptions, KubeConfig, KubernetesListObject, KubernetesObject, Watch } from '@kubernetes/client-node';
import { bad, type FaultCode, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text } from '../domain/json.ts';
import type { Log } from '../domain/log.ts';
import { backOff } from './backOff.ts';
import { endedBy, type Library, loadCluster, networkCode } from './client.ts';

/** A kind of object, and how a page of them is asked for. */
export interface FollowedKind {
  /** In messages, such as `VulnerabilityReports`. */
  readonly words: string;
  /** What of the API is followed, such as `/api/v1/namespaces`. */
  readonly path: string;
  /** Objects of a page. */
  readonly pageSize: number;
  /** What a 404 means, in words, and what is to be applied where this process has no right (401, 403). */
  readonly absent: string;
  readonly grant: string;
  list(library: Library, config: KubeConfig): ListPage;
}

export type ListPage = (page: { readonly limit: number; readonly _continue?: string }, options: ConfigurationOptions) => Promise<unknown>;

export interface FollowOptions {
  /** A kubeconfig file, or null for in-cluster. */
  readonly kubeconfig: string | null;
  /** Objects at most; a cluster with more is not listed to its end. */
  readonly most: number;
  /** Milliseconds to wait for the first list. */
  readonly patience: number;
  /** Milliseconds of the first pause after a failure; it doubles with each further one. */
  readonly pause?: number;
  /** Milliseconds that a page of a list may take. */
  readonly answerFor?: number;
  /** Added or changed; must not throw. `key` is `namespace/name`. */
  put(key: string, object: unknown): void;
  drop(key: string): void;
  readonly log: Pick<Log, 'warn'>;
}

export interface Followed {
  /** Bad while the objects are not known to be all, and as they are now. */
  state(): Outcome<void>;
  close(): void;
}

const longestPause = 30_000;

/**
 * Follows all objects of a kind through an informer. The informer lists anew on 410 by itself, but stops for good on
 * any other error (a socket that breaks, an API server that restarts): here it is started again, after a pause that grows. Of what it
 * keeps it is left the metadata only, so that memory is bounded by the reader. Fault: CONFIG_INVALID.
 */
export async function followObjects(kind: FollowedKind, options: FollowOptions): Promise<Outcome<Followed>> {
  const loaded = await loadCluster(options.kubeconfig);
  if (!loaded.ok) return loaded;
  const { library, config } = loaded.value;
  const { words } = kind;
  const { log } = options;
  const pauses = backOff(options.pause ?? 1000, longestPause);
  let state: Outcome<void> = bad('REGISTRY_UNAVAILABLE', `the ${words} of the cluster were not listed yet`);
  let timer: NodeJS.Timeout | undefined;
  const closing = new AbortController();
  /** Keys, and the version that was told. */
  const held = new Map<string, string | undefined>();
  let told = '';
  let settle = (): void => {};
  const first = new Promise<void>((resolve) => {
    settle = resolve;
  });

  const take = (object: KubernetesObject): void => {
    if (closing.signal.aborted) return;
    const key = keyOf(object);
    const version = object.metadata?.resourceVersion;
    // A list that is made anew is mostly what was known before; and the informer tells, as metadata alone, what was told while listing.
    if (!held.has(key) || held.get(key) !== version) options.put(key, object);
    held.set(key, version);
    keepMetadata(object);
  };
  const drop = (key: string): void => {
    held.delete(key);
    if (!closing.signal.aborted) options.drop(key);
  };
  const synced = (): void => {
    if (closing.signal.aborted) return;
    state = good(undefined);
    told = '';
    pauses.reset();
    settle();
  };
  const failed = (error: unknown): void => {
    if (closing.signal.aborted) return;
    const reason = error instanceof TooMany ? error.message : `they can’t be listed or watched: ${reasonOf(kind, library, error)}`;
    state = bad(codeOf(library, error), `the ${words} of the cluster: ${reason}`);
    if (reason !== told) log.warn({ reason }, `${words} can not be followed; trying again`);
    told = reason;
    clearTimeout(timer);
    timer = setTimeout(() => void informer.start().catch(failed), pauses.next());
    timer.unref();
  };

  const listPage = kind.list(library, config);
  const list = async (): Promise<KubernetesListObject<KubernetesObject>> => {
    const items: KubernetesObject[] = [];
    const listed = new Set<string>();
    let next: string | null = null;
    let version: string | null = null;
    do {
      const page = { limit: kind.pageSize, ...(next === null ? {} : { _continue: next }) };
      const limit = endedBy(library, AbortSignal.any([closing.signal, AbortSignal.timeout(options.answerFor ?? 30_000)]));
      const found = await listPage(page, limit);
      for (const object of itemsOf(found)) {
        if (items.length === options.most) throw new TooMany(`there are more than ${options.most}`);
        listed.add(keyOf(object));
        // Told here, page by page, and not when the informer has them all: a list of whole reports could not be held.
        take(object);
        items.push(object);
      }
      const metadata = property(found, 'metadata');
      next = text(property(metadata, 'continue')) || null;
      version ??= text(property(metadata, 'resourceVersion'));
    } while (next !== null && !closing.signal.aborted);
    // Those of a list that broke off are not known to the informer.
    for (const key of held.keys()) if (!listed.has(key)) drop(key);
    return { kind: 'List', apiVersion: 'v1', metadata: version === null ? {} : { resourceVersion: version }, items };
  };

  const informer = new library.ListWatch<KubernetesObject>(
    kind.path,
    guardWatch(library, config, () => closing.signal.aborted, synced),
    list,
    false,
  );
  informer.on('add', take);
  informer.on('update', take);
  informer.on('delete', (object) => drop(keyOf(object)));
  informer.on('error', failed);
  void informer.start().catch(failed);

  const patience = setTimeout(() => settle(), options.patience);
  await first;
  clearTimeout(patience);
  return good({
    state: () => state,
    close() {
      closing.abort();
      clearTimeout(timer);
      void informer.stop();
    },
  });
}

/**
 * A watch that tells when it is connected, with all that was listed taken in. It never rejects and lets nothing through that is no
 * object: nobody looks at what becomes of the informer's work after an interruption, and a rejection would end the process.
 */
function guardWatch(library: Library, config: KubeConfig, closed: () => boolean, connected: () => void): Watch {
  class GuardedWatch extends library.Watch {
    override async watch(...[path, query, onEvent, done]: Parameters<Watch['watch']>): Promise<AbortController> {
      let ended = false;
      const end = (error: unknown): void => {
        ended = true;
        done(error);
      };
      const pass = (phase: string, object: unknown): void => {
        if (isObject(property(object, 'metadata'))) onEvent(phase, object);
      };
      try {
        const controller = await super.watch(path, query, pass, end);
        // The informer goes on to watch when it is stopped while it lists.
        if (closed()) controller.abort();
        else if (!ended) connected();
        return controller;
      } catch (error) {
        end(error);
        return new AbortController();
      }
    }
  }
  return new GuardedWatch(config);
}

function itemsOf(list: unknown): KubernetesObject[] {
  const items = property(list, 'items');
  return Array.isArray(items) ? items.filter((item) => isObject(property(item, 'metadata'))) : [];
}

/** More objects than may be held. */
class TooMany extends Error {}

function keyOf({ metadata }: KubernetesObject): string {
  return `${metadata?.namespace ?? ''}/${metadata?.name ?? ''}`;
}

/** The informer needs name and version to tell what changed; all else would be held twice. */
function keepMetadata(object: KubernetesObject): void {
  for (const key of Object.keys(object)) if (key !== 'metadata') Reflect.deleteProperty(object, key);
  const { name, namespace, resourceVersion } = object.metadata ?? {};
  object.metadata = {
    ...(name === undefined ? {} : { name }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
  };
}

/** A refusal is an answer, and no outage that what was known before could bridge. */
function codeOf(library: Library, error: unknown): FaultCode {
  if (error instanceof TooMany) return 'LIMIT_EXCEEDED';
  const status = statusOf(library, error);
  if (status === 401 || status === 403) return 'REGISTRY_UNAUTHORIZED';
  if (status === 429) return 'REGISTRY_RATE_LIMITED';
  return status === 404 ? 'RESPONSE_INVALID' : 'REGISTRY_UNAVAILABLE';
}

function statusOf(library: Library, error: unknown): number | null {
  const given = error instanceof library.ApiException ? error.code : error instanceof Error && 'statusCode' in error ? error.statusCode : null;
  return typeof given === 'number' ? given : null;
}

/** What happened, without a word of what was answered. */
function reasonOf({ absent, grant }: FollowedKind, library: Library, error: unknown): string {
  const status = statusOf(library, error);
  if (status === 404) return `${absent} (HTTP 404)`;
  if (status === 401 || status === 403) return `this process has no right to (HTTP ${status}); apply ${grant}`;
  return status === null ? `the Kubernetes API can’t be reached${networkCode(error)}` : `HTTP ${status}`;
}
