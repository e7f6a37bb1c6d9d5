import { z } from 'zod';
import { type Digest, isDigest } from '../domain/digest.ts';
import { type ScanFinding, type Severity, severities } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { cutText, longestText } from './cutText.ts';
import { contentFields, type ReportedContent, readReportedContent, rootfsField } from './sameContent.ts';
import { formatTime, parseTime } from './time.ts';

/** What a Trivy report says, whoever made it. */
export interface TrivyReport {
  /** Digest of the image's configuration, by which a report is bound. */
  readonly imageId: Digest;
  /** `os/architecture[/variant]` of the image's configuration. */
  readonly platform: string | null;
  /** What more it says of the content, which must not speak against it. */
  readonly content: ReportedContent;
  /** Milliseconds since the epoch. */
  readonly scannedAt: number;
  /** RFC 3339; known only when Trivy ran as a client of its server. */
  readonly databaseUpdatedAt: string | null;
  readonly scanner: string;
  readonly endOfLife: boolean | null;
  /** Why nothing follows from there being no finding; null when something does. */
  readonly inconclusive: string | null;
  readonly counts: Readonly<Record<Severity, number>>;
  readonly findings: readonly ScanFinding[];
}

/** The most findings of one report that are read; a report with more is refused, never cut. */
export const mostFindings = 50_000;

const line = z.string().max(longestText);
const shown = z.string().transform(cutText);
const vulnerability = z.object({
  VulnerabilityID: line.min(1),
  PkgName: line.min(1),
  PkgIdentifier: z.object({ PURL: z.string().nullish() }).nullish(),
  InstalledVersion: z.string().nullish(),
  FixedVersion: z.string().nullish(),
  Status: z.string().nullish(),
  Severity: z.enum(severities).nullish(),
  PublishedDate: line.nullish(),
  VendorSeverity: z.record(z.string().max(128), z.int().min(0).max(4)).nullish(),
});
const modified = z.object({ Type: z.string(), Status: shown.nullish(), Statement: shown.nullish(), Source: shown.nullish(), Finding: z.unknown() });
const result = z.object({
  Class: z.string().nullish(),
  Vulnerabilities: z.array(vulnerability).nullish(),
  ExperimentalModifiedFindings: z.array(modified).nullish(),
});
const image = z.object({ architecture: line.nullish(), os: line.nullish(), variant: line.nullish(), rootfs: rootfsField });
/** The parts of https://github.com/aquasecurity/trivy/blob/v0.74.0/pkg/types/report.go that matter here. */
const report = z.object({
  SchemaVersion: z.literal(2),
  CreatedAt: line,
  ArtifactType: z.literal('container_image'),
  Trivy: z.object({ Version: shown.nullish(), Server: z.object({ VulnerabilityDB: z.object({ UpdatedAt: line.nullish() }).nullish() }).nullish() }).nullish(),
  Metadata: z.object({
    ImageID: line,
    OS: z.object({ Family: line.nullish(), EOSL: z.boolean().nullish() }).nullish(),
    ImageConfig: image.nullish(),
    ...contentFields,
  }),
  Results: z.array(result).max(10_000).nullish(),
});

type Vulnerability = z.infer<typeof vulnerability>;
type Result = z.infer<typeof result>;

/** The image a report is about, if it says so at all, readable or not in all else. */
export function readImageId(value: unknown): Digest | null {
  const id = text(property(property(value, 'Metadata'), 'ImageID'));
  return id !== null && isDigest(id) ? id : null;
}

/**
 * Reads a report in Trivy's own JSON, SchemaVersion 2. SCAN_INVALID names the first place that is not as it should be. A report
 * does not say with which options it was made (severities left out, findings ignored): who made it must be trusted for that.
 */
export function decodeTrivyReport(value: unknown): Outcome<TrivyReport> {
  if (tooLarge(value)) return bad('SCAN_INVALID', `the report has more than ${mostFindings} findings`);
  const parsed = report.safeParse(value);
  if (!parsed.success) return bad('SCAN_INVALID', `the report is no Trivy image report of SchemaVersion 2: ${place(parsed.error)}`);
  const { Metadata, Results, Trivy, CreatedAt } = parsed.data;
  if (!isDigest(Metadata.ImageID)) return bad('SCAN_INVALID', 'the report has no Metadata.ImageID that is a digest');
  const scannedAt = parseTime(CreatedAt);
  if (scannedAt === null) return bad('SCAN_INVALID', 'the report has no CreatedAt that is a time');

  const results = Results ?? [];
  const findings = collectFindings(results);
  if (findings === null) return bad('SCAN_INVALID', 'a suppressed finding of the report is not well formed');
  const updated = parseTime(Trivy?.Server?.VulnerabilityDB?.UpdatedAt ?? '');
  return good({
    imageId: Metadata.ImageID,
    platform: platformOf(Metadata.ImageConfig ?? null),
    content: readReportedContent(Metadata),
    scannedAt,
    databaseUpdatedAt: updated === null ? null : new Date(updated).toISOString(),
    scanner: `trivy ${Trivy?.Version ?? '(version unknown)'}`,
    endOfLife: Metadata.OS?.EOSL === true,
    inconclusive: findings.length > 0 ? null : whyInconclusive(results, Metadata.OS?.Family ?? ''),
    counts: countOpen(findings),
    findings,
  });
}

