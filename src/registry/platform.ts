import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property } from '../domain/json.ts';
import { knownKeys, lookalikeKey } from '../domain/strictJson.ts';

const platformKeys = knownKeys('os', 'architecture', 'variant', 'os.version', 'os.features');

/** What containerd takes for a part of a platform's name; all else is nobody's, and Unicode folds to it in more ways than one. */
const part = /^[A-Za-z0-9_.-]{0,64}$/;
const mostFeatures = 16;

/**
 * The platform of an index's child, `os/architecture[/variant]` as it is written; null where none is named. A child for an operating
 * system other than Windows that asks for features is one for `os(+feature)`, as containerd writes it: a runtime without them passes it
 * over. Refused where runtimes differ in what they read: an architecture without an operating system is for containerd one for its own.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/image-index.md
 */
export function readPlatform(value: unknown): Outcome<string | null> {
  if (value === null) return good(null);
  if (!isObject(value)) return bad('MANIFEST_INVALID', 'with a platform that is no object');
  const lookalike = lookalikeKey(value, platformKeys);
  if (lookalike !== null) return bad('MANIFEST_INVALID', lookalike);
  const [os, architecture, variant] = [readPart(value, 'os'), readPart(value, 'architecture'), readPart(value, 'variant')];
  const features = readFeatures(value);
  if (os === null || architecture === null || variant === null || features === null) return bad('MANIFEST_INVALID', 'with a platform that nobody could name');
  if (architecture === '') return good(null);
  if (os === '') return bad('MANIFEST_INVALID', 'with a platform that names no operating system');
  const system = features.length > 0 && os.toLowerCase() !== 'windows' ? `${os}(+${features.join('+')})` : os;
  return good([system, architecture, variant].filter((one) => one !== '').join('/'));
}

/** Go reads null as if nothing was there. */
function readPart(platform: Readonly<Record<string, unknown>>, key: string): string | null {
  const value = property(platform, key) ?? '';
  return typeof value === 'string' && part.test(value) ? value : null;
}

function readFeatures(platform: Readonly<Record<string, unknown>>): readonly string[] | null {
  const value = property(platform, 'os.features') ?? [];
  if (!Array.isArray(value) || value.length > mostFeatures) return null;
  const items: readonly unknown[] = value;
  const features = items.filter((item): item is string => typeof item === 'string' && item !== '' && part.test(item));
  return features.length === items.length ? [...new Set(features)].sort() : null;
}
