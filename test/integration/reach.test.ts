/** What a Pod's author or a registry names must not make the webhook connect to where it has no business. */
import { writeFileSync } from 'node:fs';
import { createServer, Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { pinned, podWith } from './calls.ts';
import { type Stage, setStage, usualConfiguration, type Webhook } from './stage.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const password = 'p4ss-reach-7731';

let stage: Stage;
let realm: FakeRegistry;
let webhook: Webhook;
/** Somebody's internal service: whatever reaches it is a hole. */
const internal = createServer((socket) => {
  reached += 1;
  socket.destroy();
});
let reached = 0;
let port = 0;
/** `host:port` of every connection this process opened. */
const dialled: string[] = [];

beforeAll(async () => {
  await new Promise<void>((resolve) => internal.listen(0, '127.0.0.1', resolve));
  const address = internal.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  stage = await setStage();
  realm = await startRegistry({ auth: { kind: 'token', username: 'robot', password, realm: `http://127.0.0.1:${port}/token` } });
  const usual = usualConfiguration(stage.registry.host);
  const auth = Buffer.from(`robot:${password}`).toString('base64');
  writeFileSync(`${stage.folder}/config.json`, JSON.stringify({ auths: { [realm.host]: { auth } } }));
  webhook = await stage.serve({
    registries: [...usual.registries, { host: realm.host, plainHTTP: true, credentials: { kind: 'dockerconfig', file: 'config.json' } }],
    policy: { data: { registries: [stage.registry.host, realm.host] } },
  });
  const connect = Socket.prototype.connect;
  vi.spyOn(Socket.prototype, 'connect').mockImplementation(function (this: Socket, ...args: unknown[]) {
    const [first] = Array.isArray(args[0]) ? args[0] : args;
    if (typeof first === 'object' && first !== null && 'port' in first) dialled.push(`${'host' in first ? first.host : ''}:${first.port}`);
    return Reflect.apply(connect, this, args);
  });
});
afterEach(() => {
  const known = [stage.registry.host, realm.host, `127.0.0.1:${webhook.running.admission.port}`];
  expect(reached).toBe(0);
  expect(dialled.filter((place) => !known.includes(place))).toEqual([]);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await stage.close();
  await realm.close();
  internal.close();
});

describe('an image reference', () => {
  test.each([
    '169.254.169.254/latest/meta-data',
    '169.254.169.254:80/x',
    '[::1]/x',
    '[::1]:PORT/x',
    '[::ffff:127.0.0.1]:PORT/x',
    '[fd00:ec2::254]/x',
    '127.0.0.1:22/x',
    '127.0.0.1:PORT/x',
    '127.0.0.1/x',
    '127.1:PORT/x',
    '2130706433:PORT/x',
    '0x7f.0.0.1:PORT/x',
    '0177.0.0.1:PORT/x',
    '0.0.0.0:PORT/x',
    'localhost:PORT/x',
    'LOCALHOST:PORT/x',
    'localhost.:PORT/x',
    '10.0.0.1:6443/x',
    'kubernetes.default.svc:443/x',
    'metadata.google.internal/x',
    'docker.io/library/nginx',
    'nginx',
  ])('%s is denied without a packet, at /mutate and /validate, by tag and by digest', async (form) => {
    const image = form.replace('PORT', String(port));
    expect(await webhook.mutate(podWith([image, `${image}@${digest}`]))).toMatchObject({ allowed: true });
    const before = dialled.filter((place) => place === stage.registry.host).length;
    const denied = await webhook.validate(podWith([image, `${image}@${digest}`]));
    expect(denied).toMatchObject({ allowed: false, status: { code: 403 } });
    expect(denied.status?.message).toMatch(/REGISTRY_NOT_LISTED|REFERENCE_INVALID/);
    expect(dialled.filter((place) => place === stage.registry.host).length).toBe(before);
  });
});

describe('a listed registry that redirects', () => {
  let serial = 0;
  test.each([
    'http://127.0.0.1:PORT/x',
    'https://127.0.0.1:PORT/x',
    'http://localhost:PORT/x',
    'http://2130706433:PORT/x',
    'http://[::ffff:7f00:1]:PORT/x',
    'http://robot@127.0.0.1:PORT/x',
    '//127.0.0.1:PORT/x',
    'gopher://127.0.0.1:PORT/x',
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/latest/meta-data',
    'https://metadata.google.internal/computeMetadata/v1/',
  ])('to %s leads nowhere', async (form) => {
    for (const what of ['manifests', 'blobs', 'referrers']) {
      serial += 1;
      const image = await stage.publish(`acme/redirected-${serial}`, { signed: what !== 'referrers' });
      const location = form.replace('PORT', String(port));
      const undo = stage.registry.inject({ match: `/v2/acme/redirected-${serial}/${what}/`, does: { kind: 'redirect', location } });
      const denied = await webhook.validate(podWith([pinned(image)]));
      undo();
      expect(denied.allowed).toBe(false);
      expect(denied.status?.message).toContain('REGISTRY_NOT_LISTED');
    }
  });

  test('with a Link to a page elsewhere leads nowhere', async () => {
    const image = await stage.publish('acme/linked', { signed: false });
    const link = `<http://127.0.0.1:${port}/page>; rel="next"`;
    stage.registry.inject({ match: '/v2/acme/linked/referrers/', does: { kind: 'headers', headers: { link } } });
    const denied = await webhook.validate(podWith([pinned(image)]));
    expect(denied.allowed).toBe(false);
  });
});

describe('a token realm on a foreign host', () => {
  test('gets no connection, and so no credentials', async () => {
    const denied = await webhook.validate(podWith([`${realm.host}/acme/web:1@${digest}`]));
    expect(denied.allowed).toBe(false);
    expect(denied.status?.message).toContain('REGISTRY_NOT_LISTED');
    expect(realm.count()).toBeGreaterThan(0);
    expect(JSON.stringify(denied)).not.toContain(password);
    expect(webhook.log()).not.toContain(password);
    // Nor does the registry itself, which asks for tokens and not for a password.
    expect(realm.requests.filter(({ authorization }) => authorization !== null)).toEqual([]);
  });
});
