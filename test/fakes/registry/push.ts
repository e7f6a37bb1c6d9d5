import { type Digest, splitDigest } from '../../../src/domain/digest.ts';
import { isObject } from '../../../src/domain/json.ts';
import { type Content, digestOf } from './content.ts';

/** A descriptor as the wire has it. */
export interface WireDescriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
}

export interface ImageToPush {
  readonly repository: string;
  /** Left out: reachable by digest only. */
  readonly tag?: string;
  /** `os/architecture[/variant]`; default linux/amd64. */
  readonly platform?: string;
  /** Fields of the image configuration, beside architecture, os and rootfs. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Default: one small layer that no other image has. */
  readonly layers?: readonly (
    | Uint8Array
    | { readonly bytes: Uint8Array; readonly mediaType: string; readonly annotations?: Readonly<Record<string, string>> }
  )[];
  readonly annotations?: Readonly<Record<string, string>>;
}

export interface PushedImage extends WireDescriptor {
  readonly repository: string;
  /** Digest of the configuration: the ImageID. */
  readonly imageId: Digest;
}

export interface ArtifactToPush {
  readonly repository: string;
  readonly artifactType: string;
  readonly layers: readonly { readonly bytes: Uint8Array; readonly mediaType: string; readonly annotations?: Readonly<Record<string, string>> }[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: Pick<WireDescriptor, 'mediaType' | 'digest' | 'size'>;
  readonly tag?: string;
}

export const manifestType = 'application/vnd.oci.image.manifest.v1+json';
export const indexType = 'application/vnd.oci.image.index.v1+json';
const configType = 'application/vnd.oci.image.config.v1+json';
const emptyType = 'application/vnd.oci.empty.v1+json';

let serial = 0;

/** Puts content into a registry as a push would, without the network. */
export interface Pushes {
  pushBlob(repository: string, bytes: Uint8Array, mediaType?: string): WireDescriptor;
  /** Any document, as it is; the digest is of the bytes that are kept. */
  pushManifest(repository: string, document: unknown, mediaType: string, tag?: string): WireDescriptor;
  pushImage(image: ImageToPush): PushedImage;
  pushIndex(index: {
    readonly repository: string;
    readonly tag?: string;
    readonly images: readonly WireDescriptor[];
    readonly annotations?: Readonly<Record<string, string>>;
  }): WireDescriptor;
  /** An artifact manifest; with a subject it is listed by the referrers API. */
  pushArtifact(artifact: ArtifactToPush): WireDescriptor;
  /** Adds to the fallback index `sha256-<hex>` of a subject, as a client does where there is no referrers API. */
  addToFallbackTag(repository: string, subject: Digest, referrer: WireDescriptor): void;
}

export function createPushes(content: Content): Pushes {
  const pushBlob: Pushes['pushBlob'] = (repository, bytes, mediaType = 'application/octet-stream') => {
    const digest = digestOf(bytes);
    content.repository(repository).blobs.set(digest, Buffer.from(bytes));
    return { mediaType, digest, size: bytes.length };
  };
  const pushManifest: Pushes['pushManifest'] = (repository, document, mediaType, tag) => {
    const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
    content.putManifest(repository, bytes, mediaType, tag ?? null);
    return { mediaType, digest: digestOf(bytes), size: bytes.length };
  };
  return {
    pushBlob,
    pushManifest,
    pushImage({ repository, tag, platform = 'linux/amd64', config = {}, layers, annotations }) {
      serial += 1;
      const given = layers ?? [Buffer.from(`layer ${serial} of ${repository}`)];
      const blobs = given.map((layer) => {
        const {
          bytes,
          mediaType,
          annotations: notes,
        } = layer instanceof Uint8Array ? { bytes: layer, mediaType: 'application/vnd.oci.image.layer.v1.tar', annotations: undefined } : layer;
        return { ...pushBlob(repository, bytes, mediaType), ...(notes === undefined ? {} : { annotations: notes }) };
      });
      const described = readPlatform(platform);
      const configuration = { ...described, rootfs: { type: 'layers', diff_ids: blobs.map((blob) => blob.digest) }, ...config };
      const configBlob = pushBlob(repository, Buffer.from(JSON.stringify(configuration)), configType);
      const manifest = { schemaVersion: 2, mediaType: manifestType, config: configBlob, layers: blobs, ...(annotations === undefined ? {} : { annotations }) };
      return { ...pushManifest(repository, manifest, manifestType, tag), platform: described, repository, imageId: configBlob.digest };
    },
    pushIndex({ repository, tag, images, annotations }) {
      const manifests = images.map(wire);
      return pushManifest(
        repository,
        { schemaVersion: 2, mediaType: indexType, manifests, ...(annotations === undefined ? {} : { annotations }) },
        indexType,
        tag,
      );
    },
    pushArtifact({ repository, artifactType, layers, annotations, subject, tag }) {
      const config = pushBlob(repository, Buffer.from('{}'), emptyType);
      const blobs = layers.map(({ bytes, mediaType, annotations: notes }) => ({
        ...pushBlob(repository, bytes, mediaType),
        ...(notes === undefined ? {} : { annotations: notes }),
      }));
      const manifest = {
        schemaVersion: 2,
        mediaType: manifestType,
        artifactType,
        config,
        layers: blobs,
        ...(subject === undefined ? {} : { subject: { mediaType: subject.mediaType, digest: subject.digest, size: subject.size } }),
        ...(annotations === undefined ? {} : { annotations }),
      };
      return { ...pushManifest(repository, manifest, manifestType, tag), artifactType, ...(annotations === undefined ? {} : { annotations }) };
    },
    addToFallbackTag(repository, subject, referrer) {
      const { algorithm, hex } = splitDigest(subject);
      const tag = `${algorithm}-${hex.slice(0, 64)}`;
      const before: unknown = JSON.parse(content.manifest(repository, tag)?.bytes.toString('utf8') ?? '{}');
      const manifests: unknown[] = isObject(before) && Array.isArray(before['manifests']) ? before['manifests'] : [];
      pushManifest(repository, { schemaVersion: 2, mediaType: indexType, manifests: [...manifests, wire(referrer)] }, indexType, tag);
    },
  };
}

function readPlatform(platform: string): { os: string; architecture: string; variant?: string } {
  const [os = 'linux', architecture = 'amd64', variant] = platform.split('/');
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Only what a descriptor has: pushed images carry more. */
function wire({ mediaType, digest, size, artifactType, annotations, platform }: WireDescriptor): WireDescriptor {
  return {
    mediaType,
    digest,
    size,
    ...(artifactType === undefined ? {} : { artifactType }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(platform === undefined ? {} : { platform }),
  };
}
