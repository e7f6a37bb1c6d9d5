import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { publishImage } from '../fakes/publish.ts';
import { startAnsweringWebhook } from '../rig/answeringWebhook.ts';
import type { AuditEntry } from '../rig/audit.ts';
import { makeCertificate } from '../rig/certificate.ts';
import { waitFor } from '../rig/wait.ts';
import { applyWebhookService } from '../rig/webhookService.ts';
import { type AuditRecord, getPod, openScene, podOf, type Scene, waitUntilAsked } from './scene.ts';

let scene: Scene;

beforeAll(async () => {
  scene = await openScene('enforce');
  await scene.replicas[0].start();
  await waitUntilAsked(scene);
});

afterAll(() => scene?.close());

const create = (object: object, namespace = 'shop', more: readonly string[] = []) =>
  scene.cluster.kubectl(['-n', namespace, 'apply', '-f', '-', ...more], { input: object, user: 'alice' });

const debug = (pod: string, container: string, image: string) =>
  scene.cluster.kubectl(['-n', 'shop', 'debug', pod, `--image=${image}`, `--container=${container}`, '--attach=false'], { user: 'alice' });

const auditOf = (name: string, fits: (entry: AuditEntry) => boolean = () => true) =>
  scene.cluster.waitForAudit((entry) => entry.objectRef?.name === name && entry.objectRef.resource === 'pods' && entry.verb === 'create' && fits(entry));

async function recordOf(id: string): Promise<AuditRecord> {
  return waitFor(`record ${id} on disk`, async () => (await scene.replicas[0].records()).find((record) => record.id === id) ?? null);
}

