/**
 * What all end-to-end tests play on: a real API server in which the project's own manifests are applied, real registries (a source and
 * its mirror), images that the real cosign signed, and webhook processes that run on the manifests' ConfigMaps.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { installTool } from '../../tools/install.ts';
import { startCosign } from '../conformance/cosignTool.ts';
import { makeKey, type PublishedImage, publishImage, trivyReport } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import type { ServingCertificate } from '../rig/certificate.ts';
import { type Cluster, startCluster } from '../rig/cluster.ts';
import { type ConfigMapVolume, mountConfigMap } from '../rig/configMapVolume.ts';
import { applyManifests, type Installed, type Overlay, writeServiceAccountKubeconfig } from '../rig/manifests.ts';
import { freePorts, waitFor } from '../rig/wait.ts';
import { startWebhookProcess, type WebhookProcess } from '../rig/webhookProcess.ts';

export const home = 'tidewaiter-system';

/** What the Pods of the tests ask for; all are scanned and without findings. */
export interface Images {
  /** Signed by cosign as a bundle, at the source and at the mirror. */
  readonly web: PublishedImage;
  /** Signed by cosign in the legacy layout, at the source only. */
  readonly cart: PublishedImage;
  /** Not signed. */
  readonly api: PublishedImage;
}

/** One replica: a folder as its Pod would see it, and a port that stays the same over restarts. */
export interface Replica {
  readonly port: number;
  readonly configuration: ConfigMapVolume;
  readonly policies: ConfigMapVolume;
  start(): Promise<WebhookProcess>;
  /** Its records on disk, in the order in which they were written. */
  records(): Promise<readonly AuditRecord[]>;
  /** What `tidewaiter audit verify` says of them, against the API server's own log. */
  verify(): Promise<{ readonly code: number; readonly proof: Proof }>;
}

export interface Scene {
  readonly cluster: Cluster;
  readonly source: RealRegistry;
  readonly mirror: RealRegistry;
  readonly images: Images;
  readonly installed: Installed;
  /** The port that the webhook configurations name is the first replica's. */
  readonly replicas: readonly [Replica, Replica];
  /** As it is written in a manifest. */
  written(name: keyof Images): string;
  /** As it is stored when it was placed: at the mirror where that has it, and pinned. */
  placed(name: keyof Images): string;
  /** Applies the other overlay, and lets the replicas find its ConfigMaps as a kubelet would. */
  apply(overlay: Overlay): Promise<void>;
  /** Stops the replicas that still run, and everything else. Rejects when one of them did not end well. */
  close(): Promise<void>;
}

export interface SceneOptions {
  /** What the API server shows when it calls a webhook; then only this caller may ask. */
  readonly caller?: ServingCertificate;
}

