import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { bad, good } from '../../../src/domain/fault.ts';
import { type Descriptor, type Manifest, ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createContentReader } from '../../../src/images/content.ts';
import { digestOf, literalRegistry } from '../parts.ts';

const imageType = 'application/vnd.oci.image.config.v1+json';
const repository = { registry: 'r.test', repository: 'app' };
const descriptor = (name: string, mediaType = 'x'): Descriptor => ({
  mediaType,
  digest: digestOf(name),
  size: 1,
  artifactType: null,
  annotations: {},
  platform: null,
});

/** What is read of an image with these layers, and a configuration that names those. */
async function read(layers: readonly string[], diffIds: readonly string[] | null, configType = imageType) {
  const manifest: Manifest = {
    kind: 'image',
    digest: digestOf('app'),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 5,
    artifactType: null,
    config: descriptor('config', configType),
    layers: layers.map((name) => descriptor(name)),
    manifests: [],
    subject: null,
    annotations: {},
  };
  const config = { os: 'linux', architecture: 'amd64', ...(diffIds === null ? {} : { rootfs: { type: 'layers', diff_ids: diffIds.map(digestOf) } }) };
  const registry: Registry = {
    ...literalRegistry({}).registry,
    manifest: async (_, reference) => ('digest' in reference && reference.digest === manifest.digest ? good(manifest) : bad('MANIFEST_UNKNOWN', 'none')),
    blob: async () => good(Buffer.from(JSON.stringify(config))),
  };
  const reader = createContentReader(registry);
  const signal = AbortSignal.timeout(1_000);
  const kept = await reader.manifest([repository], { ...repository, tag: null, digest: manifest.digest }, ownAccess, signal);
  return kept.ok ? reader.platforms([repository], kept.value, ['linux/amd64'], ownAccess, signal) : kept;
}

const hashOf = (...names: readonly string[]) => createHash('sha256').update(names.map(digestOf).join(' ')).digest('hex');

describe('an image', () => {
  it('is known by its layers as they are pulled, and as they are unpacked', async () => {
    expect(await read(['a', 'b'], ['A', 'B'])).toMatchObject({ value: [{ rootfs: { layers: hashOf('a', 'b'), diffIds: hashOf('A', 'B') } }] });
  });

  it.each([
    ['more layers than its configuration names', ['a', 'b'], ['A']],
    ['fewer layers than its configuration names', ['a'], ['A', 'B']],
    ['layers, and a configuration that names none', ['a'], null],
  ])('with %s is refused: no report about the configuration is about all that may run', async (_, layers, diffIds) => {
    expect(await read(layers, diffIds)).toMatchObject({ ok: false, fault: { code: 'MANIFEST_INVALID' } });
  });

  it.each([
    ['more layers', ['a', 'b'], ['A']],
    ['fewer layers', [], ['A']],
  ])('with %s is refused whatever its configuration is called', async (_, layers, diffIds) => {
    expect(await read(layers, diffIds, 'application/octet-stream')).toMatchObject({ ok: false, fault: { code: 'MANIFEST_INVALID' } });
  });
});

it('an artifact may have layers that no configuration names', async () => {
  expect(await read(['a'], null, 'application/vnd.example+json')).toMatchObject({ value: [{ rootfs: null }] });
});