describe('a Pod', () => {
  it('whose image is signed is admitted, and stored with the pinned reference of the mirror and its pull secret', async () => {
    expect(await create(podOf('signed', scene.written('web')))).toMatchObject({ code: 0, stderr: '' });
    const pod = await getPod(scene, 'shop', 'signed');
    expect(pod?.spec.containers).toEqual([{ name: 'app', image: scene.placed('web') }]);
    expect(pod?.spec.imagePullSecrets).toEqual([{ name: 'mirror-pull' }]);
    expect(pod?.metadata.annotations['tidewaiter.dev/written']).toBe(JSON.stringify({ app: scene.written('web') }));
  });

  it('whose image is signed in the older layout, and that no mirror has, is pinned at its source', async () => {
    expect(await create(podOf('legacy', scene.written('cart')))).toMatchObject({ code: 0, stderr: '' });
    const pod = await getPod(scene, 'shop', 'legacy');
    expect(pod?.spec).toMatchObject({ containers: [{ image: scene.placed('cart') }], imagePullSecrets: [] });
  });

  it('whose image is not signed is refused, and kubectl says container, image, policy, what to do, and the record', async () => {
    const refused = await create(podOf('unsigned', scene.written('api')));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('admission webhook "pods.tidewaiter.dev" denied the request: image policy: 1 violation');
    expect(refused.stderr).toContain(`- [signed] container app, image ${scene.placed('api')}: no signature by a configured signer.`);
    expect(refused.stderr).toContain('What to do: Sign the image');
    const [, id = ''] = /^record ([0-9A-HJKMNP-TV-Z]{26})$/m.exec(refused.stderr) ?? [];
    // On disk before the answer left: no waiting.
    expect((await scene.replicas[0].records()).find((record) => record.id === id)).toMatchObject({
      decision: 'deny',
      answered: 'deny',
      request: { namespace: 'shop', name: 'unsigned', user: 'alice' },
    });
    expect(await getPod(scene, 'shop', 'unsigned')).toBeNull();
  });

  it('that is refused gives an API client HTTP 403 with the reason Forbidden', async () => {
    const answer = await scene.cluster.api('POST', '/api/v1/namespaces/shop/pods', { body: podOf('client', scene.written('api')), user: 'alice' });
    expect(answer).toMatchObject({ status: 403, body: { kind: 'Status', reason: 'Forbidden', code: 403 } });
  });

  it('from a registry that is not listed is told so, and nothing that only follows from it', async () => {
    const refused = await create(podOf('strange', 'evil.example/miner'));
    expect(refused.stderr).toContain('container app, image evil.example/miner: the image could not be resolved: REGISTRY_NOT_LISTED');
    expect(refused.stderr).not.toContain('no signature');
  });

  it('is judged by its init containers as well, which are named as such and placed when they are good', async () => {
    const withInit = (name: string, image: string): object => podOf(name, scene.written('web'), { initContainers: [{ name: 'prepare', image }] });
    const refused = await create(withInit('bad-init', scene.written('api')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`init container prepare, image ${scene.placed('api')}: no signature`) });
    expect(await create(withInit('good-init', scene.written('cart')))).toMatchObject({ code: 0 });
    expect((await getPod(scene, 'shop', 'good-init'))?.spec).toMatchObject({
      initContainers: [{ image: scene.placed('cart') }],
      containers: [{ image: scene.placed('web') }],
    });
  });

  it('is judged by its image volumes as well', async () => {
    const withVolume = (name: string, reference: string): object => podOf(name, scene.written('web'), { volumes: [{ name: 'model', image: { reference } }] });
    const refused = await create(withVolume('bad-volume', scene.written('api')));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`model, image ${scene.placed('api')}: no signature`) });
    expect(await create(withVolume('good-volume', scene.written('web')))).toMatchObject({ code: 0 });
    const volumes = (await getPod(scene, 'shop', 'good-volume'))?.spec.volumes ?? [];
    expect(volumes.find(({ name }) => name === 'model')).toEqual({ name: 'model', image: { reference: scene.placed('web') } });
  });

  it('that is debugged gets no ephemeral container with a bad image, and one with a good image pinned', async () => {
    expect(await create(podOf('debugged', scene.written('web')))).toMatchObject({ code: 0 });
    const refused = await debug('debugged', 'bad', scene.written('api'));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`ephemeral container bad, image ${scene.placed('api')}: no signature`) });
    expect((await getPod(scene, 'shop', 'debugged'))?.spec.ephemeralContainers).toEqual([]);
    expect(await debug('debugged', 'good', scene.written('web'))).toMatchObject({ code: 0 });
    expect((await getPod(scene, 'shop', 'debugged'))?.spec.ephemeralContainers).toEqual([{ name: 'good', image: scene.placed('web') }]);
  });

  it('can get no other image by an update unless that is good, and pinned', async () => {
    expect(await create(podOf('updated', scene.written('web')))).toMatchObject({ code: 0 });
    const setImage = (image: string) => scene.cluster.kubectl(['-n', 'shop', 'set', 'image', 'pod/updated', `app=${image}`], { user: 'alice' });
    expect(await setImage(scene.written('api'))).toMatchObject({ code: 1, stderr: expect.stringContaining('no signature by a configured signer') });
    expect(await setImage(scene.written('cart'))).toMatchObject({ code: 0 });
    expect((await getPod(scene, 'shop', 'updated'))?.spec.containers).toEqual([{ name: 'app', image: scene.placed('cart') }]);
  });

  it('that is applied again stays as it was stored', async () => {
    const manifest = podOf('again', scene.written('web'));
    expect(await create(manifest)).toMatchObject({ code: 0 });
    const before = await getPod(scene, 'shop', 'again');
    expect(await create(manifest)).toMatchObject({ code: 0, stderr: '' });
    expect(
      await scene.cluster.kubectl(['-n', 'shop', 'apply', '--server-side', '--force-conflicts', '-f', '-'], { input: manifest, user: 'alice' }),
    ).toMatchObject({
      code: 0,
      stderr: '',
    });
    const after = await getPod(scene, 'shop', 'again');
    expect(after?.spec).toEqual(before?.spec);
    expect(after?.metadata.annotations['tidewaiter.dev/written']).toBe(before?.metadata.annotations['tidewaiter.dev/written']);
  });

  it('that names the mirror is what the source confirms, and nothing that somebody pushed there', async () => {
    expect(await create(podOf('mirrored', `${scene.mirror.host}/hub/shop/web:1.0`))).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'mirrored'))?.spec.containers).toEqual([{ name: 'app', image: scene.placed('web') }]);
    const planted = await publishImage({ registry: scene.mirror.url, repository: 'hub/shop/web', tag: '1.1', content: 'planted' });
    const refused = await create(podOf('planted', `${scene.mirror.host}/hub/shop/web:1.1@${planted.digest}`));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`${scene.mirror.host}/hub/shop/web is from no approved registry`) });
  });

  it('into which another webhook injects a sidecar afterwards is placed and judged with it', async () => {
    await scene.cluster.createNamespace('mesh');
    const certificate = makeCertificate(['injector.mesh.svc']);
    const injected = z.object({
      metadata: z.object({ labels: z.object({ sidecar: z.enum(['web', 'api']) }) }),
      spec: z.object({ containers: z.array(z.unknown()) }),
    });
    const injector = await startAnsweringWebhook(certificate, ({ object }) => {
      const { metadata, spec } = injected.parse(object);
      const patch = [{ op: 'add', path: '/spec/containers/-', value: { name: 'sidecar', image: scene.written(metadata.labels.sidecar) } }];
      return { allowed: true, ...(spec.containers.length > 1 ? {} : { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }) };
    });
    try {
      await applyWebhookService(scene.cluster, { namespace: 'mesh', name: 'injector', port: injector.port });
      // Webhooks are asked in the order of their configurations' names.
      expect(await scene.cluster.kubectl(['apply', '-f', '-'], { input: injectorConfiguration('zz-injector', certificate.cert, injector.port) })).toMatchObject(
        { code: 0 },
      );
      const withLabel = (name: string, sidecar: string): object => ({ ...podOf(name, scene.written('web')), metadata: { name, labels: { sidecar } } });
      await waitFor('the injector to be asked', async () => {
        await scene.cluster.api('POST', '/api/v1/namespaces/mesh/pods?dryRun=All', { body: withLabel('probe', 'web') });
        return injector.requests.length > 0 ? true : null;
      });
      expect(await create(withLabel('good', 'web'), 'mesh')).toMatchObject({ code: 0, stderr: '' });
      expect((await getPod(scene, 'mesh', 'good'))?.spec.containers).toEqual([
        { name: 'app', image: scene.placed('web') },
        { name: 'sidecar', image: scene.placed('web') },
      ]);
      const refused = await create(withLabel('bad', 'api'), 'mesh');
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining(`[signed] container sidecar, image ${scene.placed('api')}: no signature`) });
    } finally {
      await scene.cluster.kubectl(['delete', 'mutatingwebhookconfiguration', 'zz-injector']);
      await injector.stop();
    }
  });

  it('in a namespace in warn mode is created, placed, and its violations are warnings of kubectl', async () => {
    const warned = await create(podOf('unsigned', scene.written('api')), 'dev-green');
    expect(warned).toMatchObject({ code: 0, stdout: expect.stringContaining('pod/unsigned created') });
    expect(warned.stderr).toContain(`Warning: would be denied: [signed] container app, image ${scene.placed('api')}: no signature by a configured signer.`);
    expect((await getPod(scene, 'dev-green', 'unsigned'))?.spec.containers).toEqual([{ name: 'app', image: scene.placed('api') }]);
    const entry = await auditOf('unsigned', ({ objectRef }) => objectRef?.namespace === 'dev-green');
    expect(entry.annotations['pods.tidewaiter.dev/decision']).toBe('deny');
    expect(await recordOf(entry.annotations['pods.tidewaiter.dev/record'] ?? '')).toMatchObject({ decision: 'deny', answered: 'allow', mode: 'warn' });
  });
});

