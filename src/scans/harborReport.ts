import { z } from 'zod';
import { type Digest, isDigest, parseDigest } from '../domain/digest.ts';
import type { ScanFinding, Severity } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property } from '../domain/json.ts';
import { cutText, longestText } from './cutText.ts';
import { parseTime } from './time.ts';
import { countOpen, mostFindings, type TrivyReport } from './trivyReport.ts';

/** https://github.com/goharbor/harbor/blob/main/src/pkg/scan/rest/v1/models.go: the forms that a scanner's report may have. */
export const reportTypes = [
  'application/vnd.security.vulnerability.report; version=1.1',
  'application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0',
] as const;

/** How far the scan of an artifact is. */
export interface ScanProgress {
  readonly digest: Digest;
  /** `null`: it was never scanned. */
  readonly status: 'Success' | 'Running' | 'Pending' | 'Scheduled' | 'Error' | 'Stopped' | null;
  /** Of the parts of an index, in percent; null where Harbor does not say. */
  readonly complete: number | null;
  /** Milliseconds since the epoch; null where Harbor does not say. */
  readonly endedAt: number | null;
}

/** What Harbor's report says; what it is about is known by what was asked. */
export type HarborReport = Omit<TrivyReport, 'imageId' | 'platform' | 'content'>;

const text = z.string().max(longestText);
const shown = z.string().transform(cutText);
const artifact = z.object({ digest: text, scan_overview: z.unknown().optional() });
const overview = z.object({
  scan_status: z.enum(['Success', 'Running', 'Pending', 'Scheduled', 'Error', 'Stopped']),
  complete_percent: z.number().nullish(),
  end_time: text.nullish(),
});

/** Reads an artifact asked for `with_scan_overview`. https://github.com/goharbor/harbor/blob/main/api/v2.0/swagger.yaml, Artifact */
export function readArtifact(value: unknown): Outcome<ScanProgress> {
  const parsed = artifact.safeParse(value);
  if (!parsed.success || !isDigest(parsed.data.digest)) return bad('RESPONSE_INVALID', 'Harbor answered with no artifact');
  const digest = parseDigest(parsed.data.digest);
  if (!digest.ok) return digest;
  const found = pick(parsed.data.scan_overview);
  if (found === undefined) return good({ digest: digest.value, status: null, complete: null, endedAt: null });
  const read = overview.safeParse(found);
  if (!read.success) return bad('RESPONSE_INVALID', 'Harbor answered with a scan status that is not known');
  const { scan_status: status, complete_percent: complete, end_time: ended } = read.data;
  return good({ digest: digest.value, status, complete: complete ?? null, endedAt: parseTime(ended ?? '') });
}

const item = z.object({
  id: text.min(1),
  package: text.min(1),
  version: shown.nullish(),
  fix_version: shown.nullish(),
  severity: text.nullish(),
  status: shown.nullish(),
  artifact_digest: text.nullish(),
});
const report = z.object({
  generated_at: text,
  scanner: z.object({ name: shown.nullish(), version: shown.nullish() }).nullish(),
  vulnerabilities: z.array(item).max(mostFindings).nullish(),
});

/**
 * Reads the answer of the vulnerabilities addition, which is keyed by media type; null: there is no report (`{}`). Harbor does not say
 * which packages were looked at: what else its scanner could not recognise is its own to tell.
 * https://github.com/goharbor/harbor/blob/main/src/pkg/scan/vuln/report.go
 */
export function readHarborReport(value: unknown, digest: Digest): Outcome<HarborReport | null> {
  if (!isObject(value)) return bad('RESPONSE_INVALID', 'Harbor answered with no scan report');
  const found = pick(value);
  if (found === undefined || found === null)
    return Object.keys(value).length === 0 ? good(null) : bad('SCAN_INVALID', 'the report is in no form that is known');
  const list = property(found, 'vulnerabilities');
  if (Array.isArray(list) && list.length > mostFindings) return bad('SCAN_INVALID', `the report has more than ${mostFindings} findings`);
  const parsed = report.safeParse(found);
  if (!parsed.success) return bad('SCAN_INVALID', 'the report is not as Harbor writes it');
  const { generated_at: generated, scanner, vulnerabilities } = parsed.data;
  const scannedAt = parseTime(generated);
  if (scannedAt === null) return bad('SCAN_INVALID', 'the report has no generated_at that is a time');
  // Asked for one platform's own manifest, so that all findings are of it.
  if (vulnerabilities?.some(({ artifact_digest: about }) => about && about !== digest)) return bad('SCAN_INVALID', 'the report has findings of other content');
  const findings = (vulnerabilities ?? []).map(toFinding);
  return good({
    scannedAt,
    databaseUpdatedAt: null,
    scanner: `${(scanner?.name || 'unknown scanner').toLowerCase()} ${scanner?.version || '(version unknown)'}`,
    endOfLife: null,
    inconclusive: null,
    counts: countOpen(findings),
    findings,
  });
}

/** The value under the first media type that is known. */
function pick(byType: unknown): unknown {
  return reportTypes.map((type) => property(byType, type)).find((value) => value !== undefined);
}

/** https://github.com/goharbor/harbor/blob/main/src/pkg/scan/vuln/severity.go */
const grades: ReadonlyMap<string, Severity> = new Map([
  ['Critical', 'CRITICAL'],
  ['High', 'HIGH'],
  ['Medium', 'MEDIUM'],
  ['Low', 'LOW'],
  ['Negligible', 'LOW'],
]);

function toFinding(entry: z.infer<typeof item>): ScanFinding {
  return {
    id: entry.id,
    package: entry.package,
    purl: null,
    installed: entry.version ?? '',
    fixed: entry.fix_version || null,
    severity: grades.get(entry.severity ?? '') ?? 'UNKNOWN',
    severities: {},
    status: entry.status || (entry.fix_version ? 'fixed' : 'unknown'),
    published: null,
    suppressed: null,
  };
}
