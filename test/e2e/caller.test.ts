import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { admissionReview, podObject } from '../fakes/review.ts';
import { makeCertificate } from '../rig/certificate.ts';
import type { WebhookProcess } from '../rig/webhookProcess.ts';
import { callReplica, getPod, openScene, podOf, readSecret, type Scene, waitUntilAsked } from './scene.ts';

const caller = makeCertificate(['kube-apiserver']);
let scene: Scene;
let webhook: WebhookProcess | null = null;

beforeAll(async () => {
  scene = await openScene('try', { caller });
});

afterAll(() => scene?.close());

const create = (object: object) => scene.cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], { input: object, user: 'alice' });

describe('with a client certificate of the API server, under try', () => {
  it('nothing is held up before the webhook has ever run', async () => {
    expect(await create(podOf('early', scene.written('api')))).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'early'))?.spec.containers).toEqual([{ name: 'app', image: scene.written('api') }]);
  });

  it('the API server gets through, and kubectl shows what enforce would refuse', async () => {
    webhook = await scene.replicas[0].start();
    await waitUntilAsked(scene);
    const warned = await create(podOf('warned', scene.written('api')));
    expect(warned).toMatchObject({
      code: 0,
      stderr: expect.stringContaining(`Warning: would be denied: [signed] container app, image ${scene.placed('api')}`),
    });
    expect(await create(podOf('good', scene.written('web')))).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'good'))?.spec.containers).toEqual([{ name: 'app', image: scene.placed('web') }]);
  });

  it('whoever learned the secret path gets nowhere without the certificate, or with another', async () => {
    expect(webhook).not.toBeNull();
    if (webhook === null) return;
    const { ca, path } = await readSecret(scene);
    const review = admissionReview({ object: podObject({ name: 'web', containers: [{ name: 'app', image: scene.written('api') }] }) });
    const at = { ca, path: `/${path}/validate` };
    expect(await callReplica(webhook, review, { ...at, caller })).toMatchObject({ status: 200 });
    await expect(callReplica(webhook, review, at)).rejects.toThrow();
    await expect(callReplica(webhook, review, { ...at, caller: makeCertificate(['kube-apiserver']) })).rejects.toThrow();
  });
});