/** Sets everything up but starts no webhook. */
export async function openScene(overlay: Overlay, { caller }: SceneOptions = {}): Promise<Scene> {
  await installTool('opa');
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-e2e-'));
  const webhookClient = caller === undefined ? null : writeCertificate(folder, caller);
  const [cluster, source, mirror] = await Promise.all([
    startCluster(webhookClient === null ? {} : { webhookClient }),
    startRealRegistry(),
    startRealRegistry(),
  ]);
  process.stdout.write(`against ${cluster.apiserver}\n`);
  const running = new Set<() => Promise<void>>();
  const close = async (): Promise<void> => {
    const stopped = await Promise.allSettled([...running].map((stop) => stop()));
    await Promise.all([cluster.stop(), source.stop(), mirror.stop()]);
    rmSync(folder, { recursive: true, force: true });
    for (const each of stopped) if (each.status === 'rejected') throw each.reason;
  };
  try {
    return { ...(await arrange(overlay, { cluster, source, mirror, folder, clientCAFile: webhookClient?.certFile ?? null, running })), close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Stage {
  readonly cluster: Cluster;
  readonly source: RealRegistry;
  readonly mirror: RealRegistry;
  readonly folder: string;
  readonly clientCAFile: string | null;
  /** What stops each replica that runs. */
  readonly running: Set<() => Promise<void>>;
}

async function arrange(overlay: Overlay, stage: Stage): Promise<Omit<Scene, 'close'>> {
  const { cluster, source, mirror, folder } = stage;
  const images = await publishImages(source, mirror, folder);
  const [first = 0, second = 0] = await freePorts(2);
  const installed = await applyManifests(cluster, overlay, first);
  const kubeconfig = join(folder, 'kubeconfig.json');
  await writeServiceAccountKubeconfig(cluster, { namespace: home, name: 'tidewaiter' }, kubeconfig);
  // Alice and the others work in these; the second is one of those that are only warned.
  for (const namespace of ['shop', 'dev-green', 'kube-system']) await cluster.createNamespace(namespace);

  const configure = (port: number, files: Installed): Readonly<Record<string, string>> => ({
    'tidewaiter.yaml': configuration(files.configuration['tidewaiter.yaml'] ?? '', port, kubeconfig, stage),
  });
  const replicas = [
    openReplica(join(folder, 'first'), first, configure(first, installed), installed.policies, stage),
    openReplica(join(folder, 'second'), second, configure(second, installed), installed.policies, stage),
  ] as const;
  const written = (name: keyof Images): string => `${source.host}/shop/${name}:1.0`;
  return {
    cluster,
    source,
    mirror,
    images,
    installed,
    replicas,
    written,
    placed: (name) => (name === 'web' ? `${mirror.host}/hub/shop/web:1.0@${images.web.digest}` : `${written(name)}@${images[name].digest}`),
    async apply(next) {
      const files = await applyManifests(cluster, next, first);
      for (const { port, configuration: volume } of replicas) volume.update(configure(port, files));
    },
  };
}

function openReplica(
  folder: string,
  port: number,
  files: Readonly<Record<string, string>>,
  policies: Readonly<Record<string, string>>,
  { cluster, running }: Stage,
): Replica {
  const volume = mountConfigMap(join(folder, 'config'), files);
  return {
    port,
    configuration: volume,
    policies: mountConfigMap(join(folder, 'policies'), policies),
    async start() {
      const started = await startWebhookProcess(join(volume.path, 'tidewaiter.yaml'), join(folder, 'output.log'));
      const stop = (): Promise<void> => {
        running.delete(stop);
        return started.stop();
      };
      running.add(stop);
      return { ...started, stop };
    },
    records: () => readRecords(join(folder, 'audit')),
    verify: () => verifyAudit(join(volume.path, 'tidewaiter.yaml'), cluster.auditFile),
  };
}

const proof = z.object({
  entries: z.number(),
  checkpoints: z.object({ local: z.number() }),
  apiserver: z.object({ records: z.number() }),
  faults: z.array(z.object({ kind: z.string(), chain: z.string().nullable(), message: z.string() })),
});
type Proof = z.infer<typeof proof>;

/** As somebody at a terminal would. */
function verifyAudit(config: string, log: string): Promise<{ readonly code: number; readonly proof: Proof }> {
  const argv = [join(import.meta.dirname, '..', '..', 'src', 'main.ts'), 'audit', 'verify', '--config', config, '--apiserver-log', log, '--output', 'json'];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argv, { maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      const read = proof.safeParse(stdout === '' ? null : JSON.parse(stdout));
      if (read.success) resolve({ code: error === null ? 0 : Number(error.code), proof: read.data });
      else reject(new Error(`tidewaiter audit verify said:\n${stdout}${stderr}`));
    });
  });
}

function writeCertificate(folder: string, { cert, key }: ServingCertificate): { readonly certFile: string; readonly keyFile: string } {
  const files = { certFile: join(folder, 'caller.crt'), keyFile: join(folder, 'caller.key') };
  writeFileSync(files.certFile, cert);
  writeFileSync(files.keyFile, key, { mode: 0o600 });
  return files;
}

async function publishImages(source: RealRegistry, mirror: RealRegistry, folder: string): Promise<Images> {
  const cosign = await startCosign();
  try {
    const key = makeKey('p256');
    mkdirSync(join(folder, 'reports'));
    writeFileSync(join(folder, 'release.pub'), key.publicPem);
    const publish = async (name: string): Promise<PublishedImage> => {
      const image = await publishImage({ registry: source.url, repository: `shop/${name}`, tag: '1.0', content: name });
      writeFileSync(join(folder, 'reports', `${name}.json`), JSON.stringify(trivyReport({ imageId: image.imageId })));
      return image;
    };
    const images = { web: await publish('web'), cart: await publish('cart'), api: await publish('api') };
    await publishImage({ registry: mirror.url, repository: 'hub/shop/web', tag: '1.0', content: 'web' });
    await cosign.sign(`${source.host}/shop/web@${images.web.digest}`, key, 'bundle');
    await cosign.sign(`${source.host}/shop/cart@${images.cart.digest}`, key, 'legacy');
    return images;
  } finally {
    cosign.close();
  }
}

const shipped = z.looseObject({ server: z.looseObject({}), mode: z.looseObject({}), policy: z.looseObject({}), audit: z.looseObject({}) });

