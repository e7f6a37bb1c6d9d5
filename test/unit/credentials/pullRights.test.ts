import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { createKeychain, createPullRights, createPullSecrets, type PullPlace } from '../../../src/credentials/index.ts';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { bad, good } from '../../../src/domain/fault.ts';
import { parseReference } from '../../../src/domain/image.ts';
import { type Access, type Credential, type Keychain, ownAccess } from '../../../src/domain/registry.ts';
import type { Puller } from '../../../src/domain/rights.ts';
import { readWorkload } from '../../../src/domain/workload.ts';

const signal = new AbortController().signal;
const soon = () => deadlineIn(2_000, Date.now());
const image = 'registry.corp/acme/app:1';

type Auths = Readonly<Record<string, readonly [string, string]>>;

function podOf(namespace: string, secrets: readonly string[]): Puller {
  const workload = readWorkload('v1/Pod', {
    // Whatever the object says of its namespace is not asked.
    metadata: { namespace: 'elsewhere' },
    spec: { imagePullSecrets: secrets.map((name) => ({ name })), containers: [{ name: 'app', image }] },
  });
  if (workload === null) throw new Error('no workload');
  return { namespace, workload };
}

function deploymentOf(namespace: string, spec: object): Puller {
  const workload = readWorkload('apps/v1/Deployment', { spec: { template: { spec: { containers: [{ name: 'app', image }], ...spec } } } });
  if (workload === null) throw new Error('no workload');
  return { namespace, workload };
}

/** Secrets by `namespace/name`. */
function open(secrets: Readonly<Record<string, Auths>>, more: { configured?: Keychain; places?: readonly PullPlace[] } = {}) {
  const asked: string[] = [];
  const rights = createPullRights({
    configured: more.configured ?? createKeychain([]),
    secrets: createPullSecrets({
      readSecret: async (namespace, name) => {
        asked.push(`${namespace}/${name}`);
        const auths = secrets[`${namespace}/${name}`];
        if (auths === undefined) return good(null);
        const entries = Object.entries(auths).map(([key, [username, password]]) => [key, { username, password }]);
        return good({ type: 'kubernetes.io/dockerconfigjson', data: { '.dockerconfigjson': JSON.stringify({ auths: Object.fromEntries(entries) }) } });
      },
      readServiceAccount: async (namespace, name) => {
        asked.push(`account ${namespace}/${name}`);
        return good(name === 'builder' ? ['pull'] : []);
      },
    }),
    places: (written) => {
      const parsed = parseReference(written);
      return more.places ?? (parsed.ok ? [{ repository: parsed.value, pullSecret: null }] : []);
    },
  });
  const find = async (puller: Puller, written = image) => rights.find(written, 'identify', puller, soon());
  const userOf = async (access: Access, host = 'registry.corp', repository = 'acme/app'): Promise<string | null> => {
    const outcome = await rights.credential(host, repository, access, signal);
    if (!outcome.ok) return outcome.fault.code;
    return outcome.value?.kind === 'basic' ? outcome.value.username : null;
  };
  const usersOf = async (puller: Puller, written = image) => Promise.all((await find(puller, written)).accesses.map((access) => userOf(access)));
  return { rights, asked, find, userOf, usersOf };
}

const configured = (credential: Credential): Keychain => createKeychain([{ host: 'registry.corp', keychain: { credential: async () => good(credential) } }]);

describe('a Pod has the right of the configuration alone', () => {
  it.each<[string, Readonly<Record<string, Auths>>, readonly string[]]>([
    ['when it names no Secret', { 'shop/pull': { 'registry.corp': ['pat', 'x'] } }, []],
    ['when its Secret is for another registry', { 'shop/pull': { 'other.corp': ['pat', 'x'] } }, ['pull']],
    [
      'when its Secret lies in another namespace',
      { 'bank/pull': { 'registry.corp': ['pat', 'x'] }, 'elsewhere/pull': { 'registry.corp': ['pat', 'x'] } },
      ['pull'],
    ],
    ['when its Secret is for another path', { 'shop/pull': { 'registry.corp/bank': ['pat', 'x'] } }, ['pull']],
  ])('%s', async (_name, secrets, names) => {
    expect((await open(secrets).find(podOf('shop', names))).accesses).toEqual([ownAccess]);
  });

  it('where the configuration has a credential: then no Secret is read', async () => {
    const { find, asked, userOf } = open(
      { 'shop/pull': { 'registry.corp': ['pat', 'x'] } },
      { configured: configured({ kind: 'basic', username: 'ours', password: 'y' }) },
    );
    expect((await find(podOf('shop', ['pull']))).accesses).toEqual([ownAccess]);
    expect(asked).toEqual([]);
    expect(await userOf(ownAccess)).toBe('ours');
  });

  it('where the configuration’s credential can’t be had: that is the fault to tell', async () => {
    const failing: Keychain = { credential: async () => bad('REGISTRY_UNAVAILABLE', 'the cloud does not answer') };
    const { find, asked } = open({}, { configured: failing });
    expect((await find(podOf('shop', ['pull']))).accesses).toEqual([ownAccess]);
    expect(asked).toEqual([]);
  });

  it('when its image is no reference', async () => {
    expect((await open({}).find(podOf('shop', ['pull']), ':::')).accesses).toEqual([ownAccess]);
  });
});

