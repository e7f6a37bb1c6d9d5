import { createHash } from 'node:crypto';
import type { Digest } from '../../../src/domain/digest.ts';
import { isObject } from '../../../src/domain/json.ts';

export interface StoredManifest {
  readonly bytes: Buffer;
  readonly mediaType: string;
}

export interface StoredRepository {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, StoredManifest>;
  readonly tags: Map<string, string>;
}

/** What a registry holds, by repository. */
export interface Content {
  /** Null where nothing was ever pushed. */
  find(name: string): StoredRepository | null;
  /** Made on first use. */
  repository(name: string): StoredRepository;
  manifest(name: string, reference: string): (StoredManifest & { readonly digest: string }) | null;
  /** Keeps a manifest under its SHA-256 digest (or the digest it is put by) and, where one is given, under a tag. */
  putManifest(name: string, bytes: Buffer, mediaType: string, tag: string | null, digest?: string): string;
  /** Descriptors of the manifests whose subject is a digest. */
  referrers(name: string, subject: string): Record<string, unknown>[];
}

export function digestOf(bytes: Uint8Array, algorithm: 'sha256' | 'sha512' = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export function createContent(): Content {
  const repositories = new Map<string, StoredRepository>();
  const repository = (name: string): StoredRepository => {
    const known = repositories.get(name);
    if (known !== undefined) return known;
    const made = { blobs: new Map(), manifests: new Map(), tags: new Map() };
    repositories.set(name, made);
    return made;
  };
  return {
    find: (name) => repositories.get(name) ?? null,
    repository,
    manifest(name, reference) {
      const found = repositories.get(name);
      const digest = reference.includes(':') ? reference : found?.tags.get(reference);
      const stored = digest === undefined ? undefined : found?.manifests.get(digest);
      return stored === undefined || digest === undefined ? null : { ...stored, digest };
    },
    putManifest(name, bytes, mediaType, tag, digest = digestOf(bytes)) {
      const into = repository(name);
      into.manifests.set(digest, { bytes, mediaType });
      if (tag !== null) into.tags.set(tag, digest);
      return digest;
    },
    referrers(name, subject) {
      const found: Record<string, unknown>[] = [];
      for (const [digest, { bytes, mediaType }] of repositories.get(name)?.manifests ?? []) {
        const manifest = parse(bytes);
        if (!isObject(manifest['subject']) || manifest['subject']['digest'] !== subject) continue;
        const config = isObject(manifest['config']) ? manifest['config']['mediaType'] : undefined;
        found.push({
          mediaType,
          digest,
          size: bytes.length,
          artifactType: manifest['artifactType'] ?? config,
          ...(manifest['annotations'] === undefined ? {} : { annotations: manifest['annotations'] }),
        });
      }
      return found;
    },
  };
}

function parse(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
