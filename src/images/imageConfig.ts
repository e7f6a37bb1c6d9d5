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
}

const nothingKnown: ImageConfig = { platform: null, created: null, user: null, labels: {} };

/**
 * Reads the configuration of an image: https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties. One that a runtime
 * might read otherwise, with a key twice or in another case, is refused. An image volume may be any artifact: of what is no image's
 * configuration by its media type, and can't be read as one, nothing is known, and policies see that. Messages begin behind `the
 * configuration of X`.
 */
export function readImageConfig(bytes: Uint8Array, mediaType: string): Outcome<ImageConfig> {
  const read = readUnambiguous(bytes);
  if (!read.ok) return imageTypes.has(mediaType.toLowerCase()) ? bad('MANIFEST_INVALID', `is one ${read.fault.message}`) : good(nothingKnown);
  const config = read.value;
  const inner = property(config, 'config');
  const named = [text(property(config, 'os')), text(property(config, 'architecture')), text(property(config, 'variant'))].filter(
    (part) => part !== null && part !== '',
  );
  return good({
    platform: named.length >= 2 ? named.join('/') : null,
    created: text(property(config, 'created')),
    user: text(property(inner, 'User')),
    labels: textMap(property(inner, 'Labels')),
  });
}

function readUnambiguous(bytes: Uint8Array): Outcome<Readonly<Record<string, unknown>>> {
  const json = readJson(bytes, bounds);
  if (!json.ok) return json;
  if (!isObject(json.value)) return bad('MANIFEST_INVALID', 'that is no JSON object');
  const inner = json.value['config'];
  const lookalike = lookalikeKey(json.value, configKeys) ?? (isObject(inner) ? lookalikeKey(inner, innerKeys) : null);
  return lookalike === null ? good(json.value) : bad('MANIFEST_INVALID', lookalike);
}
