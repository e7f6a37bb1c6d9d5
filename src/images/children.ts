import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Descriptor } from '../domain/registry.ts';
import { isFallback, isPlain, matchesPlatform, normalisePlatform } from './platformName.ts';

const mostPlatforms = 16;

/**
 * Chooses every child of an index that may run where one of the wanted platforms is: those that match, and what runtimes fall back to on
 * a machine that finds none plainly for itself. An index of which nobody can say what runs is a fault: runtimes differ in which of two
 * children of one platform they take, and take one without a platform where no other is for them.
 * https://github.com/containerd/containerd/blob/v2.3.3/core/images/image.go (Manifest)
 */
export function chooseChildren(children: readonly Descriptor[], wanted: readonly string[]): Outcome<readonly Descriptor[]> {
  const named = children.flatMap(({ platform }) => (platform === null ? [] : [platform]));
  if (!named.some((name) => wanted.some((platform) => matchesPlatform(platform, name)))) {
    const has = named.filter((name) => name !== 'unknown/unknown');
    return bad(
      'MANIFEST_INVALID',
      `the index has no image for ${wanted.join(' or ')}; it has ${has.length === 0 ? 'none with a platform' : has.slice(0, 10).join(', ')}`,
    );
  }
  const unsure = wanted.filter((platform) => !named.some((name) => isPlain(platform, name)));
  if (unsure.length > 0 && named.length < children.length) {
    return bad('MANIFEST_INVALID', `the index has an image without a platform, which a runtime may take for ${unsure.join(' or ')}`);
  }
  const chosen = new Map<string, Descriptor>();
  for (const child of children) {
    const { platform: name, digest } = child;
    if (name === null) continue;
    if (!wanted.some((platform) => matchesPlatform(platform, name)) && !unsure.some((platform) => isFallback(platform, name))) continue;
    // Of Windows, an index has an image for each version of the system; each is judged by itself.
    const key = name.toLowerCase().startsWith('windows/') ? `${normalisePlatform(name)} ${digest}` : normalisePlatform(name);
    const other = chosen.get(key);
    if (other !== undefined && other.digest !== digest) {
      return bad('MANIFEST_INVALID', `the index has two different images for ${normalisePlatform(name)}, and runtimes differ in which they run`);
    }
    if (other === undefined) chosen.set(key, child);
  }
  if (chosen.size > mostPlatforms) return bad('LIMIT_EXCEEDED', `more than ${mostPlatforms} images of the index match the platforms that matter`);
  return good([...chosen.values()]);
}