describe('a dry run', () => {
  it('is judged and patched like the real thing, and leaves no record', async () => {
    const refused = await create(podOf('dry-bad', scene.written('api')), 'shop', ['--dry-run=server']);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining('[signed] container app') });
    expect(refused.stderr).not.toMatch(/^record /m);
    const shown = await create(podOf('dry-good', scene.written('web')), 'shop', ['--dry-run=server', '--output=jsonpath={.spec.containers[0].image}']);
    expect(shown).toMatchObject({ code: 0, stdout: scene.placed('web') });
    // A record made later is there: none can be on its way that was made earlier.
    expect(await create(podOf('wet', scene.written('api')))).toMatchObject({ code: 1 });
    const names = (await scene.replicas[0].records()).map(({ request }) => request.name);
    expect(names).toContain('wet');
    expect(names.filter((name) => name?.startsWith('dry-'))).toEqual([]);
  });
});

describe('a workload', () => {
  const podTemplate = (image: string) => ({ metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'app', image }] } });
  const template = (image: string) => ({ selector: { matchLabels: { app: 'x' } }, template: podTemplate(image) });
  const deployment = (name: string, image: string): object => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name }, spec: template(image) });

  it('with a bad image is applied with warnings, and stored as it was written', async () => {
    const applied = await create(deployment('bad', scene.written('api')));
    expect(applied).toMatchObject({ code: 0, stdout: expect.stringContaining('deployment.apps/bad created') });
    expect(applied.stderr).toContain(`Warning: would be denied: [signed] container app, image ${scene.written('api')}: no signature`);
    const { body } = await scene.cluster.api('GET', '/apis/apps/v1/namespaces/shop/deployments/bad');
    expect(body).toMatchObject({ spec: { template: { spec: { containers: [{ image: scene.written('api') }] } } } });
    expect(JSON.stringify(body)).not.toContain('tidewaiter.dev/written');
  });

  it('with a good image is applied without a word, and is not rewritten either', async () => {
    expect(await create(deployment('good', scene.written('web')))).toMatchObject({ code: 0, stderr: '' });
    const { body } = await scene.cluster.api('GET', '/apis/apps/v1/namespaces/shop/deployments/good');
    expect(body).toMatchObject({ spec: { template: { spec: { containers: [{ image: scene.written('web') }] } } } });
  });

  it('that a controller owns is skipped: its owner was judged, and its Pods will be', async () => {
    const replicaSet = (name: string, metadata: object): object => ({
      apiVersion: 'apps/v1',
      kind: 'ReplicaSet',
      metadata: { name, ...metadata },
      spec: template(scene.written('api')),
    });
    const owner = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'bad', uid: '3c7a0f0e-0000-4000-8000-000000000000', controller: true };
    expect((await create(replicaSet('free', {}))).stderr).toContain('would be denied');
    expect(await create(replicaSet('owned', { ownerReferences: [owner] }))).toMatchObject({ code: 0, stderr: '' });
  });

  it('of every other kind with a bad image gets warnings', async () => {
    const pod = podTemplate(scene.written('api'));
    const job = { template: { spec: { ...pod.spec, restartPolicy: 'Never' } } };
    const objects = {
      statefulset: { apiVersion: 'apps/v1', kind: 'StatefulSet', spec: { ...template(scene.written('api')), serviceName: 'x' } },
      daemonset: { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: template(scene.written('api')) },
      job: { apiVersion: 'batch/v1', kind: 'Job', spec: job },
      cronjob: { apiVersion: 'batch/v1', kind: 'CronJob', spec: { schedule: '0 4 * * *', jobTemplate: { spec: job } } },
      podtemplate: { apiVersion: 'v1', kind: 'PodTemplate', template: pod },
      replicationcontroller: { apiVersion: 'v1', kind: 'ReplicationController', spec: { selector: { app: 'x' }, template: pod } },
    };
    const outcomes = await Promise.all(
      Object.entries(objects).map(async ([name, object]) => {
        const { code, stderr } = await create({ ...object, metadata: { name } });
        return [name, code, stderr.includes('would be denied: [signed]')];
      }),
    );
    expect(outcomes).toEqual(Object.keys(objects).map((name) => [name, 0, true]));
  });
});

