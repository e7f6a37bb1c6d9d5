import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { makeKey, type PublishedImage, publishImage, signLegacy, trivyReport } from '../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { waitFor } from '../rig/wait.ts';
import type { WebhookProcess } from '../rig/webhookProcess.ts';
import { getPod, home, openScene, podOf, type Scene, waitUntilAsked } from './scene.ts';

const password = 'correct-horse-battery-staple';
/** In each of its forms, in which it must not be seen. */
const secretWords = [password, Buffer.from(`puller:${password}`).toString('base64'), Buffer.from(password).toString('base64')];

let scene: Scene;
let publishing: FakeRegistry;
let registry: FakeRegistry;
let image: PublishedImage;
let webhook: WebhookProcess;

const written = () => `${registry.host}/acme/app:1.0`;
const create = (object: object, namespace = 'shop') => scene.cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: object, user: 'alice' });
const apply = (object: object, namespace = 'shop') => scene.cluster.kubectl(['-n', namespace, 'apply', '-f', '-'], { input: object });
const pulling = (...names: string[]) => ({ imagePullSecrets: names.map((name) => ({ name })) });
/** What is the same of two refusals. */
const reasonOf = (stderr: string): string => stderr.replaceAll(/record [0-9A-Z]{26}|name: "[^"]*"|"[a-z-]+" is|pods "[^"]*"/g, '');

const configurationSchema = z.looseObject({
  cluster: z.looseObject({}),
  registries: z.array(z.looseObject({})),
  signers: z.array(z.looseObject({})),
  scans: z.tuple([z.looseObject({ path: z.string() })]),
  policy: z.looseObject({ data: z.object({ registries: z.array(z.string()) }) }),
});

function pullSecret(name: string, auths: object): object {
  const stringData = { '.dockerconfigjson': JSON.stringify({ auths }) };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name }, type: 'kubernetes.io/dockerconfigjson', stringData };
}

