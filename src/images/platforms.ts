import { createHash } from 'node:crypto';
import type { Digest } from '../domain/digest.ts';
import type { PlatformImage, Rootfs } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import type { Repository } from '../domain/image.ts';
import { repositoryName } from '../domain/image.ts';
import type { Call, Descriptor, Manifest, Registry } from '../domain/registry.ts';
import { chooseChildren } from './children.ts';
import { longestConfig, readImageConfig } from './imageConfig.ts';

/**
 * Reads the platforms of an image that may run here: of an index, the children that match; of a plain image, itself. A platform that
 * matters and could not be read is a fault, never left out in silence.
 *
 * @param manifest With its layers.
 */
export async function readPlatforms(
  registry: Registry,
  repository: Repository,
  manifest: Manifest,
  wanted: readonly string[],
  call: Call,
): Promise<Outcome<readonly PlatformImage[]>> {
  if (manifest.kind === 'image') {
    const platform = await readPlatform(registry, repository, manifest, null, call);
    return platform.ok ? good([platform.value]) : platform;
  }
  const children = chooseChildren(manifest.manifests, wanted);
  if (!children.ok) return children;
  const read = await Promise.all(children.value.map((child) => readChild(registry, repository, child, call)));
  const failed = read.map((outcome) => (outcome.ok ? null : outcome.fault)).find((f): f is Fault => f !== null);
  if (failed !== undefined) return { ok: false, fault: failed };
  return good(read.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])));
}

async function readChild(registry: Registry, repository: Repository, child: Descriptor, call: Call): Promise<Outcome<PlatformImage>> {
  const manifest = await registry.manifest(repository, { digest: child.digest }, call);
  return manifest.ok ? readPlatform(registry, repository, manifest.value, child.platform, call) : manifest;
}

async function readPlatform(
  registry: Registry,
  repository: Repository,
  manifest: Manifest,
  platform: string | null,
  call: Call,
): Promise<Outcome<PlatformImage>> {
  const config = manifest.config;
  if (config === null) return bad('MANIFEST_INVALID', `${repositoryName(repository)}@${manifest.digest} is an index where an image was expected`);
  const bytes = await registry.blob(repository, config, longestConfig, call);
  if (!bytes.ok) return bytes;
  const read = readImageConfig(bytes.value, config.mediaType);
  if (!read.ok) return bad(read.fault.code, `the configuration of ${repositoryName(repository)}@${manifest.digest} ${read.fault.message}`);
  const { platform: configured, diffIds, ...described } = read.value;
  // Evidence is bound to what the configuration names; runtimes refuse the rest too: https://github.com/containerd/containerd/blob/v2.3.3/core/unpack/unpacker.go
  if (diffIds !== null && diffIds.length !== manifest.layers.length) {
    const [has, names] = [manifest.layers.length, diffIds.length];
    return bad(
      'MANIFEST_INVALID',
      `${repositoryName(repository)}@${manifest.digest} has ${has} layers, and its configuration names ${names}: no runtime unpacks it`,
    );
  }
  const rootfs: Rootfs | null = diffIds === null ? null : { layers: hashOf(manifest.layers.map(({ digest }) => digest)), diffIds: hashOf(diffIds) };
  return good({
    platform: platform ?? configured ?? 'unknown',
    digest: manifest.digest,
    imageId: config.digest,
    ...described,
    annotations: manifest.annotations,
    rootfs,
  });
}

function hashOf(digests: readonly Digest[]): string {
  return createHash('sha256').update(digests.join(' ')).digest('hex');
}
