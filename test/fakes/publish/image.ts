import { gzipSync } from 'node:zlib';
import type { Digest } from '../../../src/domain/digest.ts';
import { digestOf, ociIndex, ociManifest, type Place, pushBlob, pushManifest, type RegistryDescriptor } from './push.ts';

export interface ImageOptions extends Place {
  /** Without one the image is known by its digest only. */
  readonly tag?: string;
  /** `os/architecture[/variant]`. More than one makes an index; none an image for linux/amd64. */
  readonly platforms?: readonly string[];
  /** Makes an index even of one platform. */
  readonly index?: boolean;
  readonly labels?: Readonly<Record<string, string>>;
  readonly user?: string;
  /** RFC 3339. */
  readonly created?: string;
  /** What the one file of its one layer says: two images that should differ need different ones. */
  readonly content?: string;
}

export interface PublishedImage {
  readonly place: Place;
  readonly tag: string | null;
  /** What a reference pins: of the index, or of the only manifest. */
  readonly digest: Digest;
  readonly descriptor: RegistryDescriptor;
  /** Config digest of the first platform: what a Trivy report's ImageID says. */
  readonly imageId: Digest;
  readonly platforms: readonly { readonly platform: string; readonly digest: Digest; readonly imageId: Digest; readonly descriptor: RegistryDescriptor }[];
}

/** Pushes an image of one small file. */
export async function publishImage(options: ImageOptions): Promise<PublishedImage> {
  const names = options.platforms ?? ['linux/amd64'];
  const asIndex = options.index ?? names.length > 1;
  const platforms = [];
  for (const platform of names) platforms.push(await publishPlatform(options, platform, asIndex));
  const [first] = platforms;
  if (first === undefined) throw new Error('an image needs a platform');
  const descriptor = asIndex
    ? await pushManifest(options, { schemaVersion: 2, mediaType: ociIndex, manifests: platforms.map((each) => each.descriptor) }, ociIndex, options.tag)
    : first.descriptor;
  return { place: options, tag: options.tag ?? null, digest: descriptor.digest, descriptor, imageId: first.imageId, platforms };
}

async function publishPlatform(options: ImageOptions, name: string, asChild: boolean): Promise<PublishedImage['platforms'][number]> {
  const [os = 'linux', architecture = 'amd64', variant] = name.split('/');
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const tar = tarOf('content.txt', Buffer.from(options.content ?? `${options.repository} for ${name}\n`));
  const layer = await pushBlob(options, gzipSync(tar), 'application/vnd.oci.image.layer.v1.tar+gzip');
  const configuration = {
    created: options.created ?? '2026-11-01T00:00:00Z',
    ...platform,
    config: { User: options.user ?? '65532', Labels: options.labels ?? {} },
    rootfs: { type: 'layers', diff_ids: [digestOf(tar)] },
  };
  const config = await pushBlob(options, Buffer.from(JSON.stringify(configuration)), 'application/vnd.oci.image.config.v1+json');
  const manifest = { schemaVersion: 2, mediaType: ociManifest, config, layers: [layer] };
  const descriptor = await pushManifest(options, manifest, ociManifest, asChild ? undefined : options.tag);
  return { platform: name, digest: descriptor.digest, imageId: config.digest, descriptor: { ...descriptor, platform } };
}

/** A ustar archive of one file (POSIX.1-1988). */
function tarOf(name: string, content: Uint8Array): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write('0000644\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write('0', 156);
  header.write('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]);
}
