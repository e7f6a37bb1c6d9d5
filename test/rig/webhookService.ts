import type { Cluster } from './cluster.ts';

/**
 * Lets `clientConfig.service` reach a webhook on this machine, as it reaches one in a cluster: a Service of type ExternalName. The
 * API server checks the certificate against `NAME.NAMESPACE.svc`. An ExternalName maps no ports: `clientConfig.service.port` is the
 * port that the webhook really listens on.
 */
export async function applyWebhookService(
  cluster: Cluster,
  service: { readonly namespace: string; readonly name: string; readonly port: number },
): Promise<void> {
  const { namespace, name, port } = service;
  const object = {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace },
    spec: { type: 'ExternalName', externalName: 'localhost', ports: [{ port, targetPort: port }] },
  };
  const done = await cluster.kubectl(['apply', '-f', '-'], { input: object });
  if (done.code !== 0) throw new Error(`the Service ${namespace}/${name} was not applied: ${done.stderr}`);
}
