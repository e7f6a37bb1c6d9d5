import type { Question } from '../domain/decision.ts';
import type { Digest } from '../domain/digest.ts';
import type { Evidence, Scan } from '../domain/evidence.ts';

const digest: Digest = `sha256:${'1'.repeat(64)}`;

const finding = {
  id: 'CVE-2026-0001',
  package: 'openssl',
  purl: 'pkg:deb/debian/openssl@3.0.1',
  installed: '3.0.1',
  fixed: '3.0.2',
  severity: 'CRITICAL',
  severities: { nvd: 'CRITICAL' },
  status: 'fixed',
  published: '2026-01-01T00:00:00Z',
  suppressed: null,
} as const;

const scans: readonly Scan[] = [
  {
    source: 'reports',
    platform: 'linux/amd64',
    digest,
    state: 'evaluated',
    signer: 'ci',
    scanner: 'trivy 0.74.0',
    scannedAt: '2026-01-01T00:00:00Z',
    databaseUpdatedAt: '2026-01-01T00:00:00Z',
    endOfLife: true,
    counts: { CRITICAL: 2, HIGH: 1, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
    findings: [
      finding,
      { ...finding, id: 'CVE-2026-0002', suppressed: { by: 'vex', reason: 'not affected' } },
      { ...finding, severity: 'HIGH', fixed: null, purl: null },
    ],
  },
  { source: 'harbor', platform: 'linux/amd64', digest, state: 'unavailable', reason: 'the source did not answer' },
];

const full: Evidence = {
  platforms: [
    {
      platform: 'linux/amd64',
      digest,
      imageId: digest,
      created: '2026-01-01T00:00:00Z',
      user: '65532',
      labels: { version: '1' },
      annotations: { version: '1' },
      rootfs: null,
    },
  ],
  signatures: [
    {
      signer: 'release',
      kind: 'cosign-key',
      layout: 'legacy',
      keyId: '0'.repeat(64),
      issuer: null,
      identity: null,
      claims: { ref: 'main' },
      signedAt: null,
      subject: 'manifest',
      annotations: { env: 'prod' },
      signedRepository: 'registry.example/app',
    },
  ],
  attestations: [
    { signer: 'ci', kind: 'cosign-key', predicateType: 'https://slsa.dev/provenance/v1', predicate: { builder: { id: 'x' } }, signedAt: null, subject: digest },
  ],
  scans,
  rejected: [{ stage: 'signatures', source: 'partner', layout: 'bundle', code: 'SIGNER_MISMATCH', message: 'signed by another key' }],
  faults: [{ stage: 'scans', source: 'harbor', code: 'REGISTRY_UNAVAILABLE', message: 'no answer', transient: true }],
  lastKnownGood: [{ stage: 'signatures', source: 'release', age: 60 }],
  dark: [],
};

const empty: Evidence = { platforms: [], signatures: [], attestations: [], scans: [], rejected: [], faults: [], lastKnownGood: [], dark: [] };

const review = {
  operation: 'CREATE',
  kind: 'Pod',
  namespace: 'sample',
  name: 'sample',
  dryRun: false,
  user: { username: 'sample', groups: ['system:authenticated'] },
  labels: { app: 'sample' },
  annotations: { note: 'sample' },
  serviceAccount: 'default',
  owner: { kind: 'ReplicaSet', name: 'sample' },
  namespaceLabels: { team: 'sample' },
} as const;

/** Two questions through which a set must get before it is in force: one where everything is there, one where nothing is. */
export const sampleQuestions: readonly Question[] = [
  {
    now: Date.UTC(2026, 0, 2),
    review,
    images: [
      {
        container: { container: 'web', role: 'container', path: '/spec/containers/0/image', pullPolicy: 'IfNotPresent', written: 'registry.example/app:1' },
        reference: { registry: 'registry.example', repository: 'app', tag: '1', digest },
        admitted: `mirror.example/app:1@${digest}`,
        pinned: true,
        mirror: 'mirror.example',
        mirrorMissing: null,
        evidence: full,
      },
      {
        container: { container: 'debug', role: 'ephemeralContainer', path: '/spec/ephemeralContainers/0/image', pullPolicy: null, written: 'app:latest' },
        reference: { registry: 'docker.io', repository: 'library/app', tag: 'latest', digest: null },
        admitted: 'app:latest',
        pinned: false,
        mirror: null,
        mirrorMissing: null,
        evidence: empty,
      },
    ],
  },
  {
    now: Date.UTC(2026, 0, 2),
    review: { ...review, name: null, labels: {}, annotations: {}, serviceAccount: null, owner: null, namespaceLabels: null },
    images: [
      {
        container: { container: '', role: 'imageVolume', path: '/spec/volumes/0/image/reference', pullPolicy: null, written: '' },
        reference: null,
        admitted: '',
        pinned: false,
        mirror: null,
        mirrorMissing: null,
        evidence: empty,
      },
    ],
  },
];
