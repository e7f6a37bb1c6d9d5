import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { PlatformImage, Subject } from '../domain/evidence.ts';
import { parseReference, repositoryName } from '../domain/image.ts';

/** What a report says of the content it was made from, beside the image ID. Hashes are as in `Rootfs`; null, or none, where it does not say. */
export interface ReportedContent {
  /** Of the layers as they were pulled. */
  readonly layers: string | null;
  /** Of the layers as they were unpacked, at each place where the report lists them. */
  readonly diffIds: readonly string[];
  /** `repository@digest` of what was scanned: an index, or a manifest. */
  readonly repoDigests: readonly string[];
}

export const nothingReported: ReportedContent = { layers: null, diffIds: [], repoDigests: [] };

const line = z.string().max(4096);
const lines = z.array(line).max(10_000);

/** Those fields of Trivy's `Metadata`: https://github.com/aquasecurity/trivy/blob/v0.74.0/pkg/types/report.go */
export const contentFields = {
  DiffIDs: lines.nullish(),
  RepoDigests: lines.nullish(),
  Layers: z
    .array(z.object({ Digest: line.nullish(), DiffID: line.nullish() }))
    .max(10_000)
    .nullish(),
};
export const rootfsField = z.object({ diff_ids: lines.nullish() }).nullish();

type Metadata = z.infer<z.ZodObject<typeof contentFields>> & { readonly ImageConfig?: { readonly rootfs?: z.infer<typeof rootfsField> } | null | undefined };

export function readReportedContent({ DiffIDs, RepoDigests, Layers, ImageConfig }: Metadata): ReportedContent {
  const layers = Layers ?? [];
  const unpacked = [DiffIDs ?? [], ImageConfig?.rootfs?.diff_ids ?? [], layers.flatMap(({ DiffID }) => DiffID || [])];
  const pulled = layers.flatMap(({ Digest }) => Digest || []);
  return {
    // Trivy names no digest of a layer that lay unpacked where it was scanned.
    layers: pulled.length > 0 && pulled.length === layers.length ? hashOf(pulled) : null,
    diffIds: [...new Set(unpacked.filter((list) => list.length > 0).map(hashOf))],
    repoDigests: RepoDigests ?? [],
  };
}

/**
 * Why a report that has the image's ID is about other content all the same; null where nothing it says speaks against it. The image ID
 * is the digest of the configuration alone: another manifest can name the same configuration, and other layers.
 */
export function findDifference({ layers, diffIds, repoDigests }: ReportedContent, image: PlatformImage, subject: Subject): string | null {
  if (diffIds.some((hash) => hash !== image.rootfs?.diffIds)) return 'the report has the image ID, but its DiffIDs are not those of the configuration';
  if (layers !== null) {
    // All that can run is named by these and by the configuration: under which name it was scanned makes no difference.
    return layers === image.rootfs?.layers ? null : 'the report has the image ID, but was made from other layers than this manifest has';
  }
  const names = new Set([subject.image, ...subject.repositories].map(repositoryName));
  const digests = repoDigests.flatMap((text) => {
    const parsed = parseReference(text);
    return parsed.ok && names.has(repositoryName(parsed.value)) ? [parsed.value.digest] : [];
  });
  if (digests.length === 0 || digests.some((digest) => digest === image.digest || digest === subject.image.digest)) return null;
  return 'the report has the image ID, but was made from another manifest of this repository';
}

function hashOf(digests: readonly string[]): string {
  return createHash('sha256').update(digests.join(' ')).digest('hex');
}
