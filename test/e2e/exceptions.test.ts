import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { User } from '../rig/credentials.ts';
import { waitFor } from '../rig/wait.ts';
import type { WebhookProcess } from '../rig/webhookProcess.ts';
import { runGuide } from './guide.ts';
import { getPod, openScene, podOf, type Scene, waitUntilAsked } from './scene.ts';

let scene: Scene;
let webhook: WebhookProcess;

beforeAll(async () => {
  scene = await openScene('enforce');
  // Alice writes exceptions, Bob approves them; both may break the glass.
  await bind('alice', 'tidewaiter-exception-author');
  await bind('alice', 'tidewaiter-breakglass');
  await bind('bob', 'tidewaiter-exception-approver');
  await bind('bob', 'tidewaiter-exception-author');
  webhook = await scene.replicas[0].start();
  await waitUntilAsked(scene);
});

afterAll(() => scene?.close());

async function bind(user: string, role: string): Promise<void> {
  const made = await scene.cluster.kubectl(['-n', 'shop', 'create', 'rolebinding', `${user}-${role}`, `--clusterrole=${role}`, `--user=${user}`]);
  expect(made).toMatchObject({ code: 0 });
}

const at = (minutes: number): string => new Date(Date.now() + minutes * 60_000).toISOString();
const waiver = (more: object = {}): object => ({
  policies: ['signed'],
  images: [`${scene.source.host}/shop/api`],
  reason: 'the signing service moves',
  expires: at(60),
  ...more,
});
const objectOf = (name: string, spec: object, more: object = {}): object => ({
  apiVersion: 'tidewaiter.dev/v1',
  kind: 'ImageException',
  metadata: { name, namespace: 'shop' },
  spec,
  ...more,
});

const apply = (object: object, user: User = 'alice', more: readonly string[] = []) =>
  scene.cluster.kubectl(['apply', '-f', '-', ...more], { input: object, user });
const annotate = (name: string, annotation: string, user: User = 'bob', more: readonly string[] = []) =>
  scene.cluster.kubectl(['-n', 'shop', 'annotate', 'imageexception', name, annotation, ...more], { user });
const approve = async (name: string, user: User = 'bob', more: readonly string[] = []) =>
  annotate(name, `tidewaiter.dev/approve=${(await read(name)).status.revision}`, user, more);
const remove = (name: string) => scene.cluster.kubectl(['-n', 'shop', 'delete', 'imageexception', name]);

