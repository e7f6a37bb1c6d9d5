import { describe, expect, it } from 'vitest';
import { ownAccess } from '../../../src/domain/registry.ts';
import type { BreakerEvent, RegistryOptions } from '../../../src/registry/index.ts';
import type { FakeRegistry } from '../../fakes/registry.ts';
import { at, call, client, codeOf, fake, messageOf, plain } from './fixture.ts';

/** A client whose time stands still until it is moved on, and that sends each question once. */
function stopped(hosts: readonly FakeRegistry[], options: Partial<RegistryOptions> = {}) {
  let now = Date.parse('2026-11-24T20:00:00Z');
  const events: BreakerEvent[] = [];
  const limits = { attempts: 1, request: 5_000, ...options.limits };
  const rules = { clock: () => now, jitter: () => 1, onBreaker: (event: BreakerEvent) => events.push(event), ...options, limits };
  const ours = client(
    hosts.map((host) => plain(host)),
    rules,
  );
  return {
    ours,
    states: () => events.map(({ state }) => state),
    pass: (milliseconds: number) => {
      now += milliseconds;
    },
    ask: (registry: FakeRegistry, repository: string) => ours.manifest(at(registry, repository), { tag: '1' }, call()),
  };
}

async function withImages(names: readonly string[]): Promise<FakeRegistry> {
  const registry = await fake();
  for (const repository of names) registry.pushImage({ repository, tag: '1' });
  return registry;
}

const names = ['acme/a', 'acme/b', 'acme/c', 'acme/d', 'acme/e', 'acme/f'];

/** Asks for one repository after the other until the breaker must be open. */
async function breakIt(world: ReturnType<typeof stopped>, registry: FakeRegistry, repositories: readonly string[] = names): Promise<void> {
  for (const repository of repositories) {
    await world.ask(registry, repository);
    world.pass(300);
  }
}

describe('a host that can not be connected to', () => {
  it('is left alone at once, naming how long and the true cause', async () => {
    const registry = await withImages(names);
    await registry.close();
    const world = stopped([registry]);
    await breakIt(world, registry, ['acme/a', 'acme/a', 'acme/a', 'acme/a', 'acme/a']);
    const outcome = await world.ask(registry, 'acme/f');
    expect(outcome).toMatchObject({ fault: { code: 'REGISTRY_UNAVAILABLE', transient: true } });
    expect(messageOf(outcome)).toContain('is not asked for 1 s');
    expect(messageOf(outcome)).toContain('ECONNREFUSED');
    expect(world.states()).toEqual(['open']);
    expect(world.ours.isAsked(at(registry))).toBe(false);
  });

  it('is asked by the first question after that time, and by all once it answers', async () => {
    const registry = await withImages(names);
    await registry.close();
    const world = stopped([registry]);
    await breakIt(world, registry);
    world.pass(1_000);
    await fake({ port: Number(registry.host.split(':')[1]), content: registry.content });
    const outcomes = await Promise.all(names.map((name) => world.ask(registry, name)));
    expect(outcomes.map(codeOf)).toEqual(names.map(() => 'ok'));
    expect(world.states()).toEqual(['open', 'probing', 'closed']);
    expect(world.ours.isAsked(at(registry))).toBe(true);
  });

  it('is left alone for longer when the probe fails, and all that waited for it are told', async () => {
    const registry = await withImages(names);
    await registry.close();
    const world = stopped([registry]);
    await breakIt(world, registry);
    world.pass(1_000);
    const outcomes = await Promise.all(names.map((name) => world.ask(registry, name)));
    expect(outcomes.map(codeOf)).toEqual(names.map(() => 'REGISTRY_UNAVAILABLE'));
    expect(outcomes.filter((outcome) => messageOf(outcome).includes('is not asked for 2 s'))).toHaveLength(names.length - 1);
    expect(world.states()).toEqual(['open', 'probing', 'open']);
  });

  it('does not keep another host from being asked', async () => {
    const [down, up] = [await withImages(names), await withImages(names)];
    await down.close();
    const world = stopped([down, up]);
    await breakIt(world, down);
    expect(codeOf(await world.ask(up, 'acme/a'))).toBe('ok');
  });
});

