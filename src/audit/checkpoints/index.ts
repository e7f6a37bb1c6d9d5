import { folder } from './folder.ts';
import type { CopyKind } from './kind.ts';
import { oci } from './oci.ts';

export type { CheckpointCopy, CopyKind } from './kind.ts';

/** Every kind of place that checkpoints can be copied to. A new one is a new file here and a line below. */
export const copyKinds = { folder, oci } satisfies Record<string, CopyKind>;
