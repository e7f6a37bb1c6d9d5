import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { installTool } from '../../../tools/install.ts';
import { root } from './dockerfile.ts';

const names = z.record(z.string(), z.string());
const object = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string(), namespace: z.string().optional(), labels: names.optional() }) });
export type Rendered = z.infer<typeof object>;

const roleSchema = object.extend({
  rules: z.array(
    z.strictObject({
      apiGroups: z.array(z.string()),
      resources: z.array(z.string()),
      resourceNames: z.array(z.string()).optional(),
      verbs: z.array(z.string()),
    }),
  ),
});
const probe = z.looseObject({ httpGet: z.unknown() });
const container = z.looseObject({
  name: z.string(),
  image: z.string(),
  args: z.array(z.string()),
  ports: z.array(z.object({ name: z.string(), containerPort: z.number() })),
  startupProbe: probe,
  livenessProbe: probe,
  readinessProbe: probe,
  lifecycle: z.object({ preStop: z.object({ sleep: z.object({ seconds: z.number() }) }) }),
  resources: z.object({ limits: names }),
  securityContext: z.unknown(),
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
});
const webhook = z.looseObject({
  name: z.string(),
  failurePolicy: z.string(),
  timeoutSeconds: z.number(),
  rules: z.array(
    z.object({ apiGroups: z.tuple([z.string()]), apiVersions: z.tuple([z.string()]), operations: z.array(z.string()), resources: z.array(z.string()) }),
  ),
});

const kinds = {
  Namespace: object,
  Secret: object.extend({ data: names.optional() }),
  ConfigMap: object.extend({ data: names }),
  Role: roleSchema,
  ClusterRole: roleSchema,
  Service: object.extend({ spec: z.looseObject({ selector: names, ports: z.array(z.unknown()) }) }),
  Deployment: object.extend({
    spec: z.looseObject({
      replicas: z.number(),
      template: z.object({
        metadata: z.looseObject({ labels: names }),
        spec: z.looseObject({
          terminationGracePeriodSeconds: z.number(),
          topologySpreadConstraints: z.array(z.unknown()),
          securityContext: z.unknown(),
          containers: z.tuple([container]),
          volumes: z.array(z.looseObject({ name: z.string() })),
        }),
      }),
    }),
  }),
  PodDisruptionBudget: object.extend({ spec: z.looseObject({ minAvailable: z.number(), selector: z.object({ matchLabels: names }) }) }),
  NetworkPolicy: object.extend({ spec: z.looseObject({ podSelector: z.object({ matchLabels: names }) }) }),
  MutatingWebhookConfiguration: object.extend({ webhooks: z.array(webhook) }),
  ValidatingWebhookConfiguration: object.extend({ webhooks: z.array(webhook) }),
} as const;

export type Kinds = { readonly [Kind in keyof typeof kinds]: z.infer<(typeof kinds)[Kind]> };

/** What a test looks into, by kind; a rendered object that has not this shape fails its test. */
export const schemas: { readonly [Kind in keyof Kinds]: z.ZodType<Kinds[Kind]> } = kinds;

/** What of our own configuration the manifests have to fit. */
export const configurationSchema = z.looseObject({
  server: z.looseObject({
    listen: z.string(),
    ops: z.string(),
    tls: z.object({ secret: z.object({ namespace: z.string(), name: z.string(), service: z.string() }) }),
  }),
  mode: z.object({ default: z.string() }),
  policy: z.object({ directory: z.string() }),
  exceptions: z.object({ seal: z.object({ secret: z.object({ namespace: z.string(), name: z.string() }) }) }),
  audit: z.looseObject({ store: z.string(), spool: z.string() }),
});

/** Renders a folder of manifests/ as `kubectl apply -k` does. */
export async function render(folder: string): Promise<readonly Rendered[]> {
  const kubectl = await installTool('kubectl');
  const { stdout } = await promisify(execFile)(kubectl, ['kustomize', join(root, 'manifests', folder)], { maxBuffer: 16 * 1024 * 1024 });
  return parseAllDocuments(stdout).map((document) => object.parse(document.toJS()));
}
