import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import type { Cluster } from './cluster.ts';
import { applyWebhookService } from './webhookService.ts';

export type Overlay = 'try' | 'enforce';

const object = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }) });
const configMap = z.object({ data: z.record(z.string(), z.string()) });
const deployment = z.object({ spec: z.object({ template: z.object({ metadata: z.looseObject({}), spec: z.looseObject({}) }) }) });
const webhooks = z.looseObject({
  webhooks: z.array(z.looseObject({ clientConfig: z.looseObject({ service: z.looseObject({ name: z.string(), namespace: z.string() }) }) })),
});

type KubernetesObject = z.infer<typeof object>;

/** What the project's manifests say, as far as no kubelet is here to act on it. */
export interface Installed {
  /** Files of the ConfigMaps, by ConfigMap. */
  readonly configuration: Readonly<Record<string, string>>;
  readonly policies: Readonly<Record<string, string>>;
  /** The Pod that the Deployment would make. */
  readonly pod: { readonly metadata: object; readonly spec: object };
}

/**
 * Applies the project's own manifests. Two things differ from a cluster with nodes: the Service leads to this machine, and the webhook
 * configurations have the port on which the webhook will listen here.
 */
export async function applyManifests(cluster: Cluster, overlay: Overlay, port: number): Promise<Installed> {
  const built = await cluster.kubectl(['kustomize', join(import.meta.dirname, '..', '..', 'manifests', 'overlays', overlay)]);
  if (built.code !== 0) throw new Error(`the overlay ${overlay} was not built: ${built.stderr}`);
  const objects = parseAllDocuments(built.stdout).map((document) => object.parse(document.toJS()));
  const items = objects.filter(({ kind }) => kind !== 'Service').map((each) => (each.kind.endsWith('WebhookConfiguration') ? withPort(each, port) : each));
  const applied = await cluster.kubectl(['apply', '-f', '-'], { input: { apiVersion: 'v1', kind: 'List', items } });
  if (applied.code !== 0) throw new Error(`the overlay ${overlay} was not applied: ${applied.stderr}`);
  for (const { metadata } of objects.filter(({ kind, metadata }) => kind === 'Service' && metadata.name === 'tidewaiter')) {
    await applyWebhookService(cluster, { namespace: metadata.namespace ?? '', name: metadata.name, port });
  }
  const find = (kind: string, name: string): KubernetesObject => {
    const found = objects.find((each) => each.kind === kind && each.metadata.name === name);
    if (found === undefined) throw new Error(`the overlay ${overlay} has no ${kind} ${name}`);
    return found;
  };
  return {
    configuration: configMap.parse(find('ConfigMap', 'tidewaiter')).data,
    policies: configMap.parse(find('ConfigMap', 'tidewaiter-policies')).data,
    pod: deployment.parse(find('Deployment', 'tidewaiter')).spec.template,
  };
}

function withPort(configuration: KubernetesObject, port: number): object {
  const { webhooks: all, ...rest } = webhooks.parse(configuration);
  const moved = all.map((each) => ({ ...each, clientConfig: { ...each.clientConfig, service: { ...each.clientConfig.service, port } } }));
  return { ...rest, webhooks: moved };
}

const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

/** A kubeconfig with the rights of a ServiceAccount, no more: what a Pod finds in its file system. */
export async function writeServiceAccountKubeconfig(
  cluster: Cluster,
  account: { readonly namespace: string; readonly name: string },
  file: string,
): Promise<void> {
  const { namespace, name } = account;
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${name}/token`;
  const answer = await cluster.api('POST', path, { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: {} } });
  const { token } = tokenRequest.parse(answer.body).status;
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'rig', cluster: { server: cluster.url, 'certificate-authority': cluster.caFile } }],
    users: [{ name, user: { token } }],
    contexts: [{ name: 'rig', context: { cluster: 'rig', user: name, namespace } }],
    'current-context': 'rig',
  };
  writeFileSync(file, JSON.stringify(config), { mode: 0o600 });
}