const stored = z.object({
  metadata: z.object({ uid: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
  spec: z.looseObject({ expires: z.string() }),
  status: z.looseObject({ state: z.string(), revision: z.string(), createdBy: z.string(), approvedBy: z.string().nullable().default(null), seal: z.string() }),
});
const path = '/apis/tidewaiter.dev/v1/namespaces/shop/imageexceptions';
const read = async (name: string) => stored.parse((await scene.cluster.api('GET', `${path}/${name}`)).body);

/** What becomes of a Pod with the image that nobody signed. */
const tryPod = async (image = scene.placed('api'), namespace = 'shop') =>
  scene.cluster.kubectl(['-n', namespace, 'create', '--dry-run=server', '-f', '-'], { input: podOf('try', image), user: 'alice' });
/** Straight to the API server: what is waited for is quicker than kubectl starts. */
const isAdmitted = async (): Promise<boolean> =>
  (await scene.cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', { body: podOf('try', scene.placed('api')), user: 'alice' })).status === 201;
const admitted = () => waitFor('the Pod to be admitted', async () => ((await isAdmitted()) ? true : null));
const denied = () => waitFor('the Pod to be denied', async () => ((await isAdmitted()) ? null : true));
const detail = async (): Promise<string> => {
  const { checks } = (await (await fetch(`${webhook.ops}/readyz`)).json()) as { checks: { name: string; reason: string }[] };
  return checks.find(({ name }) => name === 'exceptions')?.reason ?? '';
};

describe('an exception', () => {
  it('counts once somebody else has approved it, within two seconds, and no longer when it is gone', async () => {
    await denied();
    expect(await apply(objectOf('web', waiver()))).toMatchObject({ code: 0, stderr: '' });
    expect(await read('web')).toMatchObject({ status: { state: 'Pending', createdBy: 'alice', approvedBy: null } });
    expect((await tryPod()).stderr).toContain('[signed]');
    expect(await approve('web')).toMatchObject({ code: 0 });
    const approvedAt = performance.now();
    expect(await read('web')).toMatchObject({
      metadata: { annotations: expect.not.objectContaining({ 'tidewaiter.dev/approve': expect.anything() }) },
      status: { state: 'Approved', createdBy: 'alice', approvedBy: 'bob' },
    });
    await admitted();
    process.stdout.write(`an approval counted after ${Math.round(performance.now() - approvedAt)} ms\n`);
    expect(performance.now() - approvedAt).toBeLessThan(2_000);
    expect((await tryPod()).stderr).toContain('Warning: allowed by exception ImageException shop/web until ');
    await remove('web');
    const removedAt = performance.now();
    await denied();
    expect(performance.now() - removedAt).toBeLessThan(2_000);
  });

  it('is recorded with whose act it was', async () => {
    await apply(objectOf('recorded', waiver()));
    await approve('recorded');
    await admitted();
    expect(await scene.cluster.kubectl(['-n', 'shop', 'apply', '-f', '-'], { input: podOf('waived', scene.written('api')), user: 'alice' })).toMatchObject({
      code: 0,
    });
    expect(await getPod(scene, 'shop', 'waived')).not.toBeNull();
    const record = await waitFor('the record', async () => (await scene.replicas[0].records()).find(({ request }) => request.name === 'waived') ?? null);
    const { metadata, status } = await read('recorded');
    expect(record).toMatchObject({
      decision: 'allow',
      exception: [{ name: 'recorded', uid: metadata.uid, revision: status.revision, createdBy: 'alice', approvedBy: 'bob', stale: false }],
    });
    await remove('recorded');
  });

  it('keeps its approval when the same manifest is applied again, by either way of applying', async () => {
    const manifest = objectOf('again', waiver());
    await apply(manifest);
    await approve('again');
    const before = await read('again');
    expect(await apply(manifest)).toMatchObject({ code: 0, stderr: '' });
    expect(await apply(manifest, 'alice', ['--server-side', '--force-conflicts', '--field-manager=gitops'])).toMatchObject({ code: 0 });
    expect(await apply(manifest, 'alice', ['--server-side', '--field-manager=gitops'])).toMatchObject({ code: 0 });
    expect((await read('again')).status).toEqual(before.status);
    await remove('again');
  });

  it('loses its approval with any change of what it says, and says so', async () => {
    await apply(objectOf('edited', waiver()));
    await approve('edited');
    await admitted();
    const edited = await apply(objectOf('edited', waiver({ images: [`${scene.source.host}/**`] })));
    expect(edited.stderr).toContain('Warning: this change takes back the approval of bob');
    expect(await read('edited')).toMatchObject({ status: { state: 'Pending', approvedBy: null } });
    await denied();
    await remove('edited');
  });
});

describe('an approval is refused', () => {
  beforeAll(async () => {
    expect(await apply(objectOf('wanted', waiver()))).toMatchObject({ code: 0 });
  });
  afterAll(() => remove('wanted'));

  it.each<[string, () => Promise<{ code: number; stderr: string }>, RegExp]>([
    ['to who wrote it', () => approve('wanted', 'admin', ['--as=alice', '--as-group=system:masters']), /alice wrote it: somebody else has to approve it/],
    ['to who wrote it, in another spelling', () => approve('wanted', 'admin', ['--as=Alice', '--as-group=system:masters']), /alice wrote it/],
    [
      'to a ServiceAccount, whatever its rights',
      () => approve('wanted', 'admin', ['--as=system:serviceaccount:shop:robot', '--as-group=system:masters']),
      /is no person/,
    ],
    ['to who has no right to it', () => approve('wanted', 'admin', ['--as=carol', '--as-group=developers']), /forbidden|has no right to it/],
    [
      'of what is not there any more',
      () => annotate('wanted', `tidewaiter.dev/approve=${'0'.repeat(64)}`),
      /name what you have read: tidewaiter.dev\/approve=[0-9a-f]{64}/,
    ],
  ])('%s', async (_, ask, reason) => {
    const answer = await ask();
    expect(answer.code).toBe(1);
    expect(answer.stderr).toMatch(reason);
    expect(await read('wanted')).toMatchObject({ status: { state: 'Pending', approvedBy: null } });
  });

  it('to who may change it and has not the verb', async () => {
    await scene.cluster.kubectl(['-n', 'shop', 'create', 'rolebinding', 'carol-author', '--clusterrole=tidewaiter-exception-author', '--user=carol']);
    const refused = await approve('wanted', 'admin', ['--as=carol']);
    expect(refused.stderr).toContain('carol has no right to it: the verb approve on imageexceptions.tidewaiter.dev in the namespace shop');
  });

  it('together with an edit, or in the object that is created', async () => {
    const revision = (await read('wanted')).status.revision;
    const both = objectOf('wanted', waiver({ reason: 'another' }), {
      metadata: { name: 'wanted', namespace: 'shop', annotations: { 'tidewaiter.dev/approve': revision } },
    });
    expect((await apply(both, 'bob')).stderr).toContain('has to be there already');
    const born = objectOf('born', waiver(), { metadata: { name: 'born', namespace: 'shop', annotations: { 'tidewaiter.dev/approve': revision } } });
    expect((await apply(born)).stderr).toContain('has to be there already');
  });
});

describe('what nobody sealed is void', () => {
  it('whatever status is sent with it', async () => {
    await apply(objectOf('real', waiver()));
    await approve('real');
    const { status } = await read('real');
    const claimed = { ...status, createdBy: 'bob', approvedBy: 'carol', state: 'Approved' };
    expect(await apply(objectOf('forged', waiver(), { status: claimed }))).toMatchObject({ code: 0 });
    expect(await read('forged')).toMatchObject({ status: { createdBy: 'alice', approvedBy: null, state: 'Pending' } });
    const patch = JSON.stringify({ status: claimed });
    await scene.cluster.kubectl(['-n', 'shop', 'patch', 'imageexception', 'forged', '--type=merge', '-p', patch], { user: 'alice' });
    expect(await read('forged')).toMatchObject({ status: { createdBy: 'alice', approvedBy: null, state: 'Pending' } });
    await remove('forged');
    await remove('real');
  });

  it('when it was written behind the webhook’s back: another object’s seal, an edit, a new life of its name', async () => {
    await apply(objectOf('model', waiver()));
    await approve('model');
    await admitted();
    const model = await read('model');
    await withoutWebhook(async () => {
      await apply(objectOf('copy', model.spec, { status: model.status }), 'admin');
      await scene.cluster.kubectl(['-n', 'shop', 'delete', 'imageexception', 'model']);
      await apply(objectOf('model', model.spec, { status: model.status }), 'admin');
    });
    await waitFor('both to be void', async () => (/2 void/.test(await detail()) ? true : null));
    expect(await detail()).toContain('ImageException shop/copy is void: its seal is not ours, or is that of another object');
    await denied();
    await waitFor('the metric', async () => {
      const metrics = await (await fetch(`${webhook.ops}/metrics`)).text();
      return metrics.includes('tidewaiter_exceptions{standing="void"} 2') ? true : null;
    });
    // To touch one gives it no author.
    const touched = await scene.cluster.kubectl(['-n', 'shop', 'label', 'imageexception', 'copy', 'a=b'], { user: 'alice' });
    expect(touched.stderr).toContain('Warning: this exception is void');
    expect((await approve('copy')).stderr).toContain('this exception is void, and nobody can approve it');
    await remove('copy');
    await remove('model');
  });
});

/** Somebody with all rights takes the webhook away, and puts it back. */
async function withoutWebhook(act: () => Promise<void>): Promise<void> {
  const url = '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tidewaiter';
  const { body } = await scene.cluster.api('GET', url);
  const whole = z.looseObject({ metadata: z.looseObject({}), webhooks: z.array(z.looseObject({ name: z.string() })) }).parse(body);
  const set = (webhooks: unknown) => scene.cluster.api('PATCH', url, { body: { webhooks }, contentType: 'application/merge-patch+json' });
  await set(whole.webhooks.filter(({ name }) => name !== 'exceptions.tidewaiter.dev'));
  await waitFor('exceptions not to be stamped', async () => {
    await apply(objectOf('probe', waiver()), 'admin');
    const { body: probe } = await scene.cluster.api('GET', `${path}/probe`);
    await scene.cluster.api('DELETE', `${path}/probe`);
    return stored.safeParse(probe).success ? null : true;
  });
  await act();
  await set(whole.webhooks);
  await waitFor('exceptions to be stamped again', async () => {
    await apply(objectOf('probe', waiver()), 'admin');
    const { body: probe } = await scene.cluster.api('GET', `${path}/probe`);
    await scene.cluster.api('DELETE', `${path}/probe`);
    return stored.safeParse(probe).success ? true : null;
  });
}

describe('a breakglass', () => {
  const broken = (more: object = {}): object => objectOf('night', { breakglass: true, reason: 'the signer is gone', expires: at(60), ...more });

  it('is refused to who has not the verb, to a ServiceAccount, and for longer than four hours', async () => {
    expect((await apply(broken(), 'bob')).stderr).toContain('bob has no right to it: the verb breakglass on imageexceptions.tidewaiter.dev');
    expect((await apply(broken(), 'admin', ['--as=system:serviceaccount:shop:robot', '--as-group=system:masters'])).stderr).toContain('is a person');
    expect((await apply(broken({ expires: at(245) }))).stderr).toContain('spec.expires: must be within 4 hours');
  });

  it('admits at once what a controller makes, and stays until somebody else has acknowledged it', async () => {
    expect(await apply(broken())).toMatchObject({ code: 0 });
    const owned = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name: 'made',
        namespace: 'shop',
        ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'web-1', uid: '7', controller: true }],
      },
      spec: { containers: [{ name: 'app', image: scene.written('api') }] },
    };
    const controller = ['--as=system:serviceaccount:kube-system:replicaset-controller', '--as-group=system:masters'];
    const made = await waitFor('the Pod of a controller', async () => {
      const answer = await scene.cluster.kubectl(['create', '-f', '-', ...controller], { input: owned });
      return answer.code === 0 ? answer : null;
    });
    expect(made.stderr).toContain('Warning: allowed by breakglass ImageException shop/night until ');
    const record = await waitFor(
      'its record',
      async () => (await scene.replicas[0].records()).find(({ request, decision }) => request.name === 'made' && decision === 'allow') ?? null,
    );
    expect(record).toMatchObject({ exception: [{ breakglass: true, createdBy: 'alice', reason: 'the signer is gone' }] });
    expect(await detail()).toContain('not acknowledged: breakglass ImageException shop/night');

    expect((await scene.cluster.kubectl(['-n', 'shop', 'delete', 'imageexception', 'night'], { user: 'alice' })).stderr).toContain(
      'stays until somebody has acknowledged it',
    );
    expect((await apply(broken({ expires: at(120) }))).stderr).toContain('can be ended earlier, and changed in no other way');
    const ended = ['-n', 'shop', 'patch', 'imageexception', 'night', '--type=merge', '-p', JSON.stringify({ spec: { expires: at(-1) } })];
    expect(await scene.cluster.kubectl(ended, { user: 'alice' })).toMatchObject({ code: 0 });
    await denied();
    const { revision } = (await read('night')).status;
    expect((await annotate('night', `tidewaiter.dev/acknowledge=${revision}`, 'alice')).stderr).toContain('alice wrote it');
    expect(await annotate('night', `tidewaiter.dev/acknowledge=${revision}`)).toMatchObject({ code: 0 });
    expect(await read('night')).toMatchObject({ status: { acknowledgedBy: 'bob' } });
    await waitFor('nothing to acknowledge', async () => ((await detail()).includes('not acknowledged') ? null : true));
    expect(await scene.cluster.kubectl(['-n', 'shop', 'delete', 'imageexception', 'night'], { user: 'alice' })).toMatchObject({ code: 0 });
  });
});

describe('docs/guides/exceptions.md', () => {
  it('shows what its commands print, one after the other', async () => {
    const { printed, shown } = await runGuide(scene);
    expect(printed).toEqual(shown);
  }, 120_000);
});

describe('a cluster-wide exception', () => {
  it('counts in the namespaces that it names', async () => {
    const object = { apiVersion: 'tidewaiter.dev/v1', kind: 'ClusterImageException', metadata: { name: 'all' }, spec: waiver({ namespaces: ['sh*'] }) };
    expect(await apply(object, 'admin', ['--as=carol', '--as-group=system:masters'])).toMatchObject({ code: 0 });
    const { body } = await scene.cluster.api('GET', '/apis/tidewaiter.dev/v1/clusterimageexceptions/all');
    const { revision } = stored.parse(body).status;
    const approved = ['annotate', 'clusterimageexception', 'all', `tidewaiter.dev/approve=${revision}`, '--as=dave', '--as-group=system:masters'];
    expect(await scene.cluster.kubectl(approved)).toMatchObject({ code: 0 });
    await admitted();
    await scene.cluster.kubectl(['delete', 'clusterimageexception', 'all']);
    await denied();
  });
});
