import { delimiter, join } from 'node:path';
import type { ConfigurationOptions, KubeConfig } from '@kubernetes/client-node';
import type { ExceptionKind } from '../domain/exception.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { endedBy, type Library, networkCode } from './client.ts';

/** Whose cluster, and as whom: what a person says, or what kubectl would take. */
export interface PersonalAccess {
  readonly kubeconfig: string | null;
  readonly context: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Exceptions of a cluster, with the rights of whoever asks. Faults: EXCEPTION_INVALID where the API server says no, with its reason; INTERNAL. */
export interface ExceptionObjects {
  /** Of the context; `default` where it names none. */
  readonly namespace: string;
  /** null: of all namespaces, and the cluster-wide ones. */
  list(namespace: string | null, signal: AbortSignal): Promise<Outcome<readonly unknown[]>>;
  read(kind: ExceptionKind, namespace: string, name: string, signal: AbortSignal): Promise<Outcome<unknown>>;
  annotate(
    kind: ExceptionKind,
    namespace: string,
    name: string,
    annotation: readonly [key: string, value: string],
    signal: AbortSignal,
  ): Promise<Outcome<unknown>>;
  /** Sets the end of an exception. */
  end(kind: ExceptionKind, namespace: string, name: string, expires: string, signal: AbortSignal): Promise<Outcome<unknown>>;
  create(kind: ExceptionKind, namespace: string, object: object, signal: AbortSignal): Promise<Outcome<unknown>>;
}

const api = { group: 'tidewaiter.dev', version: 'v1' } as const;
const plurals: Readonly<Record<ExceptionKind, string>> = { ImageException: 'imageexceptions', ClusterImageException: 'clusterimageexceptions' };
const mostListed = 5_000;

/** Connects as the person at the desk. Fault: CONFIG_INVALID. */
export async function connectPersonally(access: PersonalAccess): Promise<Outcome<ExceptionObjects>> {
  const library = await import('@kubernetes/client-node');
  const config = loadPersonal(library, access);
  return config.ok ? good(exceptionObjects(library, config.value)) : config;
}

function loadPersonal(library: Library, { kubeconfig, context, env }: PersonalAccess): Outcome<KubeConfig> {
  const given = kubeconfig ?? (env['KUBECONFIG'] || null) ?? (env['HOME'] === undefined ? null : join(env['HOME'], '.kube', 'config'));
  if (given === null) return bad('CONFIG_INVALID', 'no cluster is known: give --kubeconfig, or set KUBECONFIG');
  const [first = '', ...others] = kubeconfig === null ? given.split(delimiter).filter((file) => file !== '') : [given];
  const config = new library.KubeConfig();
  try {
    config.loadFromFile(first);
    for (const file of others) {
      const more = new library.KubeConfig();
      more.loadFromFile(file);
      config.mergeConfig(more, true);
    }
  } catch (cause) {
    return bad('CONFIG_INVALID', `the kubeconfig ${safeText(given)} can not be read; give --kubeconfig, or set KUBECONFIG`, { cause });
  }
  if (context !== null) {
    if (config.getContextObject(context) === null) return bad('CONFIG_INVALID', `the kubeconfig has no context ${safeText(context, 100)}`);
    config.setCurrentContext(context);
  }
  const cluster = config.getCurrentCluster();
  if (cluster === null) return bad('CONFIG_INVALID', `the kubeconfig ${safeText(given)} names no current cluster`);
  if (!cluster.server.startsWith('https://')) return bad('CONFIG_INVALID', `the kubeconfig ${safeText(given)} does not lead to an https address`);
  return good(config);
}

function exceptionObjects(library: Library, config: KubeConfig): ExceptionObjects {
  const objects = config.makeApiClient(library.CustomObjectsApi);
  const call = async <T>(what: string, signal: AbortSignal, ask: (options: ConfigurationOptions) => Promise<T>): Promise<Outcome<T>> => {
    try {
      return good(await ask(endedBy(library, signal)));
    } catch (error) {
      if (!(error instanceof library.ApiException)) {
        return bad(
          'INTERNAL',
          `the Kubernetes API could not be asked to ${what}: ${signal.aborted ? 'no answer in time' : `it can’t be reached${networkCode(error)}`}`,
        );
      }
      return bad('EXCEPTION_INVALID', `refused to ${what}: ${safeText(saidBy(error.body) ?? `HTTP ${error.code}`, 2500)}`);
    }
  };
  const listOf = async (kind: ExceptionKind, namespace: string | null, signal: AbortSignal): Promise<Outcome<readonly unknown[]>> => {
    const page = { ...api, plural: plurals[kind], limit: mostListed };
    const listed = await call(
      `list ${kind}s`,
      signal,
      (options): Promise<unknown> =>
        namespace === null ? objects.listClusterCustomObject(page, options) : objects.listNamespacedCustomObject({ ...page, namespace }, options),
    );
    if (!listed.ok) return listed;
    const items = property(listed.value, 'items');
    return good(Array.isArray(items) ? items : []);
  };
  const change = (kind: ExceptionKind, namespace: string, name: string, body: object, what: string, signal: AbortSignal): Promise<Outcome<unknown>> =>
    call(`${what} the ${kind} ${name}`, signal, (options): Promise<unknown> => {
      const merge = library.setHeaderOptions('Content-Type', library.PatchStrategy.MergePatch, options);
      const at = { ...api, plural: plurals[kind], name, body };
      return kind === 'ImageException' ? objects.patchNamespacedCustomObject({ ...at, namespace }, merge) : objects.patchClusterCustomObject(at, merge);
    });

  return {
    namespace: config.getContextObject(config.getCurrentContext())?.namespace ?? 'default',
    async list(namespace, signal) {
      const own = await listOf('ImageException', namespace, signal);
      if (!own.ok || namespace !== null) return own;
      const everywhere = await listOf('ClusterImageException', null, signal);
      return everywhere.ok ? good([...own.value, ...everywhere.value]) : everywhere;
    },
    read: (kind, namespace, name, signal) =>
      call(`get the ${kind} ${name}`, signal, (options): Promise<unknown> => {
        const at = { ...api, plural: plurals[kind], name };
        return kind === 'ImageException' ? objects.getNamespacedCustomObject({ ...at, namespace }, options) : objects.getClusterCustomObject(at, options);
      }),
    annotate: (kind, namespace, name, [key, value], signal) =>
      change(kind, namespace, name, { metadata: { annotations: { [key]: value } } }, key.slice(key.indexOf('/') + 1), signal),
    end: (kind, namespace, name, expires, signal) => change(kind, namespace, name, { spec: { expires } }, 'change', signal),
    create: (kind, namespace, object, signal) =>
      call(`create the ${kind}`, signal, (options): Promise<unknown> => {
        const at = { ...api, plural: plurals[kind], body: object };
        return kind === 'ImageException' ? objects.createNamespacedCustomObject({ ...at, namespace }, options) : objects.createClusterCustomObject(at, options);
      }),
  };
}

/** The message of a Status: our webhook's, or the API server's own. */
function saidBy(body: unknown): string | null {
  try {
    const said = text(property(typeof body === 'string' ? JSON.parse(body) : body, 'message'));
    return said === null ? null : (/denied the request: image exceptions: (.*)$/s.exec(said)?.[1] ?? said);
  } catch {
    return null;
  }
}
