import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { installTool } from '../../tools/install.ts';
import { publishImage } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { type Cluster, startCluster } from '../rig/cluster.ts';
import { installTidewaiter, runGuide, steady } from '../rig/guide.ts';
import { applyManifests, writeServiceAccountKubeconfig } from '../rig/manifests.ts';
import { freePorts } from '../rig/wait.ts';
import { startWebhookProcess, type WebhookProcess } from '../rig/webhookProcess.ts';

// docs/guides/first-policy.md, done by its own words. UPDATE_GUIDES=1 writes what the commands say now into the guide.

const guide = join(import.meta.dirname, '..', '..', 'docs', 'guides', 'first-policy.md');
let root = '';
let cluster: Cluster;
let registry: RealRegistry;
let webhook: WebhookProcess | null = null;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'tidewaiter-guide-'));
  [cluster, registry] = await Promise.all([startCluster(), startRealRegistry()]);
  for (const tag of ['1.4.2', 'latest']) await publishImage({ registry: registry.url, repository: 'shop', tag });
  await cluster.createNamespace('shop');
}, 180_000);

afterAll(async () => {
  await webhook?.stop();
  await Promise.all([cluster?.stop(), registry?.stop()]);
  rmSync(root, { recursive: true, force: true });
}, 60_000);

const shipped = z.looseObject({ server: z.looseObject({}), audit: z.looseObject({}) });

/** Tidewaiter as the manifests configure it, with what the guide's reader added, in the place of the one in their cluster. */
async function enforce(folder: string): Promise<void> {
  const [port = 0] = await freePorts(1);
  const installed = await applyManifests(cluster, 'enforce', port);
  const kubeconfig = join(root, 'kubeconfig.json');
  await writeServiceAccountKubeconfig(cluster, { namespace: 'tidewaiter-system', name: 'tidewaiter' }, kubeconfig);
  const base = shipped.parse(parse(installed.configuration['tidewaiter.yaml'] ?? ''));
  const added = z.looseObject({}).parse(parse(readFileSync(join(folder, 'tidewaiter.yaml'), 'utf8')));
  const config = {
    ...base,
    ...added,
    server: { ...base.server, listen: `127.0.0.1:${port}`, ops: '127.0.0.1:0' },
    cluster: { kubeconfig },
    audit: { ...base.audit, store: 'jsonl:audit' },
  };
  writeFileSync(join(folder, 'cluster.yaml'), JSON.stringify(config));
  webhook = await startWebhookProcess(join(folder, 'cluster.yaml'), join(root, 'webhook.log'));
}

it('shows what its commands really say', async () => {
  const folder = join(root, 'work');
  mkdirSync(folder);
  const [opa, kubectl] = await Promise.all([installTool('opa'), installTool('kubectl')]);
  const path = [installTidewaiter(join(root, 'bin')), dirname(kubectl), '/usr/bin', '/bin'].join(':');
  const markdown = readFileSync(guide, 'utf8');
  const real = await runGuide(markdown, {
    folder,
    env: { PATH: path, HOME: root, LC_ALL: 'C', KUBECONFIG: cluster.kubeconfigPath, TIDEWAITER_OPA: opa },
    standIns: [['localhost:5000', registry.host]],
    before: async (command) => {
      if (webhook === null && command.startsWith('kubectl')) await enforce(folder);
    },
  });
  if (process.env['UPDATE_GUIDES'] === '1') writeFileSync(guide, real);
  else expect(steady(real)).toBe(steady(markdown));
}, 180_000);
