import type { FaultCode } from './fault.ts';

export type Effect = 'deny' | 'warn';

/** One thing a policy, or the host, has to say. */
export interface Finding {
  /** The policy's name, or `tidewaiter` for the host's own rules. */
  readonly policy: string;
  readonly id: string | null;
  readonly effect: Effect;
  readonly msg: string;
  readonly severity: string | null;
  readonly container: string | null;
  readonly cves: readonly string[];
  readonly remediation: string | null;
  /** The fault it rests on, for the host's own findings. */
  readonly code: FaultCode | null;
}

/** The host's name where a finding is not a policy's. */
export const hostPolicy = 'tidewaiter';
