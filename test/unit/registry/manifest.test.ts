import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDigest } from '../../../src/domain/digest.ts';
import { readManifest } from '../../../src/registry/manifest.ts';
import { codeOf, messageOf, unwrap } from './fixture.ts';

const digest = unwrap(parseDigest(`sha256:${'a'.repeat(64)}`));
const imageType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';
const entry = { mediaType: imageType, digest, size: 3 };
const image = { schemaVersion: 2, mediaType: imageType, config: entry, layers: [entry] };
const index = { schemaVersion: 2, mediaType: indexType, manifests: [entry] };

function read(document: unknown, type: string | null): ReturnType<typeof readManifest> {
  const source = typeof document === 'string' ? document : JSON.stringify(document);
  return readManifest(Buffer.from(source), type, digest, { depth: 16, descriptors: 10, keys: 20, text: 200 });
}

describe('a manifest is refused', () => {
  it.each([
    ['an index with layers', { ...index, layers: [entry] }, indexType],
    ['an index with a config', { ...index, config: entry }, indexType],
    ['an image with manifests', { ...image, manifests: [entry] }, imageType],
    ['a media type that is not the Content-Type', image, indexType],
    ['a media type that is not the Content-Type, the other way round', index, imageType],
    ['a Content-Type that says nothing', image, 'application/json'],
    ['a media type that is no text', { ...image, mediaType: 7 }, imageType],
    ['an unknown media type', { ...image, mediaType: 'text/html' }, 'text/html'],
    ['no media type at all', { schemaVersion: 2, config: entry, layers: [] }, null],
    ['schema version 1', { schemaVersion: 1 }, imageType],
    ['no schema version', { ...image, schemaVersion: undefined }, imageType],
    ['an array', [], imageType],
    ['layers that are no list', { ...image, layers: {} }, imageType],
    ['no layers', { ...image, layers: undefined }, imageType],
    ['no config', { ...image, config: undefined }, imageType],
    ['a digest of another algorithm', { ...image, layers: [{ ...entry, digest: 'md5:00' }] }, imageType],
    ['a negative size', { ...image, config: { ...entry, size: -1 } }, imageType],
    ['a size that is no number', { ...image, config: { ...entry, size: '3' } }, imageType],
    ['an annotation that is no text', { ...image, annotations: { a: 1 } }, imageType],
    ['a key that Go takes for layers', { ...image, Layers: [] }, imageType],
    ['a key that Go takes for layers, with a long s', { ...image, 'layer\u017f': [] }, imageType],
    ['a key that Go takes for digest', { ...image, config: { ...entry, Digest: digest } }, imageType],
    ['a key twice', JSON.stringify(image).replace('"layers"', '"layers":[],"layers"'), imageType],
    ['a key twice, once escaped', JSON.stringify(image).replace('"layers"', '"l\\u0061yers":[],"layers"'), imageType],
  ])('with %s', (_name, document, type) => {
    expect(codeOf(read(document, type))).toBe('MANIFEST_INVALID');
  });

  it.each([
    ['a key in another case', '{"os":"linux","architecture":"arm64","Architecture":"amd64"}'],
    ['a key with a long s', '{"o\u017f":"windows","os":"linux","architecture":"amd64"}'],
    ['a key twice', '{"os":"linux","architecture":"arm64","architecture":"amd64"}'],
    ['an architecture alone, which containerd takes for one of its own system', '{"architecture":"amd64"}'],
    ['a system that is null', '{"os":null,"architecture":"amd64"}'],
    ['a letter that Go makes small in its own way', '{"os":"l\u0130nux","architecture":"amd64"}'],
    ['blanks', '{"os":"linux ","architecture":"amd64"}'],
    ['a slash', '{"os":"linux","architecture":"amd64/v2"}'],
    ['a number', '{"os":"linux","architecture":7}'],
    ['features that are no list', '{"os":"linux","architecture":"amd64","os.features":"x"}'],
    ['features that nobody could name', '{"os":"linux","architecture":"amd64","os.features":["a)/b"]}'],
    ['a list', '[]'],
    ['a text', '"linux/amd64"'],
  ])('with a platform of %s', (_name, platform) => {
    const document = JSON.stringify({ ...index, manifests: [{ ...entry, platform: 'PLATFORM' }] }).replace('"PLATFORM"', platform);
    expect(codeOf(read(document, indexType))).toBe('MANIFEST_INVALID');
  });

  it('with more annotations than its bounds say, or longer ones', () => {
    const annotations = (number: number) => Object.fromEntries(Array.from({ length: number }, (_, i) => [`a${i}`, 'x']));
    expect(codeOf(read({ ...image, annotations: annotations(20) }, imageType))).toBe('ok');
    expect(codeOf(read({ ...image, annotations: annotations(21) }, imageType))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(read({ ...image, layers: [{ ...entry, annotations: annotations(21) }] }, imageType))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(read({ ...image, annotations: { a: 'x'.repeat(201) } }, imageType))).toBe('LIMIT_EXCEEDED');
  });

  it('with too many entries, or too deep', () => {
    expect(codeOf(read({ ...image, layers: Array.from({ length: 11 }, () => entry) }, imageType))).toBe('LIMIT_EXCEEDED');
    expect(codeOf(read(`${'['.repeat(100_000)}`, imageType))).toBe('LIMIT_EXCEEDED');
  });

  it('when it is not JSON, or not UTF-8', () => {
    expect(codeOf(read('{', imageType))).toBe('RESPONSE_INVALID');
    expect(codeOf(readManifest(Buffer.from([0x22, 0xff, 0x22]), imageType, digest, { depth: 8, descriptors: 8 }))).toBe('RESPONSE_INVALID');
  });

  it('with its outside text made harmless', () => {
    expect(messageOf(read({ ...image, mediaType: 'x\u001b[31m\n' }, imageType))).not.toMatch(/\p{Cc}/u);
  });
});

