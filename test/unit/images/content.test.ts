import { expect, it } from 'vitest';
import { good } from '../../../src/domain/fault.ts';
import { type Manifest, ownAccess, type Registry } from '../../../src/domain/registry.ts';
import { createContentReader } from '../../../src/images/content.ts';
import { digestOf, literalRegistry } from '../parts.ts';

const entry = { mediaType: 'x', digest: digestOf('layer'), size: 1, artifactType: null, annotations: {}, platform: null };
const whole: Manifest = {
  kind: 'image',
  digest: digestOf('app'),
  mediaType: 'application/vnd.oci.image.manifest.v1+json',
  size: 5,
  artifactType: null,
  config: entry,
  layers: [entry, entry],
  manifests: [],
  subject: null,
  annotations: { 'dev.sigstore.x': 'y' },
};

it('of an image that is kept for long, layers and annotations are left out', async () => {
  const registry: Registry = { ...literalRegistry({}).registry, manifest: async () => good(whole) };
  const image = { registry: 'r.test', repository: 'app', tag: null, digest: whole.digest };
  const read = await createContentReader(registry).manifest([image], image, ownAccess, AbortSignal.timeout(1_000));
  expect(read).toEqual(good({ ...whole, layers: [], annotations: {} }));
});
