import { isAbsolute, relative, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { Path } from '../config/fault.ts';
import { readBounded } from '../config/files.ts';
import { type Position, readYaml, type YamlDocument } from '../config/yaml.ts';
import { isObject, property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { workloadKinds } from '../domain/workload.ts';
import type { Io } from './io.ts';

/** One Kubernetes object of a manifest. */
export interface ManifestObject {
  /** The file as it was named; `-` is standard input. */
  readonly file: string;
  /** `apiVersion/Kind`. */
  readonly kind: string;
  readonly value: Readonly<Record<string, unknown>>;
  readonly position: Position;
  /** Position of what a JSON Pointer (RFC 6901) into the object names. */
  locate(pointer: string): Position;
}

/** Something in a manifest that can't be judged. */
export interface ManifestFault {
  readonly file: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

export interface Manifests {
  readonly objects: readonly ManifestObject[];
  readonly faults: readonly ManifestFault[];
}

const longestManifest = 4 * 1024 * 1024;
const mostObjects = 2000;

/** Reads manifests of one or many objects, YAML or JSON, lists unfolded. What can't be read is a fault, one a file; the rest is still there. */
export async function readManifests(files: readonly string[], io: Io): Promise<Manifests> {
  const objects: ManifestObject[] = [];
  const faults: ManifestFault[] = [];
  for (const given of files) {
    const file = nameIn(io.cwd, given);
    const content = file === '-' ? await readStream(io.stdin) : await readText(resolve(io.cwd, file));
    if (typeof content !== 'string') {
      faults.push({ file, line: null, column: null, message: content.message });
      continue;
    }
    const read = parseManifest(content, file);
    objects.push(...read.objects);
    const [first] = read.faults;
    if (first !== undefined) faults.push({ ...first, message: `${first.message}${moreOf(read.faults.length - 1)}${hintFor(content)}` });
  }
  if (objects.length > 0 || faults.length > 0) return { objects, faults };
  // Nothing looked at must not pass for nothing found.
  return { objects, faults: files.map((given) => ({ file: nameIn(io.cwd, given), line: null, column: null, message: 'there is no object in it' })) };
}

/** As it was named, but relative where it stands in the working directory: code hosts find it in their checkout by that. */
function nameIn(cwd: string, file: string): string {
  if (!isAbsolute(file)) return file;
  const below = relative(cwd, file);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? file : below;
}

function moreOf(others: number): string {
  return others === 0 ? '' : ` (and ${others} more in this file)`;
}

function hintFor(content: string): string {
  return content.includes('{{') ? '; it looks like a Helm template: helm template CHART | tidewaiter check -' : '';
}

/** The objects in the text of one manifest. */
export function parseManifest(content: string, file: string): Manifests {
  const { documents, faults } = readYaml(content, { documents: mostObjects, merge: true });
  const objects: ManifestObject[] = [];
  const found: ManifestFault[] = faults.map((fault) => ({ file, ...fault }));
  for (const document of documents) {
    if (document.value === null || document.value === undefined) continue;
    for (const read of unfold(document, document.value, [], null)) {
      if ('message' in read) found.push({ file, ...document.locate(read.path), message: read.message });
      else objects.push(toObject(document, read, file));
    }
  }
  if (objects.length <= mostObjects) return { objects, faults: found };
  return { objects: [], faults: [...found, { file, line: null, column: null, message: `there are more than ${mostObjects} objects` }] };
}

interface Found {
  readonly value: Readonly<Record<string, unknown>>;
  readonly kind: string;
  readonly path: Path;
}

function unfold(
  document: YamlDocument,
  value: unknown,
  path: Path,
  inherited: { apiVersion: string; kind: string } | null,
): (Found | { path: Path; message: string })[] {
  const apiVersion = text(property(value, 'apiVersion')) ?? inherited?.apiVersion;
  const kind = text(property(value, 'kind')) ?? inherited?.kind;
  if (!isObject(value)) return [{ path, message: 'this is no Kubernetes object' }];
  if (apiVersion === undefined || kind === undefined) return [{ path, message: 'a Kubernetes object has apiVersion and kind' }];
  const items = property(value, 'items');
  if (kind.endsWith('List') && Array.isArray(items)) {
    // Items of a typed list (PodList) may leave out what the list says.
    const typed = kind === 'List' ? null : { apiVersion, kind: kind.slice(0, -'List'.length) };
    if (path.length > 4) return [{ path, message: 'lists are nested too deep' }];
    return items.flatMap((item, i) => unfold(document, item, [...path, 'items', i], typed));
  }
  const full = `${apiVersion}/${kind}`;
  const known = workloadKinds.find((other) => other.endsWith(`/${kind}`));
  // An old group would go unjudged without a word, though the author means a workload.
  if (known !== undefined && known !== full && /^(apps|batch|extensions|v1)(\/|$)/.test(apiVersion)) {
    return [{ path, message: `${safeText(kind, 60)} is judged as ${known}, not as ${safeText(full, 100)}` }];
  }
  return [{ value, kind: full, path }];
}

function toObject(document: YamlDocument, { value, kind, path }: Found, file: string): ManifestObject {
  return {
    file,
    kind,
    value,
    position: document.locate(path),
    locate: (pointer) => document.locate([...path, ...pointerPath(pointer)]),
  };
}

function pointerPath(pointer: string): Path {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((step) => (/^[0-9]{1,6}$/.test(step) ? Number(step) : step));
}

async function readText(path: string): Promise<string | { message: string }> {
  const read = await readBounded(path, longestManifest);
  return read.ok ? decode(read.value) : { message: read.fault.message };
}

async function readStream(stream: Readable): Promise<string | { message: string }> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream) {
      const bytes = Buffer.from(chunk);
      length += bytes.length;
      if (length > longestManifest) return { message: `it is longer than ${longestManifest} bytes` };
      chunks.push(bytes);
    }
  } catch {
    return { message: 'it can not be read' };
  }
  return decode(Buffer.concat(chunks));
}

function decode(bytes: Uint8Array): string | { message: string } {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { message: 'it is not UTF-8 text' };
  }
}
