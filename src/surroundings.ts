/** What the cluster says of where Pods run: labels of namespaces, platforms of nodes. */
import { watchNamespaces } from './cluster/namespaces.ts';
import { watchNodes } from './cluster/nodes.ts';
import type { LoadedConfig } from './config/index.ts';
import type { Surroundings } from './core.ts';
import { good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import type { ReadinessCheck } from './server/ops.ts';

export interface WatchedSurroundings extends Surroundings {
  /** @param platforms whether the nodes' platforms count: without knowing them, nobody can say what would run */
  checks(platforms: boolean): ReadinessCheck[];
  close(): void;
}

/** Milliseconds that a start waits for the first lists: an API server that is down must not keep its own webhook from starting. */
const patience = 3_000;

/** null where there is no cluster. Fault: CONFIG_INVALID. */
export async function watchSurroundings({ settings, resolvePath }: LoadedConfig, log: Log): Promise<Outcome<WatchedSurroundings | null>> {
  if (settings.cluster === null) return good(null);
  const { kubeconfig } = settings.cluster;
  const options = { kubeconfig: kubeconfig === null ? null : resolvePath(kubeconfig), patience, log };
  const [namespaces, nodes] = await Promise.all([watchNamespaces(options), watchNodes(options)]);
  if (!namespaces.ok) {
    if (nodes.ok) nodes.value.close();
    return namespaces;
  }
  if (!nodes.ok) {
    namespaces.value.close();
    return nodes;
  }
  let listed = false;
  return good({
    namespaceLabels: namespaces.value.labels,
    platforms: nodes.value.platforms,
    checks(platforms) {
      const [ofNamespaces, ofNodes] = [namespaces.value.state(), nodes.value.state()];
      // What was known once is believed through an interruption.
      listed ||= ofNodes.ok;
      return [
        { name: 'namespaces', ready: true, reason: ofNamespaces.ok ? 'their labels are known' : ofNamespaces.fault.message },
        {
          name: 'nodes',
          ready: !platforms || listed,
          reason: ofNodes.ok ? `platforms: ${nodes.value.platforms()?.join(', ') ?? 'there are no nodes'}` : ofNodes.fault.message,
        },
      ];
    },
    close() {
      namespaces.value.close();
      nodes.value.close();
    },
  });
}