describe("the API server's own audit log", () => {
  const annotationsOf = async (name: string): Promise<Record<string, string>> => {
    const { annotations } = await auditOf(name);
    return Object.fromEntries(Object.entries(annotations).flatMap(([key, value]) => (key.startsWith('pods.tidewaiter.dev/') ? [[key.slice(20), value]] : [])));
  };

  it.each([
    ['admitted', 'web', 0, 'allow'],
    ['refused', 'api', 1, 'deny'],
  ] as const)('witnesses a Pod that is %s: decision, images, record, and the very hash that the record has on disk', async (name, image, code, decision) => {
    expect(await create(podOf(`witness-${name}`, scene.written(image)))).toMatchObject({ code });
    const annotations = await annotationsOf(`witness-${name}`);
    expect(annotations).toEqual({
      decision,
      images: `app=${scene.source.host}/shop/${image}@${scene.images[image].digest}`,
      record: expect.stringMatching(/^[0-9A-HJKMNP-TV-Z]{26}$/),
      hash: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    const { hash, ...rest } = await recordOf(annotations['record'] ?? '');
    expect(hash).toBe(annotations['hash']);
    expect(rest).toMatchObject({ decision, request: { name: `witness-${name}` } });
    // Not by our own code: the SHA-256 of the RFC 8785 form without the hash.
    expect(
      createHash('sha256')
        .update(canonicalize(rest) ?? '')
        .digest('hex'),
    ).toBe(hash);
  });
});

describe('a burst of Pods', () => {
  it('is answered Pod by Pod, each with a record, in one unbroken chain', async () => {
    const wanted = Array.from({ length: 60 }, (_, i) => ({ name: `burst-${i}`, image: i % 3 === 0 ? 'api' : i % 3 === 1 ? 'web' : 'cart' }) as const);
    const answers = await Promise.all(
      wanted.map(({ name, image }) => scene.cluster.api('POST', '/api/v1/namespaces/shop/pods', { body: podOf(name, scene.written(image)), user: 'bob' })),
    );
    expect(answers.map(({ status }) => status)).toEqual(wanted.map(({ image }) => (image === 'api' ? 403 : 201)));
    const records = await waitFor('all records', async () => {
      const all = await scene.replicas[0].records();
      return wanted.every(({ name }) => all.some(({ request }) => request.name === name)) ? all : null;
    });
    const decisions = wanted.map(({ name }) => records.filter(({ request }) => request.name === name).map(({ decision }) => decision));
    expect(decisions).toEqual(wanted.map(({ image }) => [image === 'api' ? 'deny' : 'allow']));
    for (const [i, { previousHash, sequence }] of records.entries()) {
      if (i === 0) continue;
      expect({ previousHash, sequence }).toEqual({ previousHash: records[i - 1]?.hash, sequence: (records[i - 1]?.sequence ?? 0) + 1 });
    }
  });
});

function injectorConfiguration(name: string, caBundle: string, port: number): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: 'injector.mesh.test',
        admissionReviewVersions: ['v1'],
        sideEffects: 'None',
        failurePolicy: 'Fail',
        timeoutSeconds: 5,
        namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'mesh' } },
        clientConfig: { service: { name: 'injector', namespace: 'mesh', path: '/', port }, caBundle: Buffer.from(caBundle).toString('base64') },
        rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
      },
    ],
  };
}

describe('the records', () => {
  it('are proven, and agree with what the API server was told of each', async () => {
    await waitFor('all that the API server was told of to be on disk', async () => {
      const ids = new Set((await scene.replicas[0].records()).map(({ id }) => id));
      const told = (await scene.cluster.auditLog()).flatMap(({ annotations }) => annotations['pods.tidewaiter.dev/record'] ?? []);
      return told.length > 0 && told.every((id) => ids.has(id)) ? true : null;
    });
    const { code, proof } = await scene.replicas[0].verify();
    expect(proof.faults).toEqual([]);
    expect(proof.checkpoints.local).toBeGreaterThan(0);
    expect(proof.apiserver.records).toBeGreaterThan(60);
    expect(proof.entries).toBeGreaterThanOrEqual(proof.apiserver.records);
    expect(code).toBe(0);
  });
});
