import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createPullSecrets, type PullSecretSource, pullSecretLimits } from '../../../src/credentials/pullSecrets.ts';
import { bad, good } from '../../../src/domain/fault.ts';

type Secret = { readonly type: string; readonly data: Readonly<Record<string, string>> };

const signal = new AbortController().signal;
const hunter = { 'registry.corp': { username: 'pat', password: 'hunter2' } };
const json = (auths: object): Secret => ({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': JSON.stringify({ auths }) } });

function clusterWith(secrets: Readonly<Record<string, Secret>>, more: Partial<PullSecretSource> = {}) {
  const asked: string[] = [];
  const held: Record<string, Secret> = { ...secrets };
  const source: PullSecretSource = {
    readSecret: async (namespace, name) => {
      asked.push(`${namespace}/${name}`);
      return good(held[`${namespace}/${name}`] ?? null);
    },
    readServiceAccount: async (namespace, name) => {
      asked.push(`account ${namespace}/${name}`);
      return good(name === 'builder' ? ['one', 'two'] : null);
    },
    ...more,
  };
  return { asked, held, source };
}

const messages = (faults: readonly { readonly code: string; readonly message: string }[]): readonly string[] =>
  faults.map(({ code, message }) => `${code}: ${message}`);

describe('a pull secret gives nothing, and says so,', () => {
  it.each<[string, Secret, RegExp]>([
    ['of another type', { type: 'Opaque', data: json(hunter).data }, /is of no type that the kubelet pulls with/],
    ['without its key', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockercfg': '{}' } }, /is of no type that the kubelet pulls with/],
    ['of the older type with the newer key', { type: 'kubernetes.io/dockercfg', data: json(hunter).data }, /is of no type that the kubelet pulls with/],
    ['that is no JSON', { type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': '{"hunter2' } }, /holds no Docker configuration/],
    ['with an entry that is none', json({ 'registry.corp': 'hunter2' }), /holds no Docker configuration/],
  ])('%s', async (_name, secret, message) => {
    const read = await createPullSecrets(clusterWith({ 'shop/pull': secret }).source).entries('shop', ['pull'], signal);
    expect(read.found).toEqual([]);
    expect(messages(read.faults)).toEqual([expect.stringMatching(message)]);
    expect(read.faults[0]).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED', message: expect.stringContaining('shop/pull') });
    expect(inspect(read, { depth: 9 })).not.toContain('hunter2');
  });

  it('that is not there, and one the API server won’t give or can’t be asked for', async () => {
    const cluster = clusterWith(
      {},
      { readSecret: async (_namespace, name) => (name === 'gone' ? good(null) : bad('INTERNAL', 'the Kubernetes API does not answer', { transient: true })) },
    );
    const read = await createPullSecrets(cluster.source).entries('shop', ['gone', 'lost'], signal);
    expect(read.faults).toMatchObject([
      { message: 'the pull secret shop/gone does not exist', transient: false },
      { message: 'the pull secret shop/lost could not be read: the Kubernetes API does not answer', transient: true },
    ]);
  });

  it.each(['..', '../other', 'a/b', 'UPPER', '', '-a', 'a-', 'a..b', `${'a'.repeat(254)}`, 'a%2fb', 'ключ'])(
    'named %j: the API server is not asked for what is no name',
    async (name) => {
      const cluster = clusterWith({});
      const read = await createPullSecrets(cluster.source).entries('shop', [name], signal);
      expect(read.faults).toHaveLength(1);
      expect((await createPullSecrets(cluster.source).entries(name, ['pull'], signal)).faults).toHaveLength(1);
      expect(cluster.asked).toEqual([]);
    },
  );

  it('beyond the sixteenth', async () => {
    const cluster = clusterWith({});
    const names = Array.from({ length: 1_000 }, (_, i) => `s${i}`);
    const read = await createPullSecrets(cluster.source).entries('shop', names, signal);
    expect(cluster.asked).toHaveLength(16);
    expect(messages(read.faults).at(-1)).toContain('only the first 16');
  });

  it('when the API server does not answer before the caller has to', async () => {
    const cluster = clusterWith({}, { readSecret: () => new Promise(() => {}) });
    const read = await createPullSecrets(cluster.source).entries('shop', ['pull'], AbortSignal.timeout(5));
    expect(read.faults).toMatchObject([{ code: 'REGISTRY_UNAUTHORIZED', transient: true }]);
  });

  it('when more are asked for at once than may be', async () => {
    const cluster = clusterWith({}, { readSecret: () => new Promise(() => {}) });
    const secrets = createPullSecrets(cluster.source, { ...pullSecretLimits, asking: 1 });
    void secrets.entries('shop', ['first'], signal);
    expect(await secrets.entries('shop', ['second'], signal)).toMatchObject({ found: [], faults: [{ transient: true }] });
  });

  it('when asking throws, whatever it throws', async () => {
    const cluster = clusterWith({}, { readSecret: () => Promise.reject(new Error('hunter2')) });
    const read = await createPullSecrets(cluster.source).entries('shop', ['pull'], signal);
    expect(messages(read.faults)).toEqual(['INTERNAL: a pull secret could not be read']);
  });
});

describe('pull secrets', () => {
  it('are read in both of their forms, in the order in which they are named', async () => {
    const older: Secret = {
      type: 'kubernetes.io/dockercfg',
      data: { '.dockercfg': JSON.stringify({ 'old.corp': { username: 'a', password: 'b', email: 'c' } }) },
    };
    const cluster = clusterWith({ 'shop/old': older, 'shop/new': json(hunter) });
    const read = await createPullSecrets(cluster.source).entries('shop', ['new', 'missing', 'old', 'new'], signal);
    expect(read.found.map(({ key }) => key)).toEqual(['registry.corp', 'old.corp']);
    expect(read.faults).toHaveLength(1);
  });

  it('are those of the namespace that is asked for', async () => {
    const cluster = clusterWith({ 'shop/pull': json(hunter) });
    const secrets = createPullSecrets(cluster.source);
    expect((await secrets.entries('shop', ['pull'], signal)).found).toHaveLength(1);
    expect((await secrets.entries('bank', ['pull'], signal)).found).toHaveLength(0);
    expect(cluster.asked).toEqual(['shop/pull', 'bank/pull']);
  });

  it('are asked for once for all who want them at the same time, and for a while after', async () => {
    const cluster = clusterWith({ 'shop/pull': json(hunter) });
    const secrets = createPullSecrets(cluster.source);
    await Promise.all(Array.from({ length: 50 }, () => secrets.entries('shop', ['pull'], signal)));
    await secrets.entries('shop', ['pull'], signal);
    expect(cluster.asked).toEqual(['shop/pull']);
  });

  it('are asked for again after that while, sooner where there was none', async () => {
    const cluster = clusterWith({ 'shop/pull': json(hunter) });
    const secrets = createPullSecrets(cluster.source, { ...pullSecretLimits, keptFor: 30, absentFor: 10 });
    const keys = async () => (await secrets.entries('shop', ['pull', 'late'], signal)).found.map(({ key }) => key);
    expect(await keys()).toEqual(['registry.corp']);
    cluster.held['shop/late'] = json({ 'late.corp': { username: 'a', password: 'b' } });
    delete cluster.held['shop/pull'];
    await expect.poll(keys, { interval: 5 }).toEqual(['late.corp']);
  });

  it('of a service account are those it names', async () => {
    const secrets = createPullSecrets(clusterWith({}).source);
    expect(await secrets.ofServiceAccount('shop', 'builder', signal)).toEqual({ found: ['one', 'two'], faults: [] });
    expect(await secrets.ofServiceAccount('shop', 'nobody', signal)).toMatchObject({
      found: [],
      faults: [{ message: 'the service account shop/nobody does not exist' }],
    });
    expect(await secrets.ofServiceAccount('shop', '../x', signal)).toMatchObject({ found: [], faults: [{ code: 'REGISTRY_UNAUTHORIZED' }] });
  });
});
