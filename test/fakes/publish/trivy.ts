import type { Digest } from '../../../src/domain/digest.ts';
import type { Severity } from '../../../src/domain/evidence.ts';

export interface ReportFinding {
  readonly id: string;
  readonly severity: Severity;
  readonly package?: string;
  readonly installed?: string;
  /** null: not fixed yet. */
  readonly fixed?: string | null;
  /** Trivy's word; by default `fixed` or `affected`, by whether there is a fixed version. */
  readonly status?: string;
  /** `lang-pkgs` findings stand in a result of their own. */
  readonly class?: 'os-pkgs' | 'lang-pkgs';
}

export interface ReportOptions {
  /** The image's config digest: what the report is bound by. */
  readonly imageId: Digest;
  readonly findings?: readonly ReportFinding[];
  readonly artifactName?: string;
  /** RFC 3339; by default the time of the call. */
  readonly createdAt?: string;
  /** RFC 3339; only reports made by a Trivy server say it. */
  readonly databaseUpdatedAt?: string;
  readonly endOfLife?: boolean;
  readonly architecture?: string;
  readonly repoDigests?: readonly string[];
}

export const vulnPredicateType = 'https://cosign.sigstore.dev/attestation/vuln/v1';

/** A report in Trivy's JSON form (SchemaVersion 2), as `trivy image --format json` writes it. */
export function trivyReport(options: ReportOptions): Readonly<Record<string, unknown>> {
  const findings = options.findings ?? [];
  const system = findings.filter((finding) => finding.class !== 'lang-pkgs');
  const language = findings.filter((finding) => finding.class === 'lang-pkgs');
  const database = { Version: 2, UpdatedAt: options.databaseUpdatedAt };
  return {
    SchemaVersion: 2,
    CreatedAt: options.createdAt ?? new Date().toISOString(),
    Trivy: { Version: '0.74.0', ...(options.databaseUpdatedAt === undefined ? {} : { Server: { Version: '0.74.0', VulnerabilityDB: database } }) },
    ArtifactName: options.artifactName ?? 'image',
    ArtifactType: 'container_image',
    Metadata: {
      OS: { Family: 'debian', Name: '12.8', ...(options.endOfLife === true ? { EOSL: true } : {}) },
      ImageID: options.imageId,
      ...(options.repoDigests === undefined ? {} : { RepoDigests: options.repoDigests }),
      ImageConfig: { architecture: options.architecture ?? 'amd64', os: 'linux' },
    },
    Results: [
      { Target: `${options.artifactName ?? 'image'} (debian 12.8)`, Class: 'os-pkgs', Type: 'debian', Vulnerabilities: system.map(describe) },
      ...(language.length === 0 ? [] : [{ Target: 'Node.js', Class: 'lang-pkgs', Type: 'node-pkg', Vulnerabilities: language.map(describe) }]),
    ],
  };
}

/** The predicate that `trivy image --format cosign-vuln` writes around a report. */
export function vulnPredicate(report: Readonly<Record<string, unknown>>, times: { readonly started?: string; readonly finished?: string } = {}): object {
  const at = typeof report['CreatedAt'] === 'string' ? report['CreatedAt'] : new Date().toISOString();
  return {
    invocation: { parameters: null, uri: '', event_id: '', 'builder.id': '' },
    scanner: { uri: 'pkg:github/aquasecurity/trivy@0.74.0', version: '0.74.0', db: { uri: '', version: '' }, result: report },
    metadata: { scanStartedOn: times.started ?? at, scanFinishedOn: times.finished ?? at },
  };
}

function describe(finding: ReportFinding): object {
  const name = finding.package ?? 'openssl';
  const installed = finding.installed ?? '3.0.1';
  const fixed = finding.fixed === undefined ? '3.0.2' : finding.fixed;
  const type = finding.class === 'lang-pkgs' ? 'npm' : 'deb/debian';
  return {
    VulnerabilityID: finding.id,
    PkgName: name,
    PkgIdentifier: { PURL: `pkg:${type}/${name}@${installed}` },
    InstalledVersion: installed,
    ...(fixed === null ? {} : { FixedVersion: fixed }),
    Status: finding.status ?? (fixed === null ? 'affected' : 'fixed'),
    SeveritySource: 'debian',
    Severity: finding.severity,
  };
}
