import type { AdmissionRequest } from './admission.ts';
import type { Deadline } from './deadline.ts';
import type { Fault } from './fault.ts';
import { type Access, ownAccess } from './registry.ts';
import type { Workload } from './workload.ts';

/** With whose right an image may be read for a Pod. */
export interface ImageRights {
  /** In the order in which they are tried until a registry does not refuse. */
  readonly accesses: readonly [Access, ...Access[]];
  /** What kept others from being found: worth telling where all are refused. */
  readonly faults: readonly Fault[];
}

/** The right of the configuration alone. */
export const ownRights: ImageRights = { accesses: [ownAccess], faults: [] };

/** On whose behalf an image is read. The namespace is the request's: an object can claim any. */
export interface Puller {
  readonly namespace: AdmissionRequest['namespace'];
  readonly workload: Workload;
}

/** Finds the credentials that the kubelet would pull an image with. */
export interface RightsFinder {
  /** `place`: as it is written, on its way to a mirror; `identify`: as it is going to be pulled. */
  find(written: string, how: 'place' | 'identify', puller: Puller, deadline: Deadline): Promise<ImageRights> | ImageRights;
}
