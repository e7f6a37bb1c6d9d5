import type { Evidence, StageFault } from '../domain/evidence.ts';
import { type Fault, publicFault } from '../domain/fault.ts';

/** Evidence that says only why there is none: for an image that could not be resolved. */
export function unresolved(faults: readonly Fault[]): Evidence {
  return {
    platforms: [],
    signatures: [],
    attestations: [],
    scans: [],
    rejected: [],
    faults: faults.map((f) => ({ stage: 'resolve', source: 'registry', ...publicFault(f) })),
    lastKnownGood: [],
    dark: ['resolve'],
  };
}

/** The evidence with faults of resolving beside it, which did not keep it from being gathered. */
export function withFaults(evidence: Evidence, faults: readonly Fault[]): Evidence {
  if (faults.length === 0) return evidence;
  return { ...evidence, faults: [...faults.map((f): StageFault => ({ stage: 'resolve', source: 'registry', ...publicFault(f) })), ...evidence.faults] };
}

/**
 * Whether a registry would not give an image to whoever asked. Many say that it does not exist instead of that it is not for them; the
 * stage keeps apart what is only missing beside an image.
 */
export function isRefused(faults: readonly (Fault | StageFault)[]): boolean {
  return faults.some((f) => (f.code === 'REGISTRY_UNAUTHORIZED' || f.code === 'MANIFEST_UNKNOWN') && (!('stage' in f) || f.stage === 'resolve'));
}
