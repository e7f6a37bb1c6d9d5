import { type ScanFinding, type Severity, severities } from '../domain/evidence.ts';

/** Whose grade of a finding counts: the scanner's choice, NVD's, or the worst of all that are known. */
export const severitySources = ['reported', 'nvd', 'maximum'] as const;
export type SeveritySource = (typeof severitySources)[number];

/**
 * The grade that counts. UNKNOWN is no grade: NVD's gives way to the reported one, and the maximum is UNKNOWN only where nobody graded
 * the finding, so that a choice never makes a graded finding look harmless.
 */
export function gradeOf({ severity, severities: vendors }: ScanFinding, source: SeveritySource): Severity {
  if (source === 'reported') return severity;
  if (source === 'nvd') {
    const nvd = Object.hasOwn(vendors, 'nvd') ? vendors['nvd'] : undefined;
    return nvd === undefined || nvd === 'UNKNOWN' ? severity : nvd;
  }
  return Object.values(vendors).reduce(worse, severity);
}

function worse(a: Severity, b: Severity): Severity {
  return severities.indexOf(b) < severities.indexOf(a) ? b : a;
}
