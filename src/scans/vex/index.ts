import { vexAttestation } from './attestation.ts';
import { vexFolder } from './folder.ts';
import type { VexKind } from './kind.ts';

export type { VexKind, VexSource } from './kind.ts';

/** Every way to come by VEX statements. A new one is a new file here and a line below. */
export const vexKinds = { folder: vexFolder, attestation: vexAttestation } satisfies Record<string, VexKind>;
