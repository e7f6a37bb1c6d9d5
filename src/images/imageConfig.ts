import { type Digest, isDigest } from '../domain/digest.ts';
import type { PlatformImage } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text, textMap } from '../domain/json.ts';
import { type JsonBounds, knownKeys, lookalikeKey, readJson } from '../domain/strictJson.ts';

/** Bytes. */
export const longestConfig = 512 * 1024;

const imageTypes: ReadonlySet<string> = new Set(['application/vnd.oci.image.config.v1+json', 'application/vnd.docker.container.image.v1+json']);

/** Labels are the only keys that there may be many of. */
const bounds: JsonBounds = { depth: 32, keys: 1_000 };

const configKeys = knownKeys('created', 'author', 'architecture', 'os', 'os.version', 'os.features', 'variant', 'config', 'rootfs', 'history');
const innerKeys = knownKeys(
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'ArgsEscaped',
  'Healthcheck',
  'OnBuild',
  'Shell',
);

interface ImageConfig extends Pick<PlatformImage, 'created' | 'user' | 'labels'> {
  /** `os/architecture[/variant]`; null where it names none. */
  readonly platform: string | null;
  /** Digests of the layers when unpacked, in order; null where it is no image's configuration. */
  readonly diffIds: readonly Digest[] | null;
}

const nothingKnown: ImageConfig = { platform: null, created: null, user: null, labels: {}, diffIds: null };

/**
 * Reads the configuration of an image: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties. One that a runtime
 * might read otherwise, with a key twice or in another case, is refused. An image volume may be any artifact: of what is no image's
 * configuration by its media type, and can't be read as one, nothing is known, and policies see that. Messages begin behind `the
 * configuration of X`.
 */
export function readImageConfig(bytes: Uint8Array, mediaType: string): Outcome<ImageConfig> {
  const isImage = imageTypes.has(mediaType.toLowerCase());
  const read = readUnambiguous(bytes);
  if (!read.ok) return isImage ? bad('MANIFEST_INVALID', `is one ${read.fault.message}`) : good(nothingKnown);
  const config = read.value;
  const diffIds = readDiffIds(config, isImage);
  if (diffIds === null && isImage) return bad('MANIFEST_INVALID', 'is one whose rootfs.diff_ids is no list of digests');
  const inner = property(config, 'config');
  const named = [text(property(config, 'os')), text(property(config, 'architecture')), text(property(config, 'variant'))].filter(
    (part) => part !== null && part !== '',
  );
  return good({
    platform: named.length >= 2 ? named.join('/') : null,
    created: text(property(config, 'created')),
    user: text(property(inner, 'User')),
    labels: textMap(property(inner, 'Labels')),
    diffIds,
  });
}

/** null where they are not well formed, or are those of an artifact that has none. https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties, rootfs */
function readDiffIds(config: unknown, isImage: boolean): readonly Digest[] | null {
  const list = property(property(config, 'rootfs'), 'diff_ids') ?? (isImage ? [] : null);
  if (!Array.isArray(list)) return null;
  const digests = list.filter((entry: unknown): entry is Digest => typeof entry === 'string' && isDigest(entry));
  return digests.length === list.length ? digests : null;
}

function readUnambiguous(bytes: Uint8Array): Outcome<Readonly<Record<string, unknown>>> {
  const json = readJson(bytes, bounds);
  if (!json.ok) return json;
  if (!isObject(json.value)) return bad('MANIFEST_INVALID', 'that is no JSON object');
  const inner = json.value['config'];
  const lookalike = lookalikeKey(json.value, configKeys) ?? (isObject(inner) ? lookalikeKey(inner, innerKeys) : null);
  return lookalike === null ? good(json.value) : bad('MANIFEST_INVALID', lookalike);
}
