/** Registries and mirrors that go away and come back, under a whole webhook. */
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { pinned, podWith } from './calls.ts';
import { type Stage, setStage, usualConfiguration, type Webhook } from './stage.ts';

const cleanup: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of cleanup.splice(0).toReversed()) await end();
});

async function start(options: Parameters<typeof startRegistry>[0] = {}): Promise<FakeRegistry> {
  const registry = await startRegistry(options);
  cleanup.push(() => registry.close());
  return registry;
}

/** The same registry again, at the same address. */
function restart({ host, content }: FakeRegistry): Promise<FakeRegistry> {
  return start({ port: Number(host.split(':')[1]), content });
}

interface Scene {
  readonly stage: Stage;
  readonly near: FakeRegistry;
  readonly far: FakeRegistry;
  readonly webhook: Webhook;
  /** Publishes an image at the source and in both mirrors; its name below the prefixes. */
  publish(): Promise<string>;
  /** Where /mutate sends an image: its registry. */
  placed(name: string): Promise<{ readonly registry: string; readonly milliseconds: number }>;
}

/** A source with two mirrors of the same content, the nearer one first. */
async function setScene(): Promise<Scene> {
  const stage = await setStage();
  cleanup.push(() => stage.close());
  const near = await start();
  const far = await start({ content: near.content });
  const source = stage.registry.host;
  const webhook = await stage.serve({
    registries: [source, near.host, far.host].map((host) => ({ host, plainHTTP: true })),
    mirrors: [{ source: `${source}/acme`, targets: [{ location: `${near.host}/hub` }, { location: `${far.host}/hub` }] }],
  });
  let serial = 0;
  return {
    stage,
    near,
    far,
    webhook,
    async publish() {
      serial += 1;
      await stage.publish(`acme/web-${serial}`);
      // The nearer mirror may be down; the content is the same.
      await stage.publish(`hub/web-${serial}`, { registry: far, signed: false });
      return `web-${serial}`;
    },
    async placed(name) {
      const { patch, milliseconds } = await webhook.mutate(podWith([`${source}/acme/${name}:1.0`]));
      const written = Buffer.from(patch ?? '', 'base64').toString('utf8');
      const registry = [near.host, far.host, source].find((host) => written.includes(`${host}/`)) ?? 'nowhere';
      return { registry, milliseconds };
    },
  };
}

async function breakerOf(webhook: Webhook, { host }: FakeRegistry): Promise<string | null> {
  const { body } = await webhook.ops('/metrics');
  return new RegExp(`^tidewaiter_registry_breaker_state\\{host="${host}"\\} (\\d)$`, 'm').exec(body)?.[1] ?? null;
}

const patiently = { timeout: 15_000, interval: 100 };

describe('a mirror', () => {
  test('that is down is passed over, then not even asked, and used again once it is back', { timeout: 60_000 }, async () => {
    const { near, far, webhook, publish, placed } = await setScene();
    const warm = await publish();
    expect((await placed(warm)).registry).toBe(near.host);
    expect(await breakerOf(webhook, near)).toBeNull();

    await near.close();
    await expect
      .poll(async () => {
        expect((await placed(await publish())).registry).toBe(far.host);
        return await breakerOf(webhook, near);
      }, patiently)
      .toBe('2');
    // What is known of the image there says nothing about whether it can be pulled now.
    expect((await placed(warm)).registry).toBe(far.host);
    expect(webhook.log()).toContain('the registry failed again and again and is left alone');

    await restart(near);
    await expect.poll(async () => (await placed(warm)).registry, patiently).toBe(near.host);
    expect(await breakerOf(webhook, near)).toBe('0');
  });

  test('that does not answer costs a moment, not the deadline', async () => {
    const { near, far, publish, placed } = await setScene();
    const name = await publish();
    near.inject({ match: '', does: { kind: 'hang' } });
    const { registry, milliseconds } = await placed(name);
    expect(registry).toBe(far.host);
    expect(milliseconds).toBeLessThan(3_000);
  });

  test('that fails for one image serves the others', async () => {
    const { near, far, publish, placed } = await setScene();
    const [broken, sound] = [await publish(), await publish()];
    near.inject({ match: `/v2/hub/${broken}/`, does: { kind: 'status', status: 500 } });
    expect((await placed(broken)).registry).toBe(far.host);
    expect((await placed(sound)).registry).toBe(near.host);
  });
});

test('a mirror that only nodes can reach is asked at its endpoint, and pulled by its name', async () => {
  const stage = await setStage();
  cleanup.push(() => stage.close());
  const agents = await start();
  const source = stage.registry.host;
  const webhook = await stage.serve({
    registries: [
      { host: source, plainHTTP: true },
      { host: 'localhost:30081', endpoint: agents.host, plainHTTP: true },
    ],
    mirrors: [{ source: `${source}/acme`, targets: [{ location: 'localhost:30081/acme' }] }],
    policy: { data: { registries: [source] } },
  });
  const image = await stage.publish('acme/web');
  await stage.publish('acme/web', { registry: agents, signed: false });
  const { patch } = await webhook.mutate(podWith([`${source}/acme/web:1.0`]));
  expect(Buffer.from(patch ?? '', 'base64').toString('utf8')).toContain(`localhost:30081/acme/web:1.0@${image.digest}`);
  expect(await webhook.validate(podWith([`localhost:30081/acme/web:1.0@${image.digest}`]))).toMatchObject({ allowed: true });
});

describe('a registry that is down', () => {
  test('is named with the true cause, at once, and others are asked as ever', { timeout: 60_000 }, async () => {
    const stage = await setStage();
    cleanup.push(() => stage.close());
    const other = await start();
    const hosts = [stage.registry.host, other.host];
    const usual = usualConfiguration(stage.registry.host);
    const webhook = await stage.serve({
      registries: hosts.map((host) => ({ host, plainHTTP: true })),
      policy: { ...usual.policy, data: { registries: hosts } },
    });
    const images = await Promise.all(Array.from({ length: 4 }, (_, i) => stage.publish(`acme/web-${i}`)));
    const elsewhere = await stage.publish('acme/elsewhere', { registry: other });
    await stage.registry.close();
    await expect
      .poll(async () => {
        for (const image of images) expect((await webhook.validate(podWith([pinned(image)]), 5_000)).allowed).toBe(false);
        return await breakerOf(webhook, stage.registry);
      }, patiently)
      .toBe('2');
    const [first] = images;
    const denied = await webhook.validate(podWith([first === undefined ? '' : pinned(first)]));
    expect(denied.status?.message).toContain('REGISTRY_UNAVAILABLE');
    expect(denied.status?.message).toMatch(/is not asked for \d+ s; the last time: .*ECONNREFUSED/);
    expect(denied.milliseconds).toBeLessThan(1_000);
    expect(await webhook.validate(podWith([pinned(elsewhere)]))).toMatchObject({ allowed: true });
    await restart(stage.registry);
    await expect.poll(async () => (await webhook.validate(podWith(images.map(pinned)))).allowed, patiently).toBe(true);
    expect(await breakerOf(webhook, stage.registry)).toBe('0');
  });
});
