import type { ConfigurationOptions, KubeConfig, ObservableMiddleware } from '@kubernetes/client-node';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import type { ClusterApi, JsonPatchOperation, RegisteredWebhook, StoredSecret, WebhookKind } from './api.ts';
import { boundAnswers } from './boundAnswers.ts';

/** Loaded on first use: it takes most of a second, and a webhook without a cluster has no need of it. */
export type Library = typeof import('@kubernetes/client-node');

/**
 * Connects to the Kubernetes API: as a kubeconfig file says, or in a Pod as its ServiceAccount. Fault: CONFIG_INVALID.
 * @param kubeconfig a file, or null for in-cluster
 */
export async function connectCluster(kubeconfig: string | null): Promise<Outcome<ClusterApi>> {
  const loaded = await loadCluster(kubeconfig);
  return loaded.ok ? good(clusterApi(loaded.value.library, loaded.value.config)) : loaded;
}

/** The library, and where and as whom it is to connect. Fault: CONFIG_INVALID. */
export async function loadCluster(kubeconfig: string | null): Promise<Outcome<{ readonly library: Library; readonly config: KubeConfig }>> {
  const library = await import('@kubernetes/client-node');
  const config = new library.KubeConfig();
  if (kubeconfig === null && process.env['KUBERNETES_SERVICE_HOST'] === undefined) {
    return bad('CONFIG_INVALID', 'this process does not run in a Kubernetes Pod; set cluster.kubeconfig');
  }
  const what = kubeconfig === null ? 'the ServiceAccount of this Pod' : `cluster.kubeconfig ${safeText(kubeconfig)}`;
  try {
    if (kubeconfig === null) config.loadFromCluster();
    else config.loadFromFile(kubeconfig);
  } catch (error) {
    return bad('CONFIG_INVALID', `${what} can't be read`, { cause: error });
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) return bad('CONFIG_INVALID', `${what} names no current cluster`);
  // The library refuses the same, but only when a call is made.
  if (!cluster.server.startsWith('https://')) return bad('CONFIG_INVALID', `${what} does not lead to an https address`);
  boundAnswers(config);
  return good({ library, config });
}

function clusterApi(library: Library, config: KubeConfig): ClusterApi {
  const core = config.makeApiClient(library.CoreV1Api);
  const admission = config.makeApiClient(library.AdmissionregistrationV1Api);
  const authorization = config.makeApiClient(library.AuthorizationV1Api);
  const ask = <T, M>(what: string, signal: AbortSignal, meanings: Readonly<Record<number, M>>, call: (options: ConfigurationOptions) => Promise<T>) =>
    callApi(library, what, signal, meanings, call);

  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? null,

    readSecret: (namespace, name, signal) =>
      ask<StoredSecret, null>(`get the Secret ${namespace}/${name}`, signal, { 404: null }, async (options) => {
        const secret = await core.readNamespacedSecret({ namespace, name }, options);
        return { resourceVersion: secret.metadata?.resourceVersion ?? '', type: secret.type ?? '', data: mapValues(secret.data ?? {}, decode) };
      }),

    readServiceAccount: (namespace, name, signal) =>
      ask<readonly string[], null>(`get the ServiceAccount ${namespace}/${name}`, signal, { 404: null }, async (options) => {
        const account = await core.readNamespacedServiceAccount({ namespace, name }, options);
        return (account.imagePullSecrets ?? []).flatMap((secret) => secret.name ?? []);
      }),

    createSecret: (namespace, name, data, signal) =>
      ask<boolean, boolean>(`create the Secret ${namespace}/${name}`, signal, { 409: false }, async (options) => {
        const body = { apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, type: 'Opaque', data: mapValues(data, encode) };
        await core.createNamespacedSecret({ namespace, body }, options);
        return true;
      }),

    updateSecret: (namespace, name, content, signal) =>
      ask<boolean, boolean>(`patch the Secret ${namespace}/${name}`, signal, { 404: false, 409: false }, async (options) => {
        // A merge patch that names a resourceVersion is refused with 409 when the object has another.
        const body = { metadata: { resourceVersion: content.resourceVersion }, data: mapValues(content.data, encode) };
        await core.patchNamespacedSecret({ namespace, name, body }, library.setHeaderOptions('Content-Type', library.PatchStrategy.MergePatch, options));
        return true;
      }),

    reviewAccess: ({ user, verb, group, resource, namespace, name }, signal) =>
      ask<boolean, never>('create a SubjectAccessReview', signal, {}, async (options) => {
        const extra = Object.fromEntries(Object.entries(user.extra ?? {}).map(([key, values]) => [key, [...values]]));
        const resourceAttributes = { verb, group, resource, name, ...(namespace === '' ? {} : { namespace }) };
        const spec = { user: user.username, groups: [...user.groups], extra, resourceAttributes };
        const body = { apiVersion: 'authorization.k8s.io/v1', kind: 'SubjectAccessReview', spec };
        const { status } = await authorization.createSubjectAccessReview({ body }, options);
        return status?.allowed === true && status.denied !== true;
      }),

    readWebhooks: (kind, name, signal) =>
      ask<readonly RegisteredWebhook[], null>(`get the ${kindNames[kind]} ${name}`, signal, { 404: null }, async (options) => {
        const found =
          kind === 'mutating'
            ? await admission.readMutatingWebhookConfiguration({ name }, options)
            : await admission.readValidatingWebhookConfiguration({ name }, options);
        return (found.webhooks ?? []).map(({ name: webhook, clientConfig }) => ({
          name: webhook,
          caBundle: clientConfig.caBundle ?? null,
          service: clientConfig.service === undefined ? null : { path: clientConfig.service.path ?? null },
        }));
      }),

    patchWebhooks: (kind, name, patch: readonly JsonPatchOperation[], signal) =>
      // 422 is what a failed `test` is answered with, and a result that is not valid.
      ask<boolean, boolean>(`patch the ${kindNames[kind]} ${name}`, signal, { 404: false, 409: false, 422: false }, async (options) => {
        const json = library.setHeaderOptions('Content-Type', library.PatchStrategy.JsonPatch, options);
        if (kind === 'mutating') await admission.patchMutatingWebhookConfiguration({ name, body: patch }, json);
        else await admission.patchValidatingWebhookConfiguration({ name, body: patch }, json);
        return true;
      }),
  };
}

