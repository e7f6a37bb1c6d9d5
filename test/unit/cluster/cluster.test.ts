import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ClusterApi } from '../../../src/cluster/api.ts';
import { bundlePatch, type CaBundleKeeper, type CaBundleOptions, keepCaBundle } from '../../../src/cluster/caBundle.ts';
import { certificateSecret } from '../../../src/cluster/certificateSecret.ts';
import { connectCluster } from '../../../src/cluster/client.ts';
import type { Keyring } from '../../../src/domain/certificate.ts';
import { type KeyringSource, openKeyring } from '../../../src/server/certificates.ts';
import { type FakeKubernetes, secretsPath, startKubernetes, webhooksPath } from '../../fakes/kubernetes.ts';
import { keepLog } from '../server/calls.ts';

/** How long to wait for what will happen: a busy machine is no fault. */
const patient = { timeout: 10_000 };

const day = 86_400_000;
const start = Date.UTC(2026, 0, 1);
const where = { namespace: 'tidewaiter-system', name: 'tidewaiter-tls' };
const secretPath = `${secretsPath}/${where.name}`;
const keyring: Keyring = { ca: 'CA', caKey: 'CA KEY', cert: 'CERT', key: 'KEY', path: 'apathofmanyletters' };
const soon = (): AbortSignal => AbortSignal.timeout(5000);

let directory: string;
let fake: FakeKubernetes;
let api: ClusterApi;
const open: (KeyringSource | CaBundleKeeper)[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cluster-'));
  fake = await startKubernetes();
  const file = join(directory, 'kubeconfig');
  writeFileSync(file, fake.kubeconfig);
  const connected = await connectCluster(file);
  if (!connected.ok) throw new Error(connected.fault.message);
  api = connected.value;
});

afterEach(async () => {
  for (const one of open.splice(0)) one.close();
  await fake.close();
  rmSync(directory, { recursive: true, force: true });
});

describe('connecting', () => {
  it('says what is missing', async () => {
    expect(await connectCluster(join(directory, 'nowhere'))).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('nowhere') },
    });
    writeFileSync(join(directory, 'bad'), '{"clusters": 7');
    expect(await connectCluster(join(directory, 'bad'))).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
    writeFileSync(join(directory, 'empty'), '{}');
    expect(await connectCluster(join(directory, 'empty'))).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
    writeFileSync(join(directory, 'plain'), fake.kubeconfig.replace('https:', 'http:'));
    expect(await connectCluster(join(directory, 'plain'))).toMatchObject({ ok: false, fault: { message: expect.stringContaining('https') } });
    expect(await connectCluster(null)).toMatchObject({ ok: false, fault: { message: expect.stringContaining('cluster.kubeconfig') } });
  });

  it('knows its namespace', () => {
    expect(api.namespace).toBe('tidewaiter-system');
  });
});

describe('a call', () => {
  it.each([401, 403])('that is not permitted (%d) names the right that is missing, and nothing of the answer', async (status) => {
    fake.fail(status);
    const read = await api.readSecret(where.namespace, where.name, soon());
    expect(read).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('get the Secret tidewaiter-system/tidewaiter-tls') },
    });
    expect(JSON.stringify(read)).not.toContain('upstream');
  });

  it.each([500, 503, 429])('that fails (%d) may be tried again', async (status) => {
    fake.fail(status);
    expect(await api.readWebhooks('mutating', 'tidewaiter', soon())).toMatchObject({ ok: false, fault: { code: 'INTERNAL', transient: true } });
  });

  it('that reaches nobody says how far it came', async () => {
    await fake.close();
    expect(await api.readSecret(where.namespace, where.name, soon())).toMatchObject({
      ok: false,
      fault: { transient: true, message: expect.stringContaining('ECONNREFUSED') },
    });
  });

  it('that nobody answers ends with its signal', async () => {
    fake.fail('silence');
    expect(await api.readSecret(where.namespace, where.name, AbortSignal.timeout(50))).toMatchObject({
      ok: false,
      fault: { transient: true, message: expect.stringContaining('no answer in time') },
    });
  });
});

