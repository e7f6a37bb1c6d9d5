import { describe, expect, it } from 'vitest';
import type { FakeRegistry, WireDescriptor } from '../../fakes/registry.ts';
import { at, call, client, codeOf, fake, messageOf, plain, repository, unwrap } from './fixture.ts';

const artifactType = 'application/vnd.dev.sigstore.bundle.v0.3+json';

function attach(registry: FakeRegistry, subject: WireDescriptor, content: string, listed = true): WireDescriptor {
  return registry.pushArtifact({
    repository,
    artifactType,
    layers: [{ bytes: Buffer.from(content), mediaType: artifactType }],
    ...(listed ? { subject } : {}),
  });
}

describe('the referrers of a digest', () => {
  it('are the union of API and fallback tag, each once, asked for at the same time', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const both = attach(registry, image, 'both');
    const api = attach(registry, image, 'api');
    const tag = attach(registry, image, 'tag', false);
    for (const one of [both, tag]) registry.addToFallbackTag(repository, image.digest, one);
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found.faults).toEqual([]);
    expect(found.descriptors.map(({ digest }) => digest).sort()).toEqual([both.digest, api.digest, tag.digest].sort());
    expect(registry.count()).toBe(2);
  });

  it.each([404, 400, 405, 501])('are read from the fallback tag alone where the API answers %i', async (status) => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const tag = attach(registry, image, 'tag', false);
    registry.addToFallbackTag(repository, image.digest, tag);
    registry.inject({ match: '/referrers/', does: { kind: 'status', status } });
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found).toMatchObject({ descriptors: [{ digest: tag.digest }], faults: [] });
  });

  it('are none, without a fault, where the fallback tag holds the image itself, as cosign copy leaves it', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    registry.content.repository(repository).tags.set(image.digest.replace(':', '-'), image.digest);
    expect(unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()))).toEqual({ descriptors: [], faults: [] });
  });

  it('that could be read come with the fault of the other place', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const tag = attach(registry, image, 'tag', false);
    registry.addToFallbackTag(repository, image.digest, tag);
    registry.inject({ match: '/referrers/', does: { kind: 'status', status: 503 } });
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found).toMatchObject({ descriptors: [{ digest: tag.digest }], faults: [{ code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('are a fault where neither place could be looked at', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    registry.inject({ match: '', does: { kind: 'status', status: 503 } });
    expect(codeOf(await client([plain(registry)]).referrers(at(registry), image.digest, call()))).toBe('REGISTRY_UNAVAILABLE');
  });

  it('are paged through', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const all = ['a', 'b', 'c', 'd', 'e'].map((content) => attach(registry, image, content));
    registry.referrersPage = 2;
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found.descriptors.map(({ digest }) => digest)).toEqual(all.map(({ digest }) => digest));
    expect(registry.count('/referrers/')).toBe(3);
  });

  it('above the limit of pages are those read so far, and LIMIT_EXCEEDED', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const one = attach(registry, image, 'one');
    registry.inject({ match: '/referrers/', does: { kind: 'endlessLink' } });
    const found = unwrap(await client([plain(registry)], { limits: { pages: 4 } }).referrers(at(registry), image.digest, call()));
    expect(found).toMatchObject({ descriptors: [{ digest: one.digest }], faults: [{ code: 'LIMIT_EXCEEDED' }] });
    expect(registry.count('/referrers/')).toBe(4);
  });

  it('above the limit of their number are the first ones, and LIMIT_EXCEEDED', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    for (let i = 0; i < 7; i += 1) attach(registry, image, `junk ${i}`);
    const found = unwrap(await client([plain(registry)], { limits: { referrers: 5 } }).referrers(at(registry), image.digest, call()));
    expect(found.descriptors).toHaveLength(5);
    expect(found.faults).toMatchObject([{ code: 'LIMIT_EXCEEDED' }]);
  });

  it('keep what was read when a later page fails', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    for (const content of ['a', 'b']) attach(registry, image, content);
    registry.referrersPage = 1;
    registry.inject({ match: 'from=1', does: { kind: 'garbage' } });
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found.descriptors).toHaveLength(1);
    expect(found.faults).toMatchObject([{ code: 'RESPONSE_INVALID' }]);
  });

  it.each(['<https://evil.test/v2/x>; rel="next"', '<//127.0.0.1:1/v2/>; rel=next', '</admin>; rel="next"', '<http://[>; rel="next"'])(
    'are not followed to %s',
    async (link) => {
      const registry = await fake();
      const image = registry.pushImage({ repository });
      attach(registry, image, 'one');
      registry.inject({ match: '/referrers/', does: { kind: 'headers', headers: { link } } });
      const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
      expect(found.faults).toMatchObject([{ code: 'RESPONSE_INVALID' }]);
      expect(registry.count('/referrers/')).toBe(1);
    },
  );

  it('that are no index are a fault that shows nothing of them', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    registry.inject({ match: '/referrers/', does: { kind: 'status', status: 200, headers: { 'content-type': 'text/html' }, body: 'SECRET' } });
    const found = unwrap(await client([plain(registry)]).referrers(at(registry), image.digest, call()));
    expect(found.faults).toMatchObject([{ code: 'RESPONSE_INVALID' }]);
    expect(messageOf({ ok: false, fault: found.faults[0] ?? { code: 'INTERNAL', message: '', transient: false } })).not.toContain('SECRET');
  });
});
