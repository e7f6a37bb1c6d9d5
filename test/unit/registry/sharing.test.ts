import { describe, expect, it } from 'vitest';
import { at, call, client, codeOf, fake, plain, repository } from './fixture.ts';

describe('content read by digest', () => {
  it('is asked for once, by callers that come together and by those that come later', async () => {
    const registry = await fake({ delay: 10 });
    const image = registry.pushImage({ repository });
    const blob = registry.pushBlob(repository, Buffer.from('abc'));
    const ours = client([plain(registry)]);
    for (let round = 0; round < 2; round += 1) {
      const outcomes = await Promise.all(
        Array.from({ length: 5 }, () => [ours.manifest(at(registry), image, call()), ours.blob(at(registry), blob, 100, call())]).flat(),
      );
      expect(outcomes.map(codeOf)).toEqual(Array(10).fill('ok'));
    }
    expect(registry.count()).toBe(2);
  });

  it('serves neither another right of access, nor another repository', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const ours = client([plain(registry)]);
    await ours.manifest(at(registry), image, call());
    await ours.manifest(at(registry), image, call({ access: { key: 'pod' } }));
    expect(registry.count()).toBe(2);
    expect(codeOf(await ours.manifest(at(registry, 'acme/secret'), image, call()))).toBe('MANIFEST_UNKNOWN');
  });

  it('is not kept when it is a fault or an absence', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    const undo = registry.inject({ match: '', does: { kind: 'status', status: 404 } });
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.manifest(at(registry), image, call()))).toBe('MANIFEST_UNKNOWN');
    undo();
    expect(codeOf(await ours.manifest(at(registry), image, call()))).toBe('ok');
  });

  it('reaches the others when the first caller gives up, who alone gets DEADLINE_EXCEEDED', async () => {
    const registry = await fake({ delay: 60 });
    const image = registry.pushImage({ repository });
    const ours = client([plain(registry)]);
    const first = ours.manifest(at(registry), image, call({ signal: AbortSignal.timeout(10) }));
    const second = ours.manifest(at(registry), image, call());
    expect(codeOf(await first)).toBe('DEADLINE_EXCEEDED');
    expect(codeOf(await second)).toBe('ok');
    expect(registry.count()).toBe(1);
  });

  it('that takes longer than shared work may is the registry being unavailable, and asked for anew', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    registry.inject({ match: '', does: { kind: 'hang' }, times: 1 });
    const ours = client([plain(registry)], { limits: { flight: 40 } });
    expect(codeOf(await ours.manifest(at(registry), image, call()))).toBe('REGISTRY_UNAVAILABLE');
    expect(codeOf(await ours.manifest(at(registry), image, call()))).toBe('ok');
  });

  it('is let go when there is too much of it', async () => {
    const registry = await fake();
    const ours = client([plain(registry)], { limits: { cacheBytes: 8_192 } });
    const blobs = [1, 2, 3].map((n) => registry.pushBlob(repository, Buffer.alloc(2_000, n)));
    for (const blob of blobs) await ours.blob(at(registry), blob, 4_000, call());
    const [first, , last] = blobs;
    if (first === undefined || last === undefined) throw new Error('three blobs');
    registry.forgetRequests();
    await ours.blob(at(registry), last, 4_000, call());
    expect(registry.count()).toBe(0);
    await ours.blob(at(registry), first, 4_000, call());
    expect(registry.count()).toBe(1);
  });
});

describe('a tag', () => {
  it('is asked for every time, since it can move', async () => {
    const registry = await fake();
    const before = registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    expect(await ours.manifest(at(registry), { tag: '1' }, call())).toMatchObject({ value: { digest: before.digest } });
    const after = registry.pushImage({ repository, tag: '1' });
    expect(await ours.manifest(at(registry), { tag: '1' }, call())).toMatchObject({ value: { digest: after.digest } });
  });

  it('that was read has told what its digest is', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    await ours.manifest(at(registry), { tag: '1' }, call());
    expect(await ours.manifest(at(registry), image, call())).toMatchObject({ value: { digest: image.digest } });
    expect(registry.count()).toBe(1);
    expect(codeOf(await ours.manifest(at(registry), image, call({ access: { key: 'pod' } })))).toBe('ok');
    expect(registry.count()).toBe(2);
  });
});

describe('whether a registry has a digest', () => {
  it('is asked every time, since it can be deleted', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    await ours.manifest(at(registry), image, call());
    expect(await ours.has(at(registry), image.digest, call())).toEqual({ ok: true, value: true });
    registry.content.repository(repository).manifests.delete(image.digest);
    expect(await ours.has(at(registry), image.digest, call())).toEqual({ ok: true, value: false });
  });
});

describe('a closed client', () => {
  it('ends what is under way with a fault', async () => {
    const registry = await fake();
    registry.inject({ match: '', does: { kind: 'hang' } });
    const ours = client([plain(registry)], { limits: { attempts: 1 } });
    const asked = ours.manifest(at(registry), { tag: '1' }, call());
    await expect.poll(() => registry.count()).toBe(1);
    await ours.close();
    expect(codeOf(await asked)).toBe('REGISTRY_UNAVAILABLE');
  });
});