describe('what Pods pull with', () => {
  const pull = '/api/v1/namespaces/shop/secrets/pull';
  const account = '/api/v1/namespaces/shop/serviceaccounts/builder';

  it('is none where there is none', async () => {
    expect(await api.readSecret('shop', 'pull', soon())).toEqual({ ok: true, value: null });
    expect(await api.readServiceAccount('shop', 'builder', soon())).toEqual({ ok: true, value: null });
  });

  it('is a Secret with its type and its values, decoded', async () => {
    fake.put(pull, { metadata: { name: 'pull' }, type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': btoa('{"auths":{}}') } });
    expect(await api.readSecret('shop', 'pull', soon())).toMatchObject({
      ok: true,
      value: { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': '{"auths":{}}' } },
    });
  });

  it('are the Secrets that a service account names, in order', async () => {
    fake.put(account, { metadata: { name: 'builder' }, imagePullSecrets: [{ name: 'b' }, {}, { name: 'a' }] });
    expect(await api.readServiceAccount('shop', 'builder', soon())).toEqual({ ok: true, value: ['b', 'a'] });
    fake.put(account, { metadata: { name: 'builder' } });
    expect(await api.readServiceAccount('shop', 'builder', soon())).toEqual({ ok: true, value: [] });
  });

  it('that may not be read names the right that is missing', async () => {
    fake.fail(403);
    expect(await api.readServiceAccount('shop', 'builder', soon())).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('get the ServiceAccount shop/builder (HTTP 403)') },
    });
  });
});

describe('a keyring in a Secret', () => {
  it('is created where there is none, and read by whoever comes second', async () => {
    const store = certificateSecret(api, where);
    expect(await store.read(soon())).toEqual({ ok: true, value: { keyring: null, version: '' } });
    expect(await store.replace('', keyring, soon())).toEqual({ ok: true, value: true });
    expect(await store.replace('', keyring, soon())).toEqual({ ok: true, value: false });
    expect(await store.read(soon())).toMatchObject({ ok: true, value: { keyring } });
    expect(fake.get(secretPath)).toMatchObject({ type: 'Opaque', data: { 'tls.crt': btoa('CERT'), 'ca.key': btoa('CA KEY') } });
  });

  it('fills a Secret that is there and empty, and leaves what others put in it', async () => {
    fake.put(secretPath, { metadata: { ...where, labels: { a: 'b' } }, type: 'Opaque', data: { theirs: btoa('x') } } as never);
    const store = certificateSecret(api, where);
    const read = await store.read(soon());
    if (!read.ok) throw new Error(read.fault.message);
    expect(read.value.keyring).toBeNull();
    expect(await store.replace(read.value.version, keyring, soon())).toEqual({ ok: true, value: true });
    expect(fake.get(secretPath)).toMatchObject({ metadata: { labels: { a: 'b' } }, data: { theirs: btoa('x'), 'tls.key': btoa('KEY') } });
  });

  it('is not replaced by who read an older version', async () => {
    const store = certificateSecret(api, where);
    await store.replace('', keyring, soon());
    const read = await store.read(soon());
    if (!read.ok) throw new Error(read.fault.message);
    expect(await store.replace(read.value.version, { ...keyring, cert: 'NEXT' }, soon())).toEqual({ ok: true, value: true });
    expect(await store.replace(read.value.version, { ...keyring, cert: 'LATE' }, soon())).toEqual({ ok: true, value: false });
    expect(await store.read(soon())).toMatchObject({ value: { keyring: { cert: 'NEXT' } } });
  });

  it.each([{ 'tls.crt': '' }, { 'tls.key': null }, { path: btoa('../../etc') }, { path: btoa('UPPER-CASE-IS-NOT-DNS') }])(
    'counts as none when it holds %o',
    async (data) => {
      const store = certificateSecret(api, where);
      await store.replace('', keyring, soon());
      const held = fake.get(secretPath);
      fake.put(secretPath, {
        metadata: where,
        data: Object.fromEntries(Object.entries({ ...(held?.['data'] as object), ...data }).filter(([, value]) => value !== null)),
      });
      expect(await store.read(soon())).toMatchObject({ ok: true, value: { keyring: null } });
    },
  );

  it('is the same for replicas that start, and renew, at once', async () => {
    let now = start;
    const replica = async (): Promise<KeyringSource> => {
      const opened = await openKeyring({
        store: certificateSecret(api, where),
        dnsNames: ['tidewaiter.tidewaiter-system.svc'],
        clock: () => now,
        log: keepLog(),
      });
      if (!opened.ok) throw new Error(opened.fault.message);
      open.push(opened.value);
      return opened.value;
    };
    const replicas = await Promise.all([replica(), replica(), replica()]);
    const state = () => new Set(replicas.map((one) => JSON.stringify([one.current(), one.pathSecret])));
    expect(state().size).toBe(1);
    const before = [...state()];
    now += 61 * day;
    await Promise.all(replicas.map((one) => one.check()));
    expect(state().size).toBe(1);
    expect([...state()]).not.toEqual(before);
  });
});

