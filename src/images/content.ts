import type { PlatformImage } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { PinnedReference, Repository } from '../domain/image.ts';
import type { Access, Manifest, Registry } from '../domain/registry.ts';
import { readPlatforms } from './platforms.ts';

/**
 * Reads an image's manifest and platforms from the first repository that can give them. Which one answers makes no difference: what is
 * asked for by digest is the same everywhere.
 */
export function createContentReader(registry: Registry) {
  return {
    async manifest(repositories: readonly Repository[], image: PinnedReference, access: Access, signal: AbortSignal): Promise<Outcome<Manifest>> {
      const manifest = await firstGood(repositories, (repository) => registry.manifest(repository, { digest: image.digest }, { signal, access }));
      // What is known of an image is kept for long, and nobody looks at its layers.
      return manifest.ok ? good({ ...manifest.value, layers: [], annotations: {} }) : manifest;
    },

    platforms(
      repositories: readonly Repository[],
      manifest: Manifest,
      wanted: readonly string[],
      access: Access,
      signal: AbortSignal,
    ): Promise<Outcome<readonly PlatformImage[]>> {
      const call = { signal, access };
      return firstGood(repositories, async (repository) => {
        // What is kept of an image is without its layers. They were read a moment ago, and mostly lie ready.
        const whole = manifest.kind === 'image' ? await registry.manifest(repository, { digest: manifest.digest }, call) : good(manifest);
        return whole.ok ? readPlatforms(registry, repository, whole.value, wanted, call) : whole;
      });
    },
  };
}

/** The first good outcome; the first fault where there is none, since the first repository is the one that people mean. */
async function firstGood<T>(repositories: readonly Repository[], read: (repository: Repository) => Promise<Outcome<T>>): Promise<Outcome<T>> {
  let first: Outcome<T> | null = null;
  for (const repository of repositories) {
    const outcome = await read(repository);
    if (outcome.ok) return outcome;
    first ??= outcome;
  }
  return first ?? bad('INTERNAL', 'no repository to read the image from');
}
