import { good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { type FollowedKind, type FollowOptions, followObjects } from './informer.ts';

export interface Nodes {
  /** `os/architecture` of the cluster's nodes, sorted; null while no list of them was ever had, or there is no node. */
  platforms(): readonly string[] | null;
  /** Bad while the nodes are not known to be as they are now. */
  state(): Outcome<void>;
  close(): void;
}

const kind: FollowedKind = {
  words: 'Nodes',
  path: '/api/v1/nodes',
  // A node names the images it has, and is some 30 kB.
  pageSize: 50,
  absent: 'the API server does not know them',
  grant: 'manifests/ again',
  list(library, config) {
    const core = config.makeApiClient(library.CoreV1Api);
    return (page, options) => core.listNode(page, options);
  },
};

/** Four times what Kubernetes supports. https://kubernetes.io/docs/setup/best-practices/cluster-large/ */
const mostNodes = 20_000;

/** Follows the nodes of a cluster for the platforms they have. Fault: CONFIG_INVALID. */
export async function watchNodes(options: Omit<FollowOptions, 'most' | 'put' | 'drop'>): Promise<Outcome<Nodes>> {
  const known = new Map<string, string>();
  let platforms: readonly string[] | null = null;
  const counted = (): void => {
    const distinct = [...new Set(known.values())].sort();
    platforms = distinct.length === 0 ? null : distinct;
  };
  const followed = await followObjects(kind, {
    ...options,
    most: mostNodes,
    put(key, object) {
      const platform = platformOf(object);
      if (platform === null) known.delete(key);
      else known.set(key, platform);
      counted();
    },
    drop(key) {
      known.delete(key);
      counted();
    },
  });
  if (!followed.ok) return followed;
  const { state, close } = followed.value;
  return good({ platforms: () => platforms, state, close });
}

/** https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/node-v1/#NodeStatus (nodeInfo); null for a node that has not reported. */
function platformOf(object: unknown): string | null {
  const info = property(property(object, 'status'), 'nodeInfo');
  const os = text(property(info, 'operatingSystem')) ?? '';
  const architecture = text(property(info, 'architecture')) ?? '';
  return /^[a-z0-9]{1,20}$/.test(os) && /^[a-z0-9]{1,20}$/.test(architecture) ? `${os}/${architecture}` : null;
}
