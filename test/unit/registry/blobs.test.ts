import { describe, expect, it } from 'vitest';
import { at, call, client, codeOf, fake, messageOf, plain, repository, unwrap } from './fixture.ts';

describe('a blob', () => {
  it('that is longer than may be read is LIMIT_EXCEEDED, without a request', async () => {
    const registry = await fake();
    const blob = registry.pushBlob(repository, Buffer.alloc(101));
    expect(codeOf(await client([plain(registry)]).blob(at(registry), blob, 100, call()))).toBe('LIMIT_EXCEEDED');
    expect(registry.count()).toBe(0);
  });

  it.each([1_000, 100_000])('of %i bytes that has not the size or the digest it should is refused', async (size) => {
    const registry = await fake();
    const blob = registry.pushBlob(repository, Buffer.alloc(size, 1));
    const ours = client([plain(registry)]);
    expect(codeOf(await ours.blob(at(registry), { ...blob, size: size + 1 }, 1_000_000, call()))).toBe('RESPONSE_INVALID');
    expect(codeOf(await ours.blob(at(registry), { ...blob, size: size - 1 }, 1_000_000, call()))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(await ours.blob(at(registry), blob, 1_000_000, call()))).toBe('ok');
    registry.inject({ match: '/blobs/', does: { kind: 'wrongDigest' } });
    expect(codeOf(await client([plain(registry)]).blob(at(registry), blob, 1_000_000, call()))).toBe('RESPONSE_INVALID');
  });

  it('with another size than its descriptor says is refused from memory too', async () => {
    const registry = await fake();
    const blob = registry.pushBlob(repository, Buffer.from('abc'));
    const ours = client([plain(registry)]);
    await ours.blob(at(registry), blob, 10, call());
    expect(codeOf(await ours.blob(at(registry), { ...blob, size: 4 }, 10, call()))).toBe('RESPONSE_INVALID');
  });

  it('that goes on and on is cut', async () => {
    const registry = await fake();
    const blob = registry.pushBlob(repository, Buffer.alloc(100_000));
    registry.inject({ match: '/blobs/', does: { kind: 'huge', bytes: 1e9 } });
    expect(codeOf(await client([plain(registry)]).blob(at(registry), blob, 200_000, call()))).toBe('LIMIT_EXCEEDED');
  });

  it('in an encoding that nobody asked for is refused', async () => {
    const registry = await fake();
    const blob = registry.pushBlob(repository, Buffer.from('abc'));
    registry.inject({ match: '/blobs/', does: { kind: 'headers', headers: { 'content-encoding': 'gzip' } } });
    expect(codeOf(await client([plain(registry)]).blob(at(registry), blob, 10, call()))).toBe('RESPONSE_INVALID');
  });

  it('that is not there is MANIFEST_UNKNOWN, naming it', async () => {
    const registry = await fake();
    const blob = registry.pushBlob('acme/other', Buffer.from('abc'));
    const outcome = await client([plain(registry)]).blob(at(registry), blob, 10, call());
    expect(codeOf(outcome)).toBe('MANIFEST_UNKNOWN');
    expect(messageOf(outcome)).toContain(`acme/app@${blob.digest}`);
  });

  it('is read, the empty one too', async () => {
    const registry = await fake();
    const ours = client([plain(registry)]);
    for (const content of ['', 'abc', 'x'.repeat(200_000)]) {
      const blob = registry.pushBlob(repository, Buffer.from(content));
      expect(Buffer.from(unwrap(await ours.blob(at(registry), blob, 1_000_000, call()))).toString()).toBe(content);
    }
  });
});
