import type { AdmissionRequest, PatchOperation } from '../domain/admission.ts';
import { isObject, property, text } from '../domain/json.ts';
import type { Resolved } from '../domain/resolved.ts';
import type { ContainerImage } from '../domain/workload.ts';

/** Shows people what a Pod had before it was rewritten. Anybody can write it: it is never evidence. */
const writtenAnnotation = 'tidewaiter.dev/written';

const longestAnnotation = 16 * 1024;

/**
 * The JSON Patch (RFC 6902) that makes a Pod pull what was resolved. Only images that differ are touched, so a Pod that was patched
 * before gets an empty patch. Pull secrets are added on creation only: they can't be changed later.
 */
export function buildPatch(request: AdmissionRequest, placed: readonly { readonly image: ContainerImage; readonly resolved: Resolved }[]): PatchOperation[] {
  const rewritten = placed.filter(({ image, resolved }) => resolved.pinned && resolved.admitted !== image.written);
  if (rewritten.length === 0) return [];
  const operations: PatchOperation[] = rewritten.map(({ image, resolved }) => ({ op: 'replace', path: image.path, value: resolved.admitted }));
  // A subresource takes nothing but its own fields.
  if (request.subResource !== '') return operations;
  return [
    ...operations,
    ...(request.operation === 'CREATE'
      ? pullSecrets(
          request.object,
          rewritten.map(({ resolved }) => resolved),
        )
      : []),
    ...annotate(
      request.object,
      rewritten.map(({ image }) => image),
    ),
  ];
}

function pullSecrets(pod: unknown, resolved: readonly Resolved[]): PatchOperation[] {
  const present = property(property(pod, 'spec'), 'imagePullSecrets');
  const known = new Set(Array.isArray(present) ? present.map((entry) => text(property(entry, 'name'))) : []);
  const wanted = new Set(resolved.map(({ mirror }) => mirror?.pullSecret ?? null).filter((name) => name !== null && !known.has(name)));
  const missing = [...wanted].filter((name) => name !== null).map((name) => ({ name }));
  if (missing.length === 0) return [];
  if (!Array.isArray(present)) return [{ op: 'add', path: '/spec/imagePullSecrets', value: missing }];
  return missing.map((entry) => ({ op: 'add', path: '/spec/imagePullSecrets/-', value: entry }));
}

function annotate(pod: unknown, images: readonly ContainerImage[]): PatchOperation[] {
  const metadata = property(pod, 'metadata');
  if (!isObject(metadata)) return [];
  const annotations = property(metadata, 'annotations');
  const before = readWritten(text(property(annotations, writtenAnnotation)));
  const value = JSON.stringify({ ...before, ...Object.fromEntries(images.map((image) => [image.container, image.written])) });
  if (value.length > longestAnnotation) return [];
  if (!isObject(annotations)) return [{ op: 'add', path: '/metadata/annotations', value: { [writtenAnnotation]: value } }];
  return [{ op: 'add', path: `/metadata/annotations/${writtenAnnotation.replace('~', '~0').replace('/', '~1')}`, value }];
}

function readWritten(value: string | null): Readonly<Record<string, string>> {
  if (value === null || value.length > longestAnnotation) return {};
  try {
    const parsed: unknown = JSON.parse(value);
    return isObject(parsed) ? Object.fromEntries(Object.entries(parsed).filter((entry): entry is [string, string] => typeof entry[1] === 'string')) : {};
  } catch {
    return {};
  }
}
