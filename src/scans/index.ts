import { harbor } from './harbor.ts';
import type { ScanKind } from './kind.ts';
import { referrer } from './referrer.ts';
import { trivy } from './trivy.ts';
import { trivyAttestation } from './trivyAttestation.ts';
import { trivyDirectory } from './trivyDirectory.ts';
import { trivyOperator } from './trivyOperator.ts';

export { openIgnoreRules } from './ignore.ts';
export type { ObjectReader, ScanCluster, ScanKind, ScanParts, ScanSource } from './kind.ts';
export { refine } from './refine.ts';
export { severitySources } from './severity.ts';
export { type VexKind, type VexSource, vexKinds } from './vex/index.ts';

/** Every way to come by scan results. A new one is a new file here and a line below. */
export const scanKinds = {
  harbor,
  trivy,
  'trivy-operator': trivyOperator,
  'trivy-attestation': trivyAttestation,
  'trivy-directory': trivyDirectory,
  referrer,
} satisfies Record<string, ScanKind>;