/** Counted before anything is parsed, so that a flood costs no more than a look at lengths. */
function tooLarge(value: unknown): boolean {
  const results = property(value, 'Results');
  let total = 0;
  for (const entry of Array.isArray(results) ? results : []) {
    for (const key of ['Vulnerabilities', 'ExperimentalModifiedFindings']) {
      const list = property(entry, key);
      total += Array.isArray(list) ? list.length : 0;
    }
  }
  return total > mostFindings;
}

function place(error: z.ZodError): string {
  const first = error.issues[0];
  // Paths are keys of the schema and numbers, but for the vendors' names, which are the report's own.
  const path = (first?.path ?? []).filter((step) => typeof step === 'number' || /^[A-Za-z]{1,40}$/.test(String(step))).join('.');
  return path === '' ? 'it is no object of that form' : `${path} is not as it should be`;
}

/** Each finding once: Trivy repeats a finding for every path its package lies at. */
function collectFindings(results: readonly Result[]): ScanFinding[] | null {
  const found = new Map<string, ScanFinding>();
  const add = (entry: Vulnerability, suppressed: ScanFinding['suppressed']): void => {
    // Before anything is cut: two that differ stay two.
    const { VulnerabilityID, PkgName, PkgIdentifier, InstalledVersion, FixedVersion, Severity, Status } = entry;
    const key = JSON.stringify([VulnerabilityID, PkgName, PkgIdentifier?.PURL || null, InstalledVersion ?? '', FixedVersion || null, Severity, Status]);
    // What is suppressed at one place counts if it is open at another.
    if (found.get(key)?.suppressed !== null) found.set(key, toFinding(entry, suppressed));
  };
  for (const { Vulnerabilities, ExperimentalModifiedFindings } of results) {
    for (const entry of Vulnerabilities ?? []) add(entry, null);
    for (const entry of ExperimentalModifiedFindings ?? []) {
      if (entry.Type !== 'vulnerability') continue;
      const parsed = vulnerability.safeParse(entry.Finding);
      if (!parsed.success) return null;
      add(parsed.data, { by: `trivy ${entry.Source ?? ''}`.trim(), reason: entry.Statement ?? entry.Status ?? '' });
    }
  }
  return [...found.values()];
}

/** Numbers of https://github.com/aquasecurity/trivy-db/blob/main/pkg/types/types.go, Severity. */
const byNumber: readonly Severity[] = ['UNKNOWN', 'LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];

function toFinding(entry: Vulnerability, suppressed: ScanFinding['suppressed']): ScanFinding {
  const vendors = Object.entries(entry.VendorSeverity ?? {});
  return {
    id: entry.VulnerabilityID,
    package: entry.PkgName,
    purl: entry.PkgIdentifier?.PURL ? cutText(entry.PkgIdentifier.PURL) : null,
    installed: cutText(entry.InstalledVersion ?? ''),
    fixed: entry.FixedVersion ? cutText(entry.FixedVersion) : null,
    severity: entry.Severity ?? 'UNKNOWN',
    severities: Object.fromEntries(vendors.map(([vendor, grade]) => [vendor, byNumber[grade] ?? 'UNKNOWN'])),
    status: cutText(entry.Status || 'unknown'),
    published: formatTime(entry.PublishedDate),
    suppressed,
  };
}

/**
 * No finding means something only where packages of a known distribution were looked at: an image from scratch and an unknown
 * distribution end without findings and without an error too. Whether the packages were compared with a database that knows the
 * distribution, or only listed (`--scanners secret`), a report does not say.
 */
function whyInconclusive(results: readonly Result[], family: string): string | null {
  if (!results.some(({ Class }) => Class === 'os-pkgs' || Class === 'lang-pkgs')) return 'the report lists no packages that were looked at';
  if (['', 'none', 'unknown'].includes(family)) return 'the scanner did not recognise the operating system';
  return null;
}

/** Findings of each severity that nothing suppresses. */
export function countOpen(findings: readonly ScanFinding[]): Record<Severity, number> {
  const counts: Record<Severity, number> = { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 };
  for (const finding of findings) if (finding.suppressed === null) counts[finding.severity] += 1;
  return counts;
}

function platformOf(config: z.infer<typeof image> | null): string | null {
  if (!config?.os || !config.architecture) return null;
  return [config.os, config.architecture, ...(config.variant ? [config.variant] : [])].join('/');
}
