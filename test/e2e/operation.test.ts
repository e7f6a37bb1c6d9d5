import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { admissionReview, podObject } from '../fakes/review.ts';
import { waitFor } from '../rig/wait.ts';
import type { WebhookProcess } from '../rig/webhookProcess.ts';
import { callReplica, home, openScene, podOf, readSecret, type Scene, waitUntilAsked } from './scene.ts';

let scene: Scene;
let webhooks: readonly WebhookProcess[] = [];

beforeAll(async () => {
  scene = await openScene('enforce');
  // At once, on a Secret that is still empty: a race that both must survive.
  webhooks = await Promise.all(scene.replicas.map((replica) => replica.start()));
  await waitUntilAsked(scene);
});

afterAll(() => scene?.close());

const registration = z.object({
  webhooks: z.array(
    z.object({
      name: z.string(),
      failurePolicy: z.string(),
      clientConfig: z.object({ caBundle: z.string(), service: z.object({ path: z.string(), port: z.number() }) }),
    }),
  ),
});

async function readRegistration(kind: 'mutating' | 'validating') {
  const { body } = await scene.cluster.api('GET', `/apis/admissionregistration.k8s.io/v1/${kind}webhookconfigurations/tidewaiter`);
  return registration.parse(body).webhooks;
}

const review = (): object => admissionReview({ object: podObject({ name: 'web', containers: [{ name: 'app', image: scene.written('api') }] }) });

const tryPod = async (image: string): Promise<string> => {
  const { body } = await scene.cluster.api('POST', '/api/v1/namespaces/shop/pods?dryRun=All', { body: podOf('try', image) });
  const parsed = z.object({ kind: z.string(), message: z.string().optional() }).parse(body);
  return parsed.kind === 'Pod' ? 'created' : (parsed.message ?? '');
};

describe('two replicas that start at once', () => {
  it('agree on one authority and one secret path, and tell both to the API server', async () => {
    const { ca, path } = await readSecret(scene);
    expect(path).toMatch(/^[0-9a-f]{64}$/);
    for (const [kind, route] of [
      ['validating', 'validate'],
      ['mutating', 'mutate'],
    ] as const) {
      for (const { name, clientConfig } of await readRegistration(kind)) {
        expect(Buffer.from(clientConfig.caBundle, 'base64').toString('utf8')).toBe(ca);
        const own = name === 'exceptions.tidewaiter.dev' ? 'exceptions' : route;
        expect(clientConfig.service).toEqual({ path: `/${path}/${own}`, port: scene.replicas[0].port });
      }
    }
  });

  it('both answer on that path, with certificates of that authority for the name of the Service', async () => {
    const { ca, path } = await readSecret(scene);
    const answers = await Promise.all(webhooks.map((webhook) => callReplica(webhook, review(), { ca, path: `/${path}/validate` })));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(JSON.parse(body)).toMatchObject({ response: { allowed: false, status: { code: 403 } } });
    }
  });

  it('leave the Secret alone when one of them is started again', async () => {
    const before = await readSecret(scene);
    await webhooks[1]?.stop();
    const [first, again] = [webhooks[0], await scene.replicas[1].start()];
    webhooks = first === undefined ? [again] : [first, again];
    expect(await readSecret(scene)).toEqual(before);
    expect(await callReplica(again, review(), { ca: before.ca, path: `/${before.path}/validate` })).toMatchObject({ status: 200 });
  });

  it('keep what they share and what they told the API server when the manifests are applied again', async () => {
    const read = () => Promise.all([readSecret(scene), readRegistration('validating'), readRegistration('mutating')]);
    const before = await read();
    await scene.apply('enforce');
    expect(await read()).toEqual(before);
  });
});

describe('whoever is not the API server', () => {
  it.each(['/validate', '/mutate', '/', '/0000000000000000000000000000000000000000000000000000000000000000/validate'])(
    'is answered 404 on %s',
    async (path) => {
      const { ca } = await readSecret(scene);
      for (const webhook of webhooks)
        expect(await callReplica(webhook, review(), { ca, path })).toMatchObject({ status: 404, body: expect.not.stringContaining('allowed') });
    },
  );

  it('finds no admission on the other port', async () => {
    const { path } = await readSecret(scene);
    for (const { ops } of webhooks) {
      const answers = await Promise.all([`/${path}/validate`, '/validate'].map((at) => fetch(`${ops}${at}`, { method: 'POST', body: '{}' })));
      expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    }
  });

  it('may read the path neither in the Secret nor in the webhook configurations, and it is in no log', async () => {
    const { path } = await readSecret(scene);
    const places = [
      `/api/v1/namespaces/${home}/secrets/tidewaiter-tls`,
      '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/tidewaiter',
      '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/tidewaiter',
    ];
    const answers = await Promise.all(places.map((at) => scene.cluster.api('GET', at, { user: 'alice' })));
    expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
    for (const webhook of webhooks) expect(webhook.output()).not.toContain(path);
    for (const { ops } of webhooks) expect(await (await fetch(`${ops}/metrics`)).text()).not.toContain(path);
    expect(JSON.stringify(await scene.cluster.auditLog())).not.toContain(path);
  });
});

