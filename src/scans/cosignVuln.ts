import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { parseTime } from './time.ts';

/** https://github.com/sigstore/cosign/blob/v3.1.3/specs/COSIGN_VULN_ATTESTATION_SPEC.md */
export const vulnPredicateType = 'https://cosign.sigstore.dev/attestation/vuln/v1';

export interface VulnPredicate {
  /** The scanner's report, not yet looked at. */
  readonly report: unknown;
  /** The oldest time that the predicate claims for the scan, in milliseconds since the epoch; null when it claims none. */
  readonly scannedAt: number | null;
}

const time = z.string().max(64).nullish();
const predicate = z.object({
  scanner: z.object({ result: z.unknown() }),
  metadata: z.object({ scanStartedOn: time, scanFinishedOn: time }).nullish(),
});

/** Reads the predicate that `trivy --format cosign-vuln` makes. SCAN_INVALID when it is none. */
export function decodeVulnPredicate(value: unknown): Outcome<VulnPredicate> {
  const parsed = predicate.safeParse(value);
  if (!parsed.success || parsed.data.scanner.result === undefined) {
    return bad('SCAN_INVALID', 'the predicate has no scanner.result, or its times are no text');
  }
  const { scanStartedOn, scanFinishedOn } = parsed.data.metadata ?? {};
  const claimed = [scanStartedOn, scanFinishedOn].filter((entry) => typeof entry === 'string' && entry !== '').map((entry) => parseTime(entry ?? ''));
  const times = claimed.filter((entry) => entry !== null);
  if (times.length < claimed.length) return bad('SCAN_INVALID', 'the predicate has a scan time that is no time');
  return good({ report: parsed.data.scanner.result, scannedAt: times.length === 0 ? null : Math.min(...times) });
}
