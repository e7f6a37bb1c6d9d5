import canonicalize from 'canonicalize';
import type { AuditLog, AuditOptions } from '../../../src/audit/index.ts';
import type { WeighedFinding } from '../../../src/domain/decision.ts';
import { type Digest, parseDigest } from '../../../src/domain/digest.ts';
import type { EvaluatedScan, Evidence, JudgedImage, ScanFinding } from '../../../src/domain/evidence.ts';
import type { RecordDraft } from '../../../src/domain/record.ts';

export const now = Date.parse('2026-11-24T20:00:00Z');

export function digest(hex: string): Digest {
  const parsed = parseDigest(`sha256:${hex.repeat(64).slice(0, 64)}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

export function finding(changes: Partial<ScanFinding> = {}): ScanFinding {
  return {
    id: 'CVE-2026-0001',
    package: 'openssl',
    purl: 'pkg:deb/debian/openssl@3.0.1',
    installed: '3.0.1',
    fixed: '3.0.2',
    severity: 'CRITICAL',
    severities: { nvd: 'CRITICAL' },
    status: 'fixed',
    published: null,
    suppressed: null,
    ...changes,
  };
}

export function scan(findings: readonly ScanFinding[]): EvaluatedScan {
  return {
    source: 'attested',
    platform: 'linux/amd64',
    digest: digest('a'),
    state: 'evaluated',
    signer: 'ci',
    scanner: 'trivy 0.74.0',
    scannedAt: '2026-11-24T10:00:00.000Z',
    databaseUpdatedAt: null,
    endOfLife: false,
    counts: { CRITICAL: findings.length, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
    findings,
  };
}

export function evidence(changes: Partial<Evidence> = {}): Evidence {
  return {
    platforms: [{ platform: 'linux/amd64', digest: digest('a'), imageId: digest('b'), created: null, user: null, labels: {}, annotations: {}, rootfs: null }],
    signatures: [
      {
        signer: 'release',
        kind: 'cosign-key',
        layout: 'bundle',
        keyId: 'ab'.repeat(32),
        issuer: null,
        identity: null,
        claims: {},
        signedAt: null,
        subject: 'manifest',
        annotations: {},
        signedRepository: null,
      },
    ],
    attestations: [],
    scans: [scan([finding()])],
    rejected: [],
    faults: [],
    lastKnownGood: [],
    dark: [],
    ...changes,
  };
}

export function image(found: Evidence, container = 'web'): JudgedImage {
  return {
    container: { container, role: 'container', path: '/spec/containers/0/image', pullPolicy: null, written: 'nginx:1.27' },
    reference: { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: digest('a') },
    admitted: `harbor.corp/dockerhub/library/nginx:1.27@${digest('a')}`,
    pinned: true,
    mirror: 'harbor.corp/dockerhub',
    mirrorMissing: null,
    evidence: found,
  };
}

/** The policy input, with the parts that matter to the record. */
export function inputOf(images: readonly JudgedImage[]): string {
  const document = {
    version: 1,
    now: '2026-11-24T20:00:00.000Z',
    review: { operation: 'CREATE', kind: 'Pod', namespace: 'shop', name: 'web' },
    images: images.map(({ container, evidence: found, admitted }) => ({
      container: container.container,
      admitted,
      attestations: found.attestations,
      faults: found.faults,
      platforms: found.platforms.map(({ rootfs: _, ...platform }) => platform),
      scans: found.scans,
      signatures: found.signatures,
    })),
  };
  return canonicalize(document) ?? '';
}

export const denial: WeighedFinding = {
  policy: 'scanned',
  id: 'severe',
  effect: 'deny',
  msg: 'container web: CVE-2026-0001 is critical',
  severity: 'high',
  container: 'web',
  cves: ['CVE-2026-0001'],
  remediation: 'Update openssl to 3.0.2.',
  code: null,
  decisive: true,
  waivedBy: null,
};

export function draft(changes: Partial<RecordDraft> = {}): RecordDraft {
  const images = changes.images ?? [image(evidence())];
  return {
    id: '01KB0000000000000000000001',
    time: now,
    request: {
      uid: '7f1c0f3e-0000-4000-8000-000000000001',
      operation: 'CREATE',
      kind: 'v1/Pod',
      subResource: '',
      namespace: 'shop',
      name: 'web',
      generateName: null,
      user: { username: 'alice', groups: ['system:authenticated'] },
      dryRun: false,
      object: { spec: { containers: [{ env: [{ name: 'PASSWORD', value: 'hunter2' }] }] } },
      oldObject: null,
    },
    owner: { kind: 'ReplicaSet', name: 'web-1' },
    images,
    findings: [denial],
    exceptions: [],
    decision: 'deny',
    answered: 'deny',
    mode: 'enforce',
    policyRevision: 'policy-1',
    configRevision: 'config-1',
    input: inputOf(images),
    timings: { policy: 1.23456789, gather: 0.5 },
    host: { deadline: false, dark: [] },
    ...changes,
  };
}

export interface Logged extends AuditLog {
  readonly messages: string[];
}

export function logger(): Logged {
  const messages: string[] = [];
  const say = (_fields: unknown, message: string): void => void messages.push(message);
  return { info: say, warn: say, error: say, messages };
}

export function options(directory: string, changes: Partial<AuditOptions> = {}): AuditOptions {
  return {
    directory,
    store: null,
    sinks: [],
    replica: 'replica-0',
    build: '0.1.0',
    required: false,
    maxBytes: 1 << 30,
    storeBytes: 8 * 2 ** 30,
    retention: { allow: 30 * 86_400_000, deny: 365 * 86_400_000 },
    clock: () => now,
    log: logger(),
    ...changes,
  };
}