describe('the right of a Pod', () => {
  it('is the credential of its Secret, for the repository of the image and no other', async () => {
    const { find, userOf } = open({ 'shop/pull': { 'registry.corp': ['pat', 'x'] } });
    const [access] = (await find(podOf('shop', ['pull']))).accesses;
    expect(await userOf(access)).toBe('pat');
    expect(await userOf(access, 'registry.corp', 'acme/other')).toBeNull();
    expect(await userOf(access, 'other.corp')).toBeNull();
    expect(await userOf(ownAccess)).toBeNull();
  });

  it('is the same for whoever brings the same credential, and another for all others', async () => {
    const { find } = open({
      'shop/pull': { 'registry.corp': ['pat', 'x'] },
      'shop/again': { 'https://registry.corp/v2/': ['pat', 'x'], 'zzz.corp': ['zoe', 'z'] },
      'bank/pull': { 'registry.corp': ['pat', 'x'] },
      'shop/other': { 'registry.corp': ['pat', 'other'] },
    });
    const keyOf = async (namespace: string, name: string) => (await find(podOf(namespace, [name]))).accesses[0].key;
    const key = await keyOf('shop', 'pull');
    expect(await keyOf('shop', 'again')).toBe(key);
    expect(await keyOf('bank', 'pull')).toBe(key);
    expect(await keyOf('shop', 'other')).not.toBe(key);
  });

  it('has a key that tells nothing of the credential', async () => {
    const { find } = open({ 'shop/pull': { 'registry.corp': ['pat', 'hunter2'] } });
    const found = await find(podOf('shop', ['pull']));
    expect(found.accesses[0].key).toMatch(/^[0-9a-f]{64}$/);
    expect(inspect(found, { depth: 9 })).not.toMatch(/hunter2|pat/);
  });

  it('tries several candidates as the kubelet does: longer paths first, then in the order of the Secrets, each once, five at most', async () => {
    const { usersOf } = open({
      'shop/first': { '*.corp': ['glob', 'x'], 'registry.corp': ['host', 'x'] },
      'shop/second': { 'registry.corp/acme': ['path', 'x'], 'registry.corp': ['second', 'x'] },
      'shop/third': { 'registry.corp': ['host', 'x'], 'registry.corp/acme/app': ['repository', 'x'], 'registry.corp/acme/a': ['prefix', 'x'] },
    });
    expect(await usersOf(podOf('shop', ['first', 'second', 'third']))).toEqual(['repository', 'prefix', 'path', 'host', 'second']);
    expect(await usersOf(podOf('shop', ['second', 'first']))).toEqual(['path', 'second', 'host', 'glob']);
  });

  it('that nobody found here is refused, never anonymous and never the configuration’s', async () => {
    const { userOf } = open({}, { configured: configured({ kind: 'basic', username: 'ours', password: 'y' }) });
    expect(await userOf({ key: 'f'.repeat(64) })).toBe('REGISTRY_UNAUTHORIZED');
  });

  it('reads a source with the configuration’s credential and the mirror with the Pod’s, the same before and after placing', async () => {
    const mirror = { registry: 'mirror.corp', repository: 'hub/app' };
    const source = { registry: 'registry.corp', repository: 'acme/app' };
    const both = [source, mirror].map((repository) => ({ repository, pullSecret: null }));
    const ours = configured({ kind: 'basic', username: 'ours', password: 'y' });
    const secrets = { 'shop/pull': { 'mirror.corp': ['pat', 'x'] } } as const;
    const before = open(secrets, { configured: ours, places: both });
    const after = open(secrets, { configured: ours, places: both.toReversed() });
    const [access] = (await before.find(podOf('shop', ['pull']))).accesses;
    expect(await before.userOf(access)).toBe('ours');
    expect(await before.userOf(access, mirror.registry, mirror.repository)).toBe('pat');
    expect((await after.find(podOf('shop', ['pull']))).accesses).toEqual([access]);
  });

  it('counts the Secret that /mutate will add for a mirror', async () => {
    const places = [{ repository: { registry: 'registry.corp', repository: 'acme/app' }, pullSecret: 'added' }];
    const { rights, userOf, find } = open({ 'shop/added': { 'registry.corp': ['mirror', 'x'] } }, { places });
    const [access] = (await rights.find(image, 'place', podOf('shop', []), soon())).accesses;
    expect(await userOf(access)).toBe('mirror');
    expect((await find(podOf('shop', []))).accesses).toEqual([ownAccess]);
  });
});

describe('what becomes Pods', () => {
  const secrets = { 'shop/pull': { 'registry.corp': ['account', 'x'] }, 'shop/own': { 'registry.corp': ['template', 'x'] } } as const;

  it('has the Secrets of its service account, as the API server would put them in', async () => {
    const { usersOf, asked } = open(secrets);
    expect(await usersOf(deploymentOf('shop', { serviceAccountName: 'builder' }))).toEqual(['account']);
    expect(await usersOf(deploymentOf('shop', {}))).toEqual([null]);
    expect(asked).toEqual(['account shop/builder', 'shop/pull', 'account shop/default']);
  });

  it('has those of its template alone where it names some', async () => {
    const { usersOf, asked } = open(secrets);
    expect(await usersOf(deploymentOf('shop', { serviceAccountName: 'builder', imagePullSecrets: [{ name: 'own' }] }))).toEqual(['template']);
    expect(asked).toEqual(['shop/own']);
  });

  it('and a Pod is asked for its own list only: the API server has filled it in', async () => {
    const { usersOf, asked } = open(secrets);
    expect(await usersOf(podOf('shop', []))).toEqual([null]);
    expect(asked).toEqual([]);
  });
});