const kindNames: Readonly<Record<WebhookKind, string>> = { mutating: 'MutatingWebhookConfiguration', validating: 'ValidatingWebhookConfiguration' };

/**
 * One call, within the signal. `meanings` are HTTP statuses that are answers. No cause is kept: the library puts the whole body of an
 * answer, which may be a Secret, into the message of its errors.
 */
async function callApi<T, M>(
  library: Library,
  what: string,
  signal: AbortSignal,
  meanings: Readonly<Record<number, M>>,
  call: (options: ConfigurationOptions) => Promise<T>,
): Promise<Outcome<T | M>> {
  try {
    return good(await call(endedBy(library, signal)));
  } catch (error) {
    const status = error instanceof library.ApiException ? error.code : null;
    if (status !== null && Object.hasOwn(meanings, status)) {
      const meaning = meanings[status];
      if (meaning !== undefined) return good(meaning);
    }
    if (status === 401 || status === 403)
      return bad('CONFIG_INVALID', `the Kubernetes API does not let this process ${what} (HTTP ${status}); apply manifests/ again, or grant the right`);
    const why = status === null ? (signal.aborted ? 'no answer in time' : `it can’t be reached${networkCode(error)}`) : `HTTP ${status}`;
    return bad('INTERNAL', `the Kubernetes API could not be asked to ${what}: ${why}`, { transient: true });
  }
}

/** Options of a call that ends with a signal. */
export function endedBy(library: Library, signal: AbortSignal): ConfigurationOptions {
  const withSignal: ObservableMiddleware = {
    pre(context) {
      context.setSignal(signal);
      return new library.Observable(Promise.resolve(context));
    },
    post: (context) => new library.Observable(Promise.resolve(context)),
  };
  return { middleware: [withSignal], middlewareMergeStrategy: 'append' };
}

/** The operating system's or TLS's word for what happened; never a message, which may repeat an answer. */
export function networkCode(error: unknown): string {
  const code = error instanceof Error ? text(property(error.cause, 'code')) : null;
  return code !== null && /^[A-Z_]{1,60}$/.test(code) ? ` (${code})` : '';
}

function mapValues(record: Readonly<Record<string, string>>, change: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}

function encode(value: string): string {
  return Buffer.from(value, 'utf8').toString('base64');
}

function decode(value: string): string {
  return Buffer.from(value, 'base64').toString('utf8');
}
