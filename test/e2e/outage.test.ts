import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getManifest } from '../fakes/publish.ts';
import { waitFor } from '../rig/wait.ts';
import type { WebhookProcess } from '../rig/webhookProcess.ts';
import { getPod, home, openScene, podOf, type Scene, waitUntilAsked } from './scene.ts';

let scene: Scene;
let webhook: WebhookProcess | null = null;

beforeAll(async () => {
  scene = await openScene('enforce');
});

afterAll(() => scene?.close());

const create = (object: object, namespace = 'shop') => scene.cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: object, user: 'alice' });
const createAsAdmin = (object: object, namespace: string) => scene.cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: object });
const label = (pod: string, text: string) => scene.cluster.kubectl(['-n', 'shop', 'label', 'pod', pod, text], { user: 'alice' });

async function start(): Promise<void> {
  webhook ??= await scene.replicas[0].start();
}

async function stop(): Promise<void> {
  await webhook?.stop();
  webhook = null;
}

/** The Pod that our Deployment would make, as the ReplicaSet controller would create it. */
const ourPod = (name: string): object => {
  const { metadata, spec } = scene.installed.pod;
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec };
};

/** One after the other, as it would happen: each test begins where the last one ended. */
describe('under enforce', () => {
  it('registered before it ever ran, refuses Pods, and still lets the cluster and itself start', async () => {
    const refused = await create(podOf('early', scene.written('web')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('failed calling webhook "pods.tidewaiter.dev"') });
    expect(await createAsAdmin(podOf('dns', 'registry.k8s.io/coredns:1'), 'kube-system')).toMatchObject({ code: 0 });
    // Nor does the namespace's own Pod Security level say a word against it.
    expect(await createAsAdmin(ourPod('tidewaiter-1'), home)).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, home, 'tidewaiter-1'))?.spec.containers).toEqual([{ name: 'tidewaiter', image: 'tidewaiter:0.1.0' }]);
  });

  it('once it runs, is asked without anybody doing anything', async () => {
    await start();
    await waitUntilAsked(scene);
    expect(await create(podOf('early', scene.written('web')))).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'early'))?.spec.containers).toEqual([{ name: 'app', image: scene.placed('web') }]);
  });

  it('does not block a label of a running Pod after its signature is gone, though no new Pod of that image gets in', async () => {
    expect(await create(podOf('steady', scene.written('cart')))).toMatchObject({ code: 0 });
    const tag = `${scene.images.cart.digest.replace(':', '-')}.sig`;
    expect(await getManifest(scene.images.cart.place, tag)).not.toBeNull();
    const removed = await fetch(`${scene.source.url}/v2/shop/cart/manifests/${tag}`, { method: 'DELETE' });
    expect(removed.status).toBe(202);
    // Facts live in the process: this one has none.
    await stop();
    await start();
    expect(await create(podOf('late', scene.written('cart')))).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('no signature by a configured signer'),
    });
    expect(await label('steady', 'tide=high')).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'steady'))?.metadata.labels).toEqual({ tide: 'high' });
  });

  it('does not block a label, a status or the end of a running Pod while both registries are down, and does not call unsigned what it could not look at', async () => {
    await stop();
    await Promise.all([scene.source.stop(), scene.mirror.stop()]);
    await start();
    const refused = await create(podOf('blind', scene.written('web')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('REGISTRY_UNAVAILABLE') });
    expect(refused.stderr).not.toContain('no signature by a configured signer');
    expect(await label('early', 'tide=low')).toMatchObject({ code: 0, stderr: '' });
    const status = { status: { phase: 'Running' } };
    const patched = await scene.cluster.api('PATCH', '/api/v1/namespaces/shop/pods/early/status', {
      body: status,
      contentType: 'application/merge-patch+json',
    });
    expect(patched).toMatchObject({ status: 200, body: { status: { phase: 'Running' } } });
    expect(await scene.cluster.kubectl(['-n', 'shop', 'delete', 'pod', 'early', '--force'], { user: 'alice' })).toMatchObject({ code: 0 });
  });

  it('stopped, refuses every new Pod, and leaves alone what it must not hold up', async () => {
    await stop();
    const refused = await create(podOf('unwatched', scene.written('web')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('failed calling webhook "pods.tidewaiter.dev"') });
    expect(await getPod(scene, 'shop', 'unwatched')).toBeNull();
    expect(await createAsAdmin(podOf('proxy', 'registry.k8s.io/kube-proxy:1'), 'kube-system')).toMatchObject({ code: 0 });
    expect(await createAsAdmin(ourPod('tidewaiter-2'), home)).toMatchObject({ code: 0 });
    const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'app', image: scene.written('web') }] } };
    const spec = { selector: { matchLabels: { app: 'x' } }, template };
    expect(await create({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec })).toMatchObject({ code: 0 });
    expect(await scene.cluster.kubectl(['-n', 'shop', 'delete', 'pod', 'steady', '--force'], { user: 'alice' })).toMatchObject({ code: 0 });
  });
});

describe('under try', () => {
  it('stopped, lets a Pod in unseen, and the audit log of the API server says so', async () => {
    await scene.apply('try');
    const created = await waitFor('the milder failure policy to be in force', async () => {
      const { code } = await create(podOf('unseen', scene.written('api')));
      return code === 0 ? true : null;
    });
    expect(created).toBe(true);
    expect((await getPod(scene, 'shop', 'unseen'))?.spec.containers).toEqual([{ name: 'app', image: scene.written('api') }]);
    const { annotations } = await scene.cluster.waitForAudit(
      ({ objectRef, verb, responseStatus }) =>
        objectRef?.resource === 'pods' && objectRef.name === 'unseen' && verb === 'create' && responseStatus?.code === 201,
    );
    const failed = Object.entries(annotations).filter(([key]) => key.startsWith('failed-open.'));
    expect(failed.map(([key]) => key.split('/')[0])).toEqual(
      expect.arrayContaining(['failed-open.mutation.webhook.admission.k8s.io', 'failed-open.validating.webhook.admission.k8s.io']),
    );
    for (const [, name] of failed) expect(name).toBe('pods.tidewaiter.dev');
    expect(Object.keys(annotations).filter((key) => key.startsWith('pods.tidewaiter.dev/'))).toEqual([]);
    const { code, proof } = await scene.replicas[0].verify();
    expect(new Set(proof.faults.map(({ kind }) => kind))).toEqual(new Set(['bypass']));
    expect(proof.faults.some(({ message }) => message.startsWith('create of pods/shop/unseen by alice was let in without being asked about'))).toBe(true);
    expect(code).toBe(1);
  });

  it('running, warns of what enforce would refuse', async () => {
    await start();
    await waitUntilAsked(scene);
    const warned = await create(podOf('warned', scene.written('api')));
    expect(warned).toMatchObject({ code: 0, stderr: expect.stringContaining('Warning: would be denied: ') });
  });
});