describe('a manifest is read', () => {
  it('without a media type of its own, by its Content-Type, parameters aside', () => {
    const { mediaType: _left, ...bare } = image;
    expect(unwrap(read(bare, `${imageType}; charset=utf-8`))).toMatchObject({ kind: 'image', mediaType: imageType });
  });

  it('with lists and maps that Go wrote as null', () => {
    expect(unwrap(read({ ...index, manifests: null, annotations: null, subject: null }, indexType))).toMatchObject({
      manifests: [],
      annotations: {},
      subject: null,
    });
  });

  it('with names that only look like properties', () => {
    const manifest = unwrap(read(`{"schemaVersion":2,"mediaType":"${indexType}","manifests":[],"annotations":{"__proto__":"x"},"__proto__":{}}`, indexType));
    expect(Object.getPrototypeOf(manifest.annotations)).toBe(Object.prototype);
    expect(Object.entries(manifest.annotations)).toEqual([]);
  });

  it('and keeps what names the base of an image', () => {
    const kept = { 'org.opencontainers.image.base.name': 'registry.corp/base:1', 'org.opencontainers.image.base.digest': 'sha256:1' };
    const annotations = { ...kept, 'org.opencontainers.image.base.name.evil': 'x', 'org.opencontainers.image.title': 'x' };
    expect(unwrap(read({ ...image, annotations }, imageType)).annotations).toEqual(kept);
  });

  it('and keeps of annotations only those that somebody reads', () => {
    const annotations = { 'dev.cosignproject.cosign/signature': 's', 'dev.sigstore.cosign/bundle': 'b', 'org.opencontainers.image.created': 'now' };
    const kept = { 'dev.cosignproject.cosign/signature': 's', 'dev.sigstore.cosign/bundle': 'b' };
    const signed = unwrap(read({ ...image, annotations, layers: [{ ...entry, annotations }] }, imageType));
    expect(signed.annotations).toEqual(kept);
    expect(signed.layers[0]?.annotations).toEqual(kept);
    expect(unwrap(read({ ...index, manifests: [{ ...entry, annotations }] }, indexType)).manifests[0]?.annotations).toEqual({});
  });

  it.each<[object | null, string | null]>([
    [{ os: 'linux', architecture: 'amd64' }, 'linux/amd64'],
    [{ os: 'Linux', architecture: 'x86_64', variant: '' }, 'Linux/x86_64'],
    [{ os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1', 'os.features': null }, 'linux/arm/v7'],
    [{ os: 'linux', architecture: 'amd64', 'os.features': ['erofs', 'a', 'a'] }, 'linux(+a+erofs)/amd64'],
    [{ os: 'windows', architecture: 'amd64', 'os.features': ['win32k'] }, 'windows/amd64'],
    [{ os: 'unknown', architecture: 'unknown' }, 'unknown/unknown'],
    [{ os: 'linux', architecture: '' }, null],
    [{}, null],
    [null, null],
  ])('with the platform %j of a child as %j', (platform, name) => {
    expect(unwrap(read({ ...index, manifests: [{ ...entry, platform }] }, indexType)).manifests[0]?.platform).toBe(name);
  });

  it('or refused, and never throws, whatever it holds', () => {
    const key = fc.constantFrom('schemaVersion', 'mediaType', 'config', 'layers', 'manifests', 'subject', 'annotations', 'digest', 'size', 'platform');
    const value = fc.letrec<{ node: unknown }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(2, null, imageType, indexType, digest, -1, ''),
        fc.array(tie('node'), { maxLength: 3 }),
        fc.dictionary(key, tie('node')),
      ),
    })).node;
    fc.assert(
      fc.property(
        fc.oneof(
          value.map((v) => JSON.stringify(v)),
          fc.string(),
          fc.json(),
        ),
        fc.constantFrom(null, imageType, indexType, 'x'),
        (source, type) => {
          expect(['ok', 'MANIFEST_INVALID', 'LIMIT_EXCEEDED', 'RESPONSE_INVALID']).toContain(codeOf(read(source, type)));
        },
      ),
    );
  });
});
