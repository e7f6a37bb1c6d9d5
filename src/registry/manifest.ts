import { type Digest, parseDigest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text } from '../domain/json.ts';
import type { Descriptor, Manifest } from '../domain/registry.ts';
import { type JsonBounds, knownKeys, lookalikeKey, readJson } from '../domain/strictJson.ts';
import { safeText } from '../domain/text.ts';
import { readPlatform } from './platform.ts';

type Kind = Manifest['kind'];

const kinds: ReadonlyMap<string, Kind> = new Map([
  ['application/vnd.oci.image.manifest.v1+json', 'image'],
  ['application/vnd.docker.distribution.manifest.v2+json', 'image'],
  ['application/vnd.oci.image.index.v1+json', 'index'],
  ['application/vnd.docker.distribution.manifest.list.v2+json', 'index'],
]);

/** Everything that is understood, for the Accept header. */
export const acceptedTypes = [...kinds.keys()].join(', ');

const schema1: ReadonlySet<string> = new Set([
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
  'application/vnd.docker.container.image.v1+json',
]);

/** Fields that mean something to whoever pulls the image. */
const manifestKeys = knownKeys('schemaVersion', 'mediaType', 'artifactType', 'config', 'layers', 'manifests', 'subject', 'annotations');
const descriptorKeys = knownKeys('mediaType', 'digest', 'size', 'artifactType', 'annotations', 'platform', 'urls', 'data');

/**
 * Annotations that somebody reads: those of cosign, of manifests and layers, and those that name an image's base
 * (https://github.com/opencontainers/image-spec/blob/v1.1.1/annotations.md). Manifests are kept in memory, so the others are dropped.
 */
const readAnnotations = /^(dev\.(sigstore|cosignproject)\.|org\.opencontainers\.image\.base\.(name|digest)$)/;
const noAnnotations: Descriptor['annotations'] = {};

export interface ManifestBounds extends JsonBounds {
  readonly descriptors: number;
}

/**
 * Reads a manifest or index: https://github.com/opencontainers/image-spec/blob/v1.1.1/manifest.md and image-index.md, and the Docker
 * types they grew from. Refuses every document that two readers might take for two things (CVE-2021-41190): a media type that is not
 * its Content-Type, an index with layers, a key that another reader takes for a known one. Only annotations that somebody reads
 * are kept, of the manifest and of layers. Faults: MANIFEST_INVALID, LIMIT_EXCEEDED, RESPONSE_INVALID when it is not even JSON; their messages
 * begin with `a manifest`.
 */
export function readManifest(bytes: Uint8Array, contentType: string | null, digest: Digest, bounds: ManifestBounds): Outcome<Manifest> {
  const json = readJson(bytes, bounds);
  if (!json.ok) return bad(json.fault.code, `a manifest ${json.fault.message}`);
  if (!isObject(json.value)) return refuse('that is no JSON object');
  const document = json.value;
  const served = contentType?.split(';')[0]?.trim().toLowerCase() ?? null;
  const declared = text(property(document, 'mediaType'));
  if ((served !== null && schema1.has(served)) || property(document, 'schemaVersion') === 1 || has(document, 'fsLayers')) {
    return refuse('of Docker schema 1, which is no longer supported: push the image again with a current client');
  }
  if (property(document, 'schemaVersion') !== 2) return refuse('that is not of schema version 2');
  const lookalike = lookalikeKey(document, manifestKeys);
  if (lookalike !== null) return refuse(lookalike);
  if ('mediaType' in document && declared === null) return refuse('with a media type that is no text');
  if (served !== null && declared !== null && served !== declared) {
    return refuse(`whose media type ${safeText(declared, 100)} is not its Content-Type ${safeText(served, 100)}`);
  }
  const mediaType = declared ?? served ?? '';
  const kind = kinds.get(mediaType);
  if (kind === undefined) return refuse(`of the unknown media type ${mediaType === '' ? '(none)' : safeText(mediaType, 100)}`);
  const mixed = kind === 'index' ? has(document, 'config') || has(document, 'layers') : has(document, 'manifests');
  if (mixed) return refuse('that is manifest and index in one');

  const list = property(document, kind === 'index' ? 'manifests' : 'layers');
  const entries: Descriptor[] = [];
  // Go writes an empty list as null.
  if (list !== null && !Array.isArray(list)) return refuse(`without its list of ${kind === 'index' ? 'manifests' : 'layers'}`);
  const items: readonly unknown[] = list ?? [];
  if (items.length > bounds.descriptors) return bad('LIMIT_EXCEEDED', `a manifest with more than ${bounds.descriptors} entries`);
  for (const entry of items) {
    const descriptor = readDescriptor(entry);
    if (!descriptor.ok) return descriptor;
    entries.push(kind === 'image' ? descriptor.value : withoutAnnotations(descriptor.value));
  }
  const config = kind === 'image' ? readDescriptor(property(document, 'config')) : good(null);
  if (!config.ok) return config;
  const subject = has(document, 'subject') ? readDescriptor(document['subject']) : good(null);
  if (!subject.ok) return subject;
  const common = readCommon(document);
  if (!common.ok) return common;
  return good({
    kind,
    digest,
    mediaType,
    size: bytes.length,
    ...common.value,
    config: config.value === null ? null : withoutAnnotations(config.value),
    layers: kind === 'image' ? entries : [],
    manifests: kind === 'index' ? entries : [],
    subject: subject.value === null ? null : withoutAnnotations(subject.value),
  });
}

/** Whether a field is there; null is how Go writes that it is not. */
function has(document: Readonly<Record<string, unknown>>, key: string): boolean {
  return (property(document, key) ?? null) !== null;
}

function readDescriptor(value: unknown): Outcome<Descriptor> {
  if (!isObject(value)) return refuse('with a descriptor that is no object');
  const lookalike = lookalikeKey(value, descriptorKeys);
  if (lookalike !== null) return refuse(lookalike);
  const mediaType = text(property(value, 'mediaType'));
  const digest = parseDigest(text(property(value, 'digest')) ?? '');
  const size = property(value, 'size');
  if (mediaType === null || mediaType.length > 255) return refuse('with a descriptor that has no media type');
  if (!digest.ok) return refuse('with a descriptor that has no valid digest');
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return refuse('with a descriptor that has no valid size');
  const common = readCommon(value);
  if (!common.ok) return common;
  const platform = readPlatform(property(value, 'platform') ?? null);
  if (!platform.ok) return refuse(platform.fault.message);
  return good({ mediaType, digest: digest.value, size, ...common.value, platform: platform.value });
}

function withoutAnnotations(descriptor: Descriptor): Descriptor {
  return descriptor.annotations === noAnnotations ? descriptor : { ...descriptor, annotations: noAnnotations };
}

function readCommon(value: Readonly<Record<string, unknown>>): Outcome<Pick<Descriptor, 'artifactType' | 'annotations'>> {
  const artifactType = value['artifactType'] ?? null;
  const annotations = value['annotations'] ?? {};
  if (artifactType !== null && typeof artifactType !== 'string') return refuse('with an artifact type that is no text');
  if (!isObject(annotations)) return refuse('with annotations that are no object');
  const texts: [string, string][] = [];
  for (const [key, one] of Object.entries(annotations)) {
    if (typeof one !== 'string') return refuse('with an annotation that is no text');
    if (readAnnotations.test(key)) texts.push([key, one]);
  }
  return good({ artifactType, annotations: texts.length === 0 ? noAnnotations : Object.fromEntries(texts) });
}

function refuse(what: string): Outcome<never> {
  return bad('MANIFEST_INVALID', `a manifest ${what}`);
}