describe('a host that fails for every repository', () => {
  it.each([
    ['500', { kind: 'status', status: 500 }],
    ['a reset', { kind: 'reset', after: null }],
    ['a reset within the body', { kind: 'reset', after: 20 }],
  ] as const)('by %s is left alone, and nothing is sent', async (_name, does) => {
    const registry = await withImages(names);
    registry.inject({ match: '', does });
    const world = stopped([registry]);
    await breakIt(world, registry);
    registry.forgetRequests();
    expect(messageOf(await world.ask(registry, 'acme/a'))).toContain('is not asked for');
    expect(registry.count()).toBe(0);
  });

  it('by silence is left alone', async () => {
    const registry = await withImages(names);
    const undo = registry.inject({ match: '', does: { kind: 'hang' } });
    const world = stopped([registry], { limits: { request: 30, attempts: 1 } });
    await breakIt(world, registry);
    undo();
    expect(messageOf(await world.ask(registry, 'acme/a'))).toContain('did not answer within 30 ms');
  });

  it('and whose probe is given up is tried by the next', async () => {
    const registry = await withImages(names);
    const undo = registry.inject({ match: '', does: { kind: 'status', status: 500 } });
    const world = stopped([registry]);
    await breakIt(world, registry);
    world.pass(1_000);
    undo();
    registry.inject({ match: '', does: { kind: 'hang' }, times: 1 });
    const abandoned = world.ours.manifest(at(registry, 'acme/a'), { tag: '1' }, call({ signal: AbortSignal.timeout(30) }));
    const waiting = world.ask(registry, 'acme/b');
    expect(codeOf(await abandoned)).toBe('DEADLINE_EXCEEDED');
    expect(codeOf(await waiting)).toBe('ok');
  });
});

describe('a fault of one repository keeps no other from being asked:', () => {
  it.each([
    ['404', { kind: 'status', status: 404 }],
    ['401', { kind: 'status', status: 401 }],
    ['403', { kind: 'status', status: 403 }],
    ['429', { kind: 'status', status: 429, headers: { 'retry-after': '60' } }],
    ['500', { kind: 'status', status: 500 }],
    ['a reset', { kind: 'reset', after: null }],
  ] as const)('%s', async (_name, does) => {
    const registry = await withImages(names);
    registry.inject({ match: '/v2/acme/a/', does });
    const world = stopped([registry]);
    await breakIt(
      world,
      registry,
      Array.from({ length: 12 }, () => 'acme/a'),
    );
    expect(codeOf(await world.ask(registry, 'acme/b'))).toBe('ok');
    expect(world.states()).toEqual([]);
  });
});

describe('Retry-After', () => {
  it('of one repository is honoured by all questions about it, without sending', async () => {
    const registry = await withImages(names);
    registry.inject({ match: '/v2/acme/a/', does: { kind: 'status', status: 429, headers: { 'retry-after': '60' } }, times: 1 });
    const world = stopped([registry]);
    expect(codeOf(await world.ask(registry, 'acme/a'))).toBe('REGISTRY_RATE_LIMITED');
    registry.forgetRequests();
    world.pass(59_000);
    const outcome = await world.ask(registry, 'acme/a');
    expect(codeOf(outcome)).toBe('REGISTRY_RATE_LIMITED');
    expect(messageOf(outcome)).toContain('for 1 s');
    expect(registry.count()).toBe(0);
    world.pass(1_000);
    expect(codeOf(await world.ask(registry, 'acme/a'))).toBe('ok');
  });

  it('of a host is honoured by all questions to it', async () => {
    const registry = await withImages(names);
    registry.inject({ match: '', does: { kind: 'status', status: 429, headers: { 'retry-after': '60' } }, times: 2 });
    const world = stopped([registry]);
    await Promise.all([world.ask(registry, 'acme/a'), world.ask(registry, 'acme/b')]);
    registry.forgetRequests();
    expect(codeOf(await world.ask(registry, 'acme/c'))).toBe('REGISTRY_RATE_LIMITED');
    expect(registry.count()).toBe(0);
  });
});

describe('a rate limit of which little is left', () => {
  it('is known from the last answer, for ten minutes at most, and for that right alone', async () => {
    const registry = await withImages(names);
    const world = stopped([registry]);
    const isScarce = (): boolean => world.ours.isScarce(at(registry, 'acme/b'), ownAccess);
    const left = async (remaining: number): Promise<void> => {
      const headers = { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': `${remaining};w=21600` };
      registry.inject({ match: '', does: { kind: 'status', status: 404, headers }, times: 1 });
      await world.ask(registry, 'acme/a');
    };
    expect(isScarce()).toBe(false);
    await left(9);
    expect([isScarce(), world.ours.isScarce(at(registry, 'acme/a'), { key: 'team' })]).toEqual([true, false]);
    await left(10);
    expect(isScarce()).toBe(false);
    await left(0);
    world.pass(600_000);
    expect(isScarce()).toBe(false);
  });
});

it('a client that ends leaves no host behind as left alone', async () => {
  const registry = await withImages(names);
  await registry.close();
  const world = stopped([registry]);
  await breakIt(world, registry);
  await world.ours.close();
  expect(world.states()).toEqual(['open', 'closed']);
});
