import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installTool, tools } from '../../tools/install.ts';
import { type Api, apiOf } from './api.ts';
import { type AuditEntry, auditPolicy, readAudit, waitForAudit } from './audit.ts';
import { type Child, startChild } from './child.ts';
import { makeCredentials, writeKubeconfig } from './credentials.ts';
import { type KubectlOptions, type KubectlResult, runKubectl } from './kubectl.ts';
import { freePorts, waitFor } from './wait.ts';

export interface Cluster {
  /** `https://127.0.0.1:PORT`. */
  readonly url: string;
  /** Contexts: admin (the current one), alice, bob, mallory. */
  readonly kubeconfigPath: string;
  readonly caFile: string;
  /** Version and path of the API server that runs. */
  readonly apiserver: string;
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  readonly api: Api;
  /** Makes a namespace in which Pods can be created: nothing else makes its `default` ServiceAccount here. */
  createNamespace(name: string, labels?: Readonly<Record<string, string>>): Promise<void>;
  /** The API server's own audit log. */
  readonly auditFile: string;
  auditLog(): Promise<AuditEntry[]>;
  waitForAudit(fits: (entry: AuditEntry) => boolean): Promise<AuditEntry>;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** PEM files of the client certificate that the API server shows to webhooks. */
  readonly webhookClient?: { readonly certFile: string; readonly keyFile: string };
}

/**
 * Starts etcd and kube-apiserver on loopback, without kubelet and controllers: Pods stay Pending, what a Deployment would make is
 * not made. Ready within a few seconds. The end of the log is in the error if it doesn't start.
 */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-cluster-'));
  const children: Child[] = [];
  const stop = async (): Promise<void> => {
    for (const child of children.reverse()) await child.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    return { ...(await start(folder, children, options)), stop };
  } catch (error) {
    const tails = children.map((child) => child.tail()).join('\n');
    await stop();
    throw new Error(`the cluster did not start: ${error instanceof Error ? error.message : 'unknown'}\n${tails}`);
  }
}

async function start(folder: string, children: Child[], options: ClusterOptions): Promise<Omit<Cluster, 'stop'>> {
  const [etcd, apiserver, kubectl] = [await installTool('etcd'), await installTool('kube-apiserver'), await installTool('kubectl')];
  const [etcdPort = 0, peerPort = 0, port = 0] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${etcdPort}`;
  const url = `https://127.0.0.1:${port}`;
  const credentials = makeCredentials(folder);
  const files = {
    ca: join(folder, 'certs', 'apiserver.crt'),
    audit: join(folder, 'audit.log'),
    auditPolicy: join(folder, 'audit-policy.json'),
    kubeconfig: join(folder, 'kubeconfig.json'),
  };
  mkdirSync(join(folder, 'certs'));
  writeFileSync(files.auditPolicy, JSON.stringify(auditPolicy));
  writeKubeconfig(files.kubeconfig, url, files.ca, credentials.tokens);

  children.push(
    startChild(
      etcd,
      [
        `--data-dir=${join(folder, 'etcd')}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
        `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
        '--unsafe-no-fsync',
        '--log-level=warn',
      ],
      join(folder, 'etcd.log'),
    ),
    startChild(
      apiserver,
      [
        `--etcd-servers=${etcdUrl}`,
        `--cert-dir=${join(folder, 'certs')}`,
        '--bind-address=127.0.0.1',
        `--secure-port=${port}`,
        '--advertise-address=127.0.0.1',
        '--endpoint-reconciler-type=none',
        '--service-account-issuer=https://kubernetes.default.svc',
        `--service-account-signing-key-file=${credentials.serviceAccountKeyFile}`,
        `--service-account-key-file=${credentials.serviceAccountKeyFile}`,
        `--token-auth-file=${credentials.tokenFile}`,
        '--authorization-mode=RBAC',
        `--audit-policy-file=${files.auditPolicy}`,
        `--audit-log-path=${files.audit}`,
        ...(options.webhookClient === undefined ? [] : [`--admission-control-config-file=${webhookClientConfig(folder, options.webhookClient)}`]),
      ],
      join(folder, 'kube-apiserver.log'),
    ),
  );

  const api = apiOf(port, files.ca, credentials.tokens);
  await ready(api, children);
  const createNamespace: Cluster['createNamespace'] = async (name, labels = {}) => {
    await created(api, '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
    await created(api, `/api/v1/namespaces/${name}/serviceaccounts`, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  };
  await waitFor('the default namespace', async () => ((await api('GET', '/api/v1/namespaces/default')).status === 200 ? true : null));
  await created(api, '/api/v1/namespaces/default/serviceaccounts', { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'default' } });
  await letDevelopersWork(api);

  return {
    url,
    kubeconfigPath: files.kubeconfig,
    caFile: files.ca,
    apiserver: `kube-apiserver ${tools['kube-apiserver'].version} at ${apiserver}`,
    kubectl: (args, kubectlOptions) => runKubectl(kubectl, files.kubeconfig, folder, args, kubectlOptions),
    api,
    createNamespace,
    auditFile: files.audit,
    auditLog: () => readAudit(files.audit),
    waitForAudit: (fits) => waitForAudit(files.audit, fits),
  };
}

async function ready(api: Api, children: readonly Child[]): Promise<void> {
  const died = Promise.race(children.map(async (child) => ({ child, code: await child.ended })));
  const up = waitFor(
    '/readyz of the API server',
    async () => {
      try {
        return (await api('GET', '/readyz')).status === 200 ? true : null;
      } catch {
        // Not listening yet, or its certificate is not written yet.
        return null;
      }
    },
    60_000,
  );
  const first = await Promise.race([up, died]);
  if (first !== true) throw new Error(`${first.child.process.spawnargs.join(' ').slice(0, 200)} ended with ${first.code}`);
}

async function created(api: Api, path: string, body: object): Promise<void> {
  const answer = await api('POST', path, { body });
  // 409: somebody else, such as the API server itself, made it.
  if (answer.status !== 201 && answer.status !== 409) throw new Error(`POST ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
}

async function letDevelopersWork(api: Api): Promise<void> {
  const rbac = '/apis/rbac.authorization.k8s.io/v1';
  const metadata = { name: 'developers' };
  const rules = [
    { apiGroups: [''], resources: ['pods', 'pods/ephemeralcontainers', 'pods/status', 'podtemplates', 'replicationcontrollers'], verbs: ['*'] },
    { apiGroups: ['apps', 'batch'], resources: ['*'], verbs: ['*'] },
  ];
  await created(api, `${rbac}/clusterroles`, { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules });
  await created(api, `${rbac}/clusterrolebindings`, {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata,
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'developers' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'developers' }],
  });
}

/** https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#authenticate-apiservers */
function webhookClientConfig(folder: string, { certFile, keyFile }: { certFile: string; keyFile: string }): string {
  const kubeConfigFile = join(folder, 'webhook-client.json');
  const user = { name: '*', user: { 'client-certificate': certFile, 'client-key': keyFile } };
  writeFileSync(kubeConfigFile, JSON.stringify({ apiVersion: 'v1', kind: 'Config', users: [user] }));
  const configuration = { apiVersion: 'apiserver.config.k8s.io/v1', kind: 'WebhookAdmissionConfiguration', kubeConfigFile };
  const file = join(folder, 'admission.json');
  const plugins = ['MutatingAdmissionWebhook', 'ValidatingAdmissionWebhook'].map((name) => ({ name, configuration }));
  writeFileSync(file, JSON.stringify({ apiVersion: 'apiserver.config.k8s.io/v1', kind: 'AdmissionConfiguration', plugins }));
  return file;
}