/** The configuration that the overlay ships, with what its user adds, and this machine's addresses and paths. JSON is YAML. */
function configuration(text: string, port: number, kubeconfig: string, { source, mirror, folder, clientCAFile }: Stage): string {
  const base = shipped.parse(parse(text));
  return JSON.stringify({
    ...base,
    server: { ...base.server, listen: `127.0.0.1:${port}`, ops: '127.0.0.1:0', ...(clientCAFile === null ? {} : { clientCAFile }) },
    mode: { ...base.mode, namespaces: [{ match: ['dev-*'], mode: 'warn' }] },
    cluster: { kubeconfig },
    registries: [source, mirror].map(({ host }) => ({ host, plainHTTP: true })),
    mirrors: [{ source: source.host, targets: [{ location: `${mirror.host}/hub`, pullSecret: 'mirror-pull' }] }],
    signers: [{ name: 'release', kind: 'cosign-key', images: [`${source.host}/shop/**`], keyFile: join(folder, 'release.pub') }],
    scans: [{ name: 'reports', kind: 'trivy-directory', path: join(folder, 'reports') }],
    policy: { ...base.policy, directory: '../policies', data: { registries: [source.host] } },
    audit: { ...base.audit, store: 'jsonl:../audit', checkpoints: { keyFile: '../audit.key' } },
  });
}

const record = z.looseObject({
  id: z.string(),
  hash: z.string(),
  previousHash: z.string(),
  sequence: z.number(),
  decision: z.string(),
  answered: z.string(),
  request: z.looseObject({ namespace: z.string(), name: z.string().nullable() }),
});

export type AuditRecord = z.infer<typeof record>;

async function readRecords(directory: string): Promise<readonly AuditRecord[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.jsonl')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(directory, name), 'utf8')));
  return texts.flatMap((text) =>
    text
      .split('\n')
      .slice(0, -1)
      .flatMap((line) => {
        // Contents and links of chains stand between the records.
        const parsed = record.safeParse(JSON.parse(line));
        return parsed.success ? [parsed.data] : [];
      }),
  );
}

/** Waits until the API server asks the webhook: a configuration is live some milliseconds after it is stored. */
export async function waitUntilAsked({ cluster, written }: Scene): Promise<void> {
  await waitFor('the API server to ask the webhook', async () => {
    const asked = await cluster.kubectl(['-n', 'shop', 'create', '--dry-run=server', '-f', '-'], { input: podOf('probe', written('api')) });
    return /image policy: |would be denied: /.test(asked.stderr) ? true : null;
  });
}

/** A Pod with one container, and what a test adds to its spec. */
export function podOf(name: string, image: string, spec: object = {}): object {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'app', image }], ...spec } };
}

const named = z.array(z.object({ name: z.string(), image: z.string() })).default([]);
const storedPod = z.object({
  metadata: z.object({ annotations: z.record(z.string(), z.string()).default({}), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.object({
    containers: named,
    initContainers: named,
    ephemeralContainers: named,
    imagePullSecrets: z.array(z.object({ name: z.string() })).default([]),
    volumes: z.array(z.object({ name: z.string(), image: z.object({ reference: z.string() }).optional() })).default([]),
  }),
});

export type StoredPod = z.infer<typeof storedPod>;

/** The Pod as the API server has it; null where there is none. */
export async function getPod({ cluster }: Scene, namespace: string, name: string): Promise<StoredPod | null> {
  const { status, body } = await cluster.api('GET', `/api/v1/namespaces/${namespace}/pods/${name}`);
  return status === 404 ? null : storedPod.parse(body);
}

const secret = z.object({ metadata: z.object({ resourceVersion: z.string() }), data: z.object({ 'ca.crt': z.string(), path: z.string() }) });

/** What the replicas share, as far as a caller needs it. */
export async function readSecret({ cluster }: Scene): Promise<{ readonly ca: string; readonly path: string; readonly version: string }> {
  const { metadata, data } = secret.parse((await cluster.api('GET', `/api/v1/namespaces/${home}/secrets/tidewaiter-tls`)).body);
  const decode = (value: string): string => Buffer.from(value, 'base64').toString('utf8');
  return { ca: decode(data['ca.crt']), path: decode(data.path), version: metadata.resourceVersion };
}

/** Calls a replica as the API server does: by the name of the Service, trusting only what the Secret says. */
export function callReplica(
  { address }: WebhookProcess,
  body: object,
  { ca, path, caller }: { readonly ca: string; readonly path: string; readonly caller?: ServingCertificate },
): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json' };
    const asked = request({ ...address, ca, servername: `tidewaiter.${home}.svc`, method: 'POST', path, agent: false, headers, ...caller }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      answer.on('error', reject);
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}