async function applyComponent(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-component-'));
  try {
    const components = [relative(folder, join(import.meta.dirname, '..', '..', 'manifests', 'components', 'pull-secrets'))];
    writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify({ apiVersion: 'kustomize.config.k8s.io/v1beta1', kind: 'Kustomization', components }));
    expect(await scene.cluster.kubectl(['apply', '-k', folder])).toMatchObject({ code: 0 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

beforeAll(async () => {
  scene = await openScene('enforce');
  publishing = await startRegistry();
  registry = await startRegistry({ content: publishing.content, auth: { kind: 'token', username: 'puller', password } });
  const key = makeKey('p256');
  image = await publishImage({ registry: publishing.origin, repository: 'acme/app', tag: '1.0', content: 'private' });
  await signLegacy(image, key, { dockerReference: `${registry.host}/acme/app` });
  const [replica] = scene.replicas;
  const files = Object.fromEntries(
    readdirSync(replica.configuration.path)
      .filter((name) => !name.startsWith('..'))
      .map((name) => [name, readFileSync(join(replica.configuration.path, name), 'utf8')]),
  );
  const before = configurationSchema.parse(JSON.parse(files['tidewaiter.yaml'] ?? ''));
  writeFileSync(join(before.scans[0].path, 'private.json'), JSON.stringify(trivyReport({ imageId: image.imageId })));
  const after = {
    ...before,
    cluster: { ...before.cluster, pullSecrets: true },
    registries: [...before.registries, { host: registry.host, plainHTTP: true }],
    signers: [...before.signers, { name: 'private', kind: 'cosign-key', images: [`${registry.host}/**`], key: key.publicPem }],
    policy: { ...before.policy, data: { registries: [...before.policy.data.registries, registry.host] } },
  };
  replica.configuration.update({ ...files, 'tidewaiter.yaml': JSON.stringify(after) });
  await scene.cluster.createNamespace('bank');
  await apply(pullSecret('right', { [registry.host]: { username: 'puller', password } }));
  await apply(pullSecret('wrong', { [`${registry.host}/acme`]: { username: 'puller', password: 'expired' } }));
  webhook = await replica.start();
  await waitUntilAsked(scene);
});

afterAll(async () => {
  await registry?.close();
  await publishing?.close();
  await scene?.close();
});

describe('without the right to read Secrets', () => {
  it('an image that needs one is refused, and the message names the right that is missing', async () => {
    const refused = await create(podOf('unread', written(), pulling('right')));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('REGISTRY_UNAUTHORIZED: the pull secret shop/right could not be read');
    expect(refused.stderr).toContain('does not let this process get the Secret shop/right (HTTP 403)');
  });

  it('an image that needs none is admitted all the same', async () => {
    expect(await create(podOf('public', scene.written('web'), pulling('right')))).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('with the component pull-secrets', () => {
  beforeAll(async () => {
    await applyComponent();
    const account = `system:serviceaccount:${home}:tidewaiter`;
    const may = async (verb: string, what: string) =>
      (await scene.cluster.kubectl(['auth', 'can-i', verb, what, '-n', 'shop', `--as=${account}`])).stdout.trim();
    await waitFor('the right to be in force', async () => ((await may('get', 'secrets')) === 'yes' ? true : null));
    for (const verb of ['list', 'watch', 'create', 'update', 'patch', 'delete']) expect(await may(verb, 'secrets'), verb).toBe('no');
    // What was refused a moment ago is not asked again for two seconds.
    let said = '';
    await waitFor('the Secret to be read', async () => {
      const created = await create(podOf('first', written(), pulling('right')));
      said = created.stderr;
      return created.code === 0 ? true : null;
    }).catch((error: unknown) => {
      throw new Error(said, { cause: error });
    });
  });

  it('a Pod with the pull secret of its image is admitted, and pinned', async () => {
    expect(await create(podOf('with', written(), pulling('right')))).toMatchObject({ code: 0, stderr: '' });
    expect((await getPod(scene, 'shop', 'with'))?.spec.containers).toEqual([{ name: 'app', image: `${written()}@${image.digest}` }]);
  });

  it('a Pod without it learns nothing, however often others were admitted: the refusal is that of an image nobody has', async () => {
    const pinned = `${registry.host}/acme/app@${image.digest}`;
    const unknown = `${registry.host}/acme/app@sha256:${'0'.repeat(64)}`;
    for (const at of ['shop', 'bank']) {
      registry.forgetRequests();
      const refused = await create(podOf('without', pinned), at);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain(`REGISTRY_UNAUTHORIZED: the token realm of ${registry.host} answered 401`);
      // It was asked for itself, not answered from what others know.
      expect(registry.count('GET /token')).toBeGreaterThan(0);
      const nobodyHas = await create(podOf('without', unknown), at);
      expect(reasonOf(nobodyHas.stderr).replaceAll(unknown, pinned)).toBe(reasonOf(refused.stderr));
    }
  });

  it('a Secret of the same name in another namespace is not the Pod’s, whatever the Pod says of its namespace', async () => {
    const refused = await create(podOf('elsewhere', written(), pulling('right')), 'bank');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('the pull secret bank/right does not exist');
  });

  it('a candidate that the registry refuses is followed by the next', async () => {
    expect((await create(podOf('stale', written(), pulling('wrong')))).stderr).toContain('REGISTRY_UNAUTHORIZED');
    expect(await create(podOf('next', written(), pulling('wrong', 'right')))).toMatchObject({ code: 0, stderr: '' });
  });

  it('the pull secrets of the service account count, of a Pod and of a Deployment', async () => {
    await apply({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'builder' }, imagePullSecrets: [{ name: 'right' }] });
    const builder = { serviceAccountName: 'builder' };
    await waitFor('the API server to know the account', async () => ((await create(podOf('account', written(), builder))).code === 0 ? true : null));
    expect((await getPod(scene, 'shop', 'account'))?.spec.imagePullSecrets).toEqual([{ name: 'right' }]);
    const deployment = (name: string, spec: object): object => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name },
      spec: {
        selector: { matchLabels: { app: name } },
        template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'app', image: written() }], ...spec } },
      },
    });
    expect(await create(deployment('built', builder))).toMatchObject({ code: 0, stderr: '' });
    expect((await create(deployment('bare', {}))).stderr).toContain('would be denied');
  });

  it('when the registry is gone, who has the Secret is served by what is known, and who has not learns nothing of it', async () => {
    const pinned = `${registry.host}/acme/app@${image.digest}`;
    await registry.close();
    expect(await create(podOf('outage', pinned, pulling('right')))).toMatchObject({ code: 0, stderr: '' });
    const refused = await create(podOf('outage-without', pinned));
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('REGISTRY_UNAVAILABLE');
    expect(refused.stderr).not.toContain('REGISTRY_UNAUTHORIZED');
  });

  it('nothing of a Secret is in log, records and metrics', async () => {
    const metrics = await (await fetch(`${webhook.ops}/metrics`)).text();
    const everything = webhook.output() + metrics + JSON.stringify(await scene.replicas[0].records());
    expect(everything).toContain('acme/app');
    for (const word of secretWords) expect(everything).not.toContain(word);
  });
});
