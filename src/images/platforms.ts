import type { Digest } from '../domain/digest.ts';
import type { PlatformImage } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import type { Repository } from '../domain/image.ts';
import { repositoryName } from '../domain/image.ts';
import { property, text, textMap } from '../domain/json.ts';
import type { Call, Descriptor, Manifest, Registry } from '../domain/registry.ts';

const longestConfig = 1024 * 1024;
const mostPlatforms = 16;

/**
 * Reads the platforms of an image that may run here: of an index, the children that match; of a plain image, itself. A platform that
 * matters and could not be read is a fault, never left out in silence.
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
  const children = manifest.manifests.filter((child) => child.platform !== null && wanted.some((platform) => matchesPlatform(platform, child.platform ?? '')));
  if (children.length === 0) {
    const has = manifest.manifests.map((child) => child.platform).filter((platform) => platform !== null && platform !== 'unknown/unknown');
    return bad(
      'MANIFEST_INVALID',
      `the index has no image for ${wanted.join(' or ')}; it has ${has.length === 0 ? 'none with a platform' : has.slice(0, 10).join(', ')}`,
    );
  }
  if (children.length > mostPlatforms) return bad('LIMIT_EXCEEDED', `more than ${mostPlatforms} images of the index match the platforms that matter`);
  const read = await Promise.all(children.map((child) => readChild(registry, repository, child, call)));
  const failed = read.map((outcome) => (outcome.ok ? null : outcome.fault)).find((f): f is Fault => f !== null);
  if (failed !== undefined) return { ok: false, fault: failed };
  return good(read.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])));
}

/** Whether a platform is the wanted one: a wanted platform without a variant takes every variant. */
function matchesPlatform(wanted: string, platform: string): boolean {
  return platform === wanted || (wanted.split('/').length === 2 && platform.startsWith(`${wanted}/`));
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
  return good(describePlatform(manifest.digest, config.digest, platform, bytes.value));
}

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties; an artifact's configuration may say nothing. */
function describePlatform(digest: Digest, imageId: Digest, platform: string | null, bytes: Uint8Array): PlatformImage {
  const config = parseConfig(bytes);
  const inner = property(config, 'config');
  const named = [text(property(config, 'os')), text(property(config, 'architecture')), text(property(config, 'variant'))].filter(
    (part) => part !== null && part !== '',
  );
  return {
    platform: platform ?? (named.length >= 2 ? named.join('/') : 'unknown'),
    digest,
    imageId,
    created: text(property(config, 'created')),
    user: text(property(inner, 'User')),
    labels: textMap(property(inner, 'Labels')),
  };
}

function parseConfig(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // An image volume may be any artifact: its configuration need not be JSON. Then nothing is known of it, and policies see that.
    return null;
  }
}
