import { describe, expect, it } from 'vitest';
import type { RequestEvent } from '../../../src/registry/index.ts';
import { readRetryAfter } from '../../../src/registry/statusFault.ts';
import { at, call, client, codeOf, fake, messageOf, plain, repository } from './fixture.ts';

describe('an outage', () => {
  it.each([
    [500, 'REGISTRY_UNAVAILABLE', 3],
    [502, 'REGISTRY_UNAVAILABLE', 3],
    [503, 'REGISTRY_UNAVAILABLE', 3],
    [429, 'REGISTRY_RATE_LIMITED', 3],
    [403, 'REGISTRY_UNAUTHORIZED', 1],
    [418, 'RESPONSE_INVALID', 1],
    [204, 'RESPONSE_INVALID', 1],
  ])('of status %i is %s after %i attempts', async (status, code, attempts) => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'status', status, body: 'SECRET' } });
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(codeOf(outcome)).toBe(code);
    expect(messageOf(outcome)).toContain(String(status));
    expect(JSON.stringify(outcome)).not.toContain('SECRET');
    expect(registry.count()).toBe(attempts);
  });

  it.each([
    ['a reset before the answer', { kind: 'reset', after: null }],
    ['a reset within the body', { kind: 'reset', after: 20 }],
    ['503', { kind: 'status', status: 503 }],
  ] as const)('that passes is not noticed: %s', async (_name, does) => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '', does, times: 2 });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    expect(registry.count()).toBe(3);
  });

  it.each([
    ['a reset before the answer', { kind: 'reset', after: null }],
    ['a reset within the body', { kind: 'reset', after: 20 }],
    ['silence', { kind: 'hang' }],
  ] as const)('that lasts is REGISTRY_UNAVAILABLE: %s', async (_name, does) => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '', does });
    const outcome = await client([plain(registry)], { limits: { request: 50 } }).manifest(at(registry), { tag: '1' }, call());
    expect(outcome).toMatchObject({ fault: { code: 'REGISTRY_UNAVAILABLE', transient: true } });
  });

  it.each([
    [404, 'MANIFEST_UNKNOWN'],
    [500, 'REGISTRY_UNAVAILABLE'],
    [401, 'REGISTRY_UNAUTHORIZED'],
  ])('of status %i is %s with a flood behind it too', async (status, code) => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'status', status, body: Buffer.alloc(4 * 1024 * 1024, 0x20) } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe(code);
  });

  it('of the whole registry is REGISTRY_UNAVAILABLE, and over when it is back', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    await registry.close();
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('REGISTRY_UNAVAILABLE');
    await fake({ port: Number(registry.host.split(':')[1]), content: registry.content });
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
  });

  it('in DNS is REGISTRY_UNAVAILABLE', async () => {
    const ours = client([{ host: 'gone.test', plainHTTP: false, ca: null, alsoHosts: [] }], {
      resolve: (_name, done) => done(Object.assign(new Error('no such host'), { code: 'ENOTFOUND' }), []),
    });
    const outcome = await ours.manifest({ registry: 'gone.test', repository }, { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('REGISTRY_UNAVAILABLE');
    expect(messageOf(outcome)).toContain('DNS');
  });

  it('waits as long as Retry-After asks, but not longer than makes sense', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '', does: { kind: 'status', status: 429, headers: { 'retry-after': '1' } }, times: 1 });
    const started = performance.now();
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe('ok');
    expect(performance.now() - started).toBeGreaterThan(990);
    registry.inject({ match: '', does: { kind: 'status', status: 429, headers: { 'retry-after': '3600' } } });
    registry.forgetRequests();
    const again = performance.now();
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(messageOf(outcome)).toContain('3600 s');
    expect(performance.now() - again).toBeLessThan(2_000);
    expect(registry.count()).toBe(1);
  });
});

describe('a deadline', () => {
  it('that passed before the request is DEADLINE_EXCEEDED, and nothing is sent', async () => {
    const registry = await fake();
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call({ signal: AbortSignal.abort() }));
    expect(codeOf(outcome)).toBe('DEADLINE_EXCEEDED');
    expect(registry.count()).toBe(0);
  });

  it('that passes during the request is DEADLINE_EXCEEDED, not an outage', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'hang' } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call({ signal: AbortSignal.timeout(30) })))).toBe('DEADLINE_EXCEEDED');
  });

  it('ends the waiting between attempts', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'status', status: 503, headers: { 'retry-after': '2' } } });
    const started = performance.now();
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call({ signal: AbortSignal.timeout(30) }));
    // What is known of the registry is worth more than that time ran out.
    expect(codeOf(outcome)).toBe('REGISTRY_UNAVAILABLE');
    expect(performance.now() - started).toBeLessThan(1_000);
  });
});

describe('requests to one host', () => {
  it('are no more at a time than allowed, and the queue has a length', async () => {
    const registry = await fake({ delay: 20 });
    registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)], { limits: { perHost: 2, queue: 3 } });
    const outcomes = await Promise.all(Array.from({ length: 7 }, () => ours.manifest(at(registry), { tag: '1' }, call())));
    expect(outcomes.map(codeOf).sort()).toEqual(['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED', 'ok', 'ok', 'ok', 'ok', 'ok']);
  });

  it('that wait in vain are DEADLINE_EXCEEDED, and give up their place', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '', does: { kind: 'hang' }, times: 1 });
    const ours = client([plain(registry)], { limits: { perHost: 1, queue: 1, request: 200 } });
    const first = ours.manifest(at(registry), { tag: '1' }, call());
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call({ signal: AbortSignal.timeout(20) })))).toBe('DEADLINE_EXCEEDED');
    const third = ours.manifest(at(registry), { tag: '1' }, call());
    expect([codeOf(await first), codeOf(await third)]).toEqual(['ok', 'ok']);
  });

  it('are told of one by one', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'reset', after: null }, times: 1 });
    const events: RequestEvent[] = [];
    await client([plain(registry)], { onRequest: (event) => events.push(event) }).manifest(at(registry), { tag: '1' }, call());
    expect(events).toMatchObject([
      { host: registry.host, operation: 'manifest', status: null, code: 'REGISTRY_UNAVAILABLE' },
      { host: registry.host, operation: 'manifest', status: 404, code: null },
    ]);
  });
});

describe('Retry-After', () => {
  it.each([
    ['5', 5_000],
    ['Tue, 24 Nov 2026 20:00:10 GMT', 10_000],
    ['Tue, 24 Nov 2026 19:00:00 GMT', 0],
    ['soon', null],
    ['-1', null],
    [undefined, null],
  ])('of %j is %j ms', (header, milliseconds) => {
    expect(readRetryAfter(header, Date.parse('2026-11-24T20:00:00Z'))).toBe(milliseconds);
  });
});