describe('the rights of the webhook', () => {
  const access = z.object({ status: z.object({ allowed: z.boolean() }) });
  const may = async (verb: string, group: string, resource: string, name: string, namespace: string): Promise<boolean> => {
    const answer = await scene.cluster.api('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: {
        apiVersion: 'authorization.k8s.io/v1',
        kind: 'SubjectAccessReview',
        spec: {
          user: `system:serviceaccount:${home}:tidewaiter`,
          groups: ['system:serviceaccounts'],
          resourceAttributes: { verb, group, resource, name, namespace },
        },
      },
    });
    return access.parse(answer.body).status.allowed;
  };

  it('reach its own Secret and its own webhook configurations', async () => {
    const group = 'admissionregistration.k8s.io';
    for (const verb of ['get', 'patch']) {
      expect(await may(verb, '', 'secrets', 'tidewaiter-tls', home)).toBe(true);
      expect(await may(verb, group, 'validatingwebhookconfigurations', 'tidewaiter', '')).toBe(true);
      expect(await may(verb, group, 'mutatingwebhookconfigurations', 'tidewaiter', '')).toBe(true);
    }
    for (const verb of ['list', 'watch']) {
      expect(await may(verb, '', 'namespaces', '', '')).toBe(true);
      expect(await may(verb, '', 'nodes', '', '')).toBe(true);
    }
  });

  it('reach nothing else', async () => {
    const group = 'admissionregistration.k8s.io';
    const asked = [
      may('get', '', 'secrets', 'other', home),
      may('get', '', 'secrets', 'tidewaiter-tls', 'shop'),
      may('list', '', 'secrets', '', home),
      may('delete', '', 'secrets', 'tidewaiter-tls', home),
      may('create', '', 'pods', '', 'shop'),
      may('patch', group, 'validatingwebhookconfigurations', 'other', ''),
      may('delete', group, 'validatingwebhookconfigurations', 'tidewaiter', ''),
    ];
    expect(await Promise.all(asked)).toEqual(asked.map(() => false));
  });
});

it('the platforms that matter are those of the nodes', async () => {
  const ready = async () => (await fetch(`${webhooks[0]?.ops}/readyz`)).text();
  expect(await ready()).toContain('there are no nodes');
  const nodeInfo = { operatingSystem: 'linux', architecture: 'arm64' };
  const node = { apiVersion: 'v1', kind: 'Node', metadata: { name: 'small' }, status: { nodeInfo } };
  expect(await scene.cluster.api('POST', '/api/v1/nodes', { body: node })).toMatchObject({ status: 201 });
  await waitFor('the node to be known', async () => ((await ready()).includes('platforms: linux/arm64') ? true : null));
  await scene.cluster.api('DELETE', '/api/v1/nodes/small');
  await waitFor('the node to be gone', async () => ((await ready()).includes('there are no nodes') ? true : null));
});

describe('an edit of a mounted ConfigMap', () => {
  const curfew = 'package policies.curfew\n\ndeny contains "nothing sails at night"\n';

  it('that adds a policy takes effect with the next Pod, and stays in force after a bad edit', async () => {
    expect(await tryPod(scene.written('web'))).toBe('created');
    const { policies } = scene.replicas[0];
    const edited = performance.now();
    policies.update({ ...scene.installed.policies, 'curfew.rego': curfew });
    const refused = await waitFor('the new policy to be in force', async () => {
      const outcome = await tryPod(scene.written('web'));
      return outcome === 'created' ? null : outcome;
    });
    process.stdout.write(`a policy edit was live after ${Math.round(performance.now() - edited)} ms\n`);
    expect(refused).toContain('[curfew] nothing sails at night');

    policies.update({ ...scene.installed.policies, 'curfew.rego': 'package policies.curfew\n\ndeny contains {' });
    const ready = await waitFor('the bad edit to be reported', async () => {
      const text = await (await fetch(`${webhooks[0]?.ops}/readyz`)).text();
      return text.includes('the newest edit is not in force') ? text : null;
    });
    expect(ready).toContain('curfew.rego');
    expect(await tryPod(scene.written('web'))).toContain('nothing sails at night');

    policies.update(scene.installed.policies);
    await waitFor('the policy to be gone', async () => ((await tryPod(scene.written('web'))) === 'created' ? true : null));
  });

  it('may be about the labels of namespaces, which are known as they are now', async () => {
    const { policies } = scene.replicas[0];
    const closed = 'package policies.closed\n\ndeny contains "this namespace is closed" if input.review.namespaceLabels.closed == "yes"\n';
    policies.update({ ...scene.installed.policies, 'closed.rego': closed });
    const label = (value: string | null) =>
      scene.cluster.api('PATCH', '/api/v1/namespaces/shop', { body: { metadata: { labels: { closed: value } } }, contentType: 'application/merge-patch+json' });
    await label('yes');
    await waitFor('the label to count', async () => ((await tryPod(scene.written('web'))).includes('this namespace is closed') ? true : null));
    await label(null);
    await waitFor('the label to be gone', async () => ((await tryPod(scene.written('web'))) === 'created' ? true : null));
    policies.update(scene.installed.policies);
  });

  it('that changes the mode takes effect with the next Pod', async () => {
    expect(await tryPod(scene.written('api'))).toContain('[signed]');
    await scene.apply('try');
    await waitFor('the milder mode to be in force', async () => ((await tryPod(scene.written('api'))) === 'created' ? true : null));
    await scene.apply('enforce');
    await waitFor('the old mode to be in force', async () => ((await tryPod(scene.written('api'))).includes('[signed]') ? true : null));
  });

  it('does not keep the process from ending when it is told to', async () => {
    const [first, second] = webhooks;
    if (first === undefined || second === undefined) throw new Error('two replicas run');
    const times = (): number => second.output().split('the new configuration is in force').length;
    const before = times();
    await scene.apply('try');
    await waitFor('the edit to be in force', async () => (times() > before ? true : null));
    await second.stop();
    webhooks = [first];
  });
});
