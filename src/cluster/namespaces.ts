import type { Outcome } from '../domain/fault.ts';
import { property, textMap } from '../domain/json.ts';
import type { Log } from '../domain/log.ts';
import { type FollowedKind, followObjects } from './informer.ts';

export interface NamespaceWatchOptions {
  /** A kubeconfig file, or null for in-cluster. */
  readonly kubeconfig: string | null;
  /** Milliseconds to wait for the first list. */
  readonly patience: number;
  /** Milliseconds of the first pause after a failure. */
  readonly pause?: number;
  readonly log: Pick<Log, 'warn'>;
}

export interface Namespaces {
  /** Labels of a namespace; null while they are not known. */
  labels(namespace: string): Readonly<Record<string, string>> | null;
  /** Bad while the labels are not known to be as they are now. */
  state(): Outcome<void>;
  close(): void;
}

const kind: FollowedKind = {
  words: 'Namespaces',
  path: '/api/v1/namespaces',
  pageSize: 500,
  absent: 'the API server does not know them',
  grant: 'manifests/ again',
  list(library, config) {
    const core = config.makeApiClient(library.CoreV1Api);
    return (page, options) => core.listNamespace(page, options);
  },
};

/** A cluster is tested by Kubernetes with 10,000. https://github.com/kubernetes/community/blob/main/sig-scalability/configs-and-limits/thresholds.md */
const mostNamespaces = 20_000;

/**
 * Follows the namespaces of a cluster for their labels. What was known is believed through an interruption: a label is no evidence, and
 * an API server that can't be watched asks nothing either. Fault: CONFIG_INVALID.
 */
export async function watchNamespaces(options: NamespaceWatchOptions): Promise<Outcome<Namespaces>> {
  const known = new Map<string, Readonly<Record<string, string>>>();
  const followed = await followObjects(kind, {
    ...options,
    most: mostNamespaces,
    // The key of an object without a namespace is `/name`.
    put: (key, object) => known.set(key.slice(1), textMap(property(property(object, 'metadata'), 'labels'))),
    drop: (key) => known.delete(key.slice(1)),
  });
  if (!followed.ok) return followed;
  return { ok: true, value: { labels: (namespace) => known.get(namespace) ?? null, state: followed.value.state, close: followed.value.close } };
}