describe('the webhook configurations', () => {
  const names = { mutating: 'tidewaiter', validating: 'tidewaiter' };
  const mutating = `${webhooksPath}/mutatingwebhookconfigurations/tidewaiter`;
  const validating = `${webhooksPath}/validatingwebhookconfigurations/tidewaiter`;
  const service = { name: 'tidewaiter', namespace: 'tidewaiter-system', port: 443 };
  const webhook = (name: string, clientConfig: object) => ({ name, clientConfig, admissionReviewVersions: ['v1'], sideEffects: 'None' });

  function register(): void {
    fake.put(mutating, { metadata: { name: 'tidewaiter' }, webhooks: [webhook('mutate.x', { service })] });
    fake.put(validating, {
      metadata: { name: 'tidewaiter' },
      webhooks: [webhook('a.x', { service }), webhook('b.x', { url: 'https://localhost:1/validate', caBundle: btoa('OLD') })],
    });
  }
  function keep(more: Partial<CaBundleOptions> = {}) {
    const log = keepLog();
    const keeper = keepCaBundle({ api, names, ca: () => 'CA', pathSecret: 'secretpathsecret', log, ...more });
    open.push(keeper);
    return { keeper, log };
  }

  it('are set right, every webhook of them, and then left alone', async () => {
    register();
    const { keeper } = keep();
    expect(keeper.state().ok).toBe(false);
    expect(await keeper.check()).toMatchObject({ ok: true });
    expect(keeper.state().ok).toBe(true);
    const set = { caBundle: btoa('CA'), service: { ...service, path: '/secretpathsecret/validate' } };
    expect(fake.get(mutating)?.['webhooks']).toMatchObject([
      { clientConfig: { caBundle: btoa('CA'), service: { ...service, path: '/secretpathsecret/mutate' } } },
    ]);
    expect(fake.get(validating)?.['webhooks']).toMatchObject([
      { clientConfig: set },
      { clientConfig: { caBundle: btoa('CA'), url: 'https://localhost:1/validate' } },
    ]);
    fake.requests.splice(0);
    await keeper.check();
    expect(fake.requests.filter((request) => !request.startsWith('GET '))).toEqual([]);
  });

  it('are set right again when somebody changes them, without being told', async () => {
    register();
    const { keeper } = keep({ every: 10 });
    await keeper.check();
    register();
    await expect
      .poll(() => fake.get(validating)?.['webhooks'], patient)
      .toMatchObject([{ clientConfig: { caBundle: btoa('CA') } }, { clientConfig: { caBundle: btoa('CA') } }]);
  });

  it('learn of a new authority', async () => {
    register();
    let ca = 'CA';
    const { keeper } = keep({ ca: () => ca, pathSecret: null });
    await keeper.check();
    ca = 'NEW CA AND CA';
    await keeper.check();
    expect(fake.get(mutating)?.['webhooks']).toMatchObject([{ clientConfig: { caBundle: btoa('NEW CA AND CA'), service: { path: '/mutate' } } }]);
  });

  it('that are missing are named, and set right once they come', async () => {
    const { keeper, log } = keep({ retry: 10 });
    expect(await keeper.check()).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('manifests/') } });
    await keeper.check();
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    register();
    await expect.poll(() => keeper.state().ok, patient).toBe(true);
  });

  it('can’t have a path that Kubernetes does not allow, and that is said', async () => {
    register();
    const { keeper } = keep({ pathSecret: 'Upper_Case_Secret' });
    expect(await keeper.check()).toMatchObject({ ok: false, fault: { message: expect.stringContaining('refuses') } });
    expect(fake.get(mutating)?.['webhooks']).toMatchObject([{ clientConfig: { service } }]);
  });

  it('that were right once do not make the replica unready when the API server can’t be asked for a while', async () => {
    register();
    const { keeper, log } = keep();
    await keeper.check();
    fake.fail(503);
    expect((await keeper.check()).ok).toBe(false);
    await keeper.check();
    expect(keeper.state().ok).toBe(true);
    expect(log.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
  });

  it('are not touched after closing', async () => {
    register();
    const { keeper } = keep({ every: 5 });
    keeper.close();
    await keeper.check();
    expect(fake.requests).toEqual([]);
  });

  it('that were reordered meanwhile do not get each other’s values', async () => {
    register();
    const read = await api.readWebhooks('validating', 'tidewaiter', soon());
    if (!read.ok || read.value === null) throw new Error('not read');
    const patch = bundlePatch(read.value, btoa('CA'), (name) => `/${name}`);
    fake.put(validating, { metadata: { name: 'tidewaiter' }, webhooks: [webhook('b.x', { url: 'https://localhost' }), webhook('a.x', { service })] });
    expect(await api.patchWebhooks('validating', 'tidewaiter', patch, soon())).toEqual({ ok: true, value: false });
  });
});
