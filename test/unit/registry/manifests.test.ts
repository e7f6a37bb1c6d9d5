import { describe, expect, it } from 'vitest';
import { parseDigest } from '../../../src/domain/digest.ts';
import { digestOf, manifestType } from '../../fakes/registry.ts';
import { at, call, client, codeOf, fake, messageOf, plain, repository, unwrap } from './fixture.ts';

const absent = unwrap(parseDigest(`sha256:${'0'.repeat(64)}`));

describe('a manifest', () => {
  it('that the registry does not have is MANIFEST_UNKNOWN, naming repository and tag or digest', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    const ours = client([plain(registry)]);
    const byTag = await ours.manifest(at(registry), { tag: 'gone' }, call());
    expect(byTag).toMatchObject({ fault: { code: 'MANIFEST_UNKNOWN', transient: false } });
    expect(messageOf(byTag)).toContain(`${registry.host}/acme/app:gone`);
    expect(messageOf(await ours.manifest(at(registry), { digest: absent }, call()))).toContain(`acme/app@${absent}`);
    expect(unwrap(await ours.has(at(registry), absent, call()))).toBe(false);
  });

  it('whose bytes are not those asked for is RESPONSE_INVALID', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/manifests/', does: { kind: 'wrongDigest' } });
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.manifest(at(registry), { digest: image.digest }, call()))).toBe('RESPONSE_INVALID');
    // By tag, the registry names a digest that its bytes do not have.
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('RESPONSE_INVALID');
  });

  it('that is a good one, but another than was asked for, is RESPONSE_INVALID', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository });
    registry.pushImage({ repository, tag: 'other' });
    const body = registry.content.manifest(repository, 'other')?.bytes ?? Buffer.alloc(0);
    registry.inject({ match: '/manifests/', does: { kind: 'status', status: 200, headers: { 'content-type': manifestType }, body } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { digest: image.digest }, call()))).toBe('RESPONSE_INVALID');
  });

  it.each([`sha256:${'1'.repeat(64)}`, 'sha256:zz', 'md5:0'])('whose registry claims the digest %s for a tag is RESPONSE_INVALID', async (claim) => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/manifests/', does: { kind: 'headers', headers: { 'docker-content-digest': claim } } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()))).toBe('RESPONSE_INVALID');
  });

  it('that is garbage is RESPONSE_INVALID, and the garbage is not shown', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/manifests/', does: { kind: 'status', status: 200, headers: { 'content-type': manifestType }, body: '<html>SECRET' } });
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call());
    expect(codeOf(outcome)).toBe('RESPONSE_INVALID');
    expect(messageOf(outcome)).not.toContain('SECRET');
  });

  it.each([
    ['declared', true],
    ['endless', false],
  ])('that is too large is LIMIT_EXCEEDED: %s', async (_name, declared) => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/manifests/', does: { kind: 'huge', bytes: 64 * 1024 * 1024, declared } });
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('LIMIT_EXCEEDED');
  });

  it('that is longer than an image needs is LIMIT_EXCEEDED, unless it lists referrers', async () => {
    const registry = await fake();
    const entry = { mediaType: manifestType, digest: absent, size: 1, artifactType: 'application/x' };
    const long = { schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests: Array.from({ length: 4_000 }, () => entry) };
    expect(JSON.stringify(long).length).toBeGreaterThan(512 * 1024);
    const list = `sha256-${'1'.repeat(64)}`;
    for (const tag of ['1', list, `${list}.sig`]) registry.pushManifest(repository, long, long.mediaType, tag);
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.manifest(at(registry), { tag: '1' }, call()))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(await ours.manifest(at(registry), { tag: `${list}.sig` }, call()))).toBe('LIMIT_EXCEEDED');
    const listed = unwrap(await ours.manifest(at(registry), { tag: list }, call()));
    expect(listed.manifests).toHaveLength(4_000);
    // What was read as a list does not serve as an image.
    expect(codeOf(await ours.manifest(at(registry), { digest: listed.digest }, call()))).toBe('LIMIT_EXCEEDED');
  });

  it('whose media type is not its Content-Type is MANIFEST_INVALID', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    registry.inject({ match: '/manifests/', does: { kind: 'headers', headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' } } });
    const outcome = await client([plain(registry)]).manifest(at(registry), { digest: image.digest }, call());
    expect(codeOf(outcome)).toBe('MANIFEST_INVALID');
    expect(messageOf(outcome)).toContain(`${registry.host} answered for ${registry.host}/acme/app@${image.digest} with a manifest whose media type`);
  });

  it('of Docker schema 1 is refused with what to do', async () => {
    const registry = await fake();
    registry.pushManifest(repository, { schemaVersion: 1, name: repository, fsLayers: [] }, 'application/vnd.docker.distribution.manifest.v1+prettyjws', 'old');
    const outcome = await client([plain(registry)]).manifest(at(registry), { tag: 'old' }, call());
    expect(codeOf(outcome)).toBe('MANIFEST_INVALID');
    expect(messageOf(outcome)).toMatch(/schema 1.*push the image again/);
  });

  it('with a tag that is none is REFERENCE_INVALID, and nothing is sent', async () => {
    const registry = await fake();
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.manifest(at(registry), { tag: '../../v2' }, call()))).toBe('REFERENCE_INVALID');
    expect(codeOf(await ours.manifest(at(registry, '../up'), { tag: '1' }, call()))).toBe('REFERENCE_INVALID');
    expect(registry.count()).toBe(0);
  });

  it('of an image is read by tag and by digest, with all types accepted', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1', annotations: { 'dev.sigstore.bundle.content': 'b' } });
    const ours = client([plain(registry)]);
    const byTag = unwrap(await ours.manifest(at(registry), { tag: '1' }, call()));
    expect(byTag).toMatchObject({
      kind: 'image',
      digest: image.digest,
      size: image.size,
      config: { digest: image.imageId },
      annotations: { 'dev.sigstore.bundle.content': 'b' },
      subject: null,
    });
    expect(unwrap(await ours.manifest(at(registry), { digest: image.digest }, call()))).toEqual(byTag);
    expect(unwrap(await ours.has(at(registry), image.digest, call()))).toBe(true);
    for (const type of ['oci.image.manifest.v1', 'oci.image.index.v1', 'docker.distribution.manifest.v2', 'docker.distribution.manifest.list.v2']) {
      expect(registry.requests[0]?.accept).toContain(`application/vnd.${type}+json`);
    }
  });

  it('of an index names its platforms', async () => {
    const registry = await fake();
    const images = ['linux/amd64', 'linux/arm64/v8'].map((platform) => registry.pushImage({ repository, platform }));
    registry.pushIndex({ repository, tag: '1', images });
    const index = unwrap(await client([plain(registry)]).manifest(at(registry), { tag: '1' }, call()));
    expect(index.kind).toBe('index');
    expect(index.manifests.map(({ platform }) => platform)).toEqual(['linux/amd64', 'linux/arm64/v8']);
  });

  it('named by SHA-512 is checked by SHA-512', async () => {
    const registry = await fake();
    registry.pushImage({ repository, tag: '1' });
    const stored = registry.content.manifest(repository, '1');
    const bytes = stored?.bytes ?? Buffer.alloc(0);
    const digest = digestOf(bytes, 'sha512');
    registry.content.putManifest(repository, bytes, manifestType, 'long', digest);
    const ours = client([plain(registry)]);
    expect(unwrap(await ours.manifest(at(registry), { digest }, call())).digest).toBe(digest);
    expect(unwrap(await ours.manifest(at(registry), { tag: 'long' }, call())).digest).toBe(digest);
    registry.inject({ match: '/manifests/', does: { kind: 'wrongDigest' } });
    expect(codeOf(await client([plain(registry)]).manifest(at(registry), { digest }, call()))).toBe('RESPONSE_INVALID');
  });

  it('is looked up by GET where the registry knows no HEAD, and never believed under another digest', async () => {
    const registry = await fake();
    const image = registry.pushImage({ repository, tag: '1' });
    const undo = registry.inject({ match: 'HEAD ', does: { kind: 'status', status: 405 } });
    expect(unwrap(await client([plain(registry)]).has(at(registry), image.digest, call()))).toBe(true);
    undo();
    registry.inject({ match: 'HEAD ', does: { kind: 'headers', headers: { 'docker-content-digest': absent } } });
    expect(codeOf(await client([plain(registry)]).has(at(registry), image.digest, call()))).toBe('RESPONSE_INVALID');
  });
});
