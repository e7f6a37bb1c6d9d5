import type { ScanKind } from './kind.ts';
import { trivyAttestation } from './trivyAttestation.ts';
import { trivyDirectory } from './trivyDirectory.ts';

export type { ScanKind, ScanParts, ScanSource } from './kind.ts';

/** Every way to come by scan results. A new one is a new file here and a line below. */
export const scanKinds = {
  'trivy-attestation': trivyAttestation,
  'trivy-directory': trivyDirectory,
} satisfies Record<string, ScanKind>;
