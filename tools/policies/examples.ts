/** For each policy of the library: how it is configured, a Pod that it lets pass, and one that it denies. */
import type { Question } from '../../src/domain/decision.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { EvaluatedScan, Evidence, JudgedImage, PlatformImage, ScanFinding, VerifiedAttestation, VerifiedSignature } from '../../src/domain/evidence.ts';
import type { JsonObject } from '../../src/domain/json.ts';

export interface PolicyExample {
  /** `policy.data` of the configuration. */
  readonly data: JsonObject;
  readonly passes: Question;
  readonly denied: Question;
}

const digest: Digest = `sha256:${'1'.repeat(64)}`;
const now = Date.UTC(2026, 10, 24, 12);

const platform: PlatformImage = {
  platform: 'linux/amd64',
  digest,
  imageId: digest,
  created: '2026-11-20T08:00:00Z',
  user: '65532',
  labels: { 'org.opencontainers.image.source': 'https://github.com/acme/shop' },
  annotations: { 'org.opencontainers.image.base.name': 'registry.corp/base/node:24' },
  rootfs: null,
};

const signature: VerifiedSignature = {
  signer: 'release',
  kind: 'cosign-key',
  layout: 'bundle',
  keyId: 'a'.repeat(64),
  issuer: null,
  identity: null,
  claims: {},
  signedAt: null,
  subject: 'manifest',
  annotations: {},
  signedRepository: null,
};

const keyless: VerifiedSignature = {
  ...signature,
  signer: 'ci',
  kind: 'cosign-keyless',
  keyId: null,
  issuer: 'https://token.actions.githubusercontent.com',
  identity: 'https://github.com/acme/shop/.github/workflows/release.yml@refs/tags/v1.4',
  claims: {
    sourceRepositoryURI: 'https://github.com/acme/shop',
    sourceRepositoryRef: 'refs/tags/v1.4',
    buildTrigger: 'push',
  },
};

const provenance: VerifiedAttestation = {
  signer: 'ci',
  kind: 'cosign-keyless',
  predicateType: 'https://slsa.dev/provenance/v1',
  predicate: {
    buildDefinition: {
      buildType: 'https://actions.github.io/buildtypes/workflow/v1',
      externalParameters: { workflow: { repository: 'https://github.com/acme/shop', ref: 'refs/tags/v1.4', path: '.github/workflows/release.yml' } },
      resolvedDependencies: [{ uri: 'git+https://github.com/acme/shop@refs/tags/v1.4' }, { uri: 'pkg:docker/registry.corp/base/node@24' }],
    },
    runDetails: { builder: { id: 'https://github.com/actions/runner/github-hosted' } },
  },
  signedAt: null,
  subject: digest,
};

const sbom: VerifiedAttestation = {
  ...provenance,
  predicateType: 'https://cyclonedx.org/bom',
  predicate: { bomFormat: 'CycloneDX', components: [{ name: 'express', version: '5.1.0', purl: 'pkg:npm/express@5.1.0' }] },
};

const finding: ScanFinding = {
  id: 'CVE-2026-1234',
  package: 'openssl',
  purl: 'pkg:deb/debian/openssl@3.0.11-1',
  installed: '3.0.11-1',
  fixed: '3.0.12-1',
  severity: 'HIGH',
  severities: {},
  status: 'fixed',
  published: '2026-11-10T00:00:00.000Z',
  suppressed: null,
};

const clean: EvaluatedScan = {
  source: 'reports',
  platform: 'linux/amd64',
  digest,
  state: 'evaluated',
  signer: null,
  scanner: 'trivy 0.74.0',
  scannedAt: '2026-11-24T06:00:00.000Z',
  databaseUpdatedAt: null,
  endOfLife: false,
  counts: { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
  findings: [],
};

/** Everything a policy may ask for is there and good. */
const evidence: Evidence = {
  platforms: [platform],
  signatures: [signature, keyless],
  attestations: [provenance, sbom],
  scans: [clean],
  rejected: [],
  faults: [],
  lastKnownGood: [],
  dark: [],
};

const image: JudgedImage = {
  container: {
    container: 'web',
    role: 'container',
    path: '/spec/containers/0/image',
    pullPolicy: 'IfNotPresent',
    written: 'registry.corp/acme/shop:1.4',
  },
  reference: { registry: 'registry.corp', repository: 'acme/shop', tag: '1.4', digest },
  admitted: `registry.corp/acme/shop:1.4@${digest}`,
  pinned: true,
  mirror: null,
  mirrorMissing: null,
  evidence,
};

const review: Question['review'] = {
  operation: 'CREATE',
  kind: 'Pod',
  namespace: 'shop',
  name: 'web',
  dryRun: false,
  user: { username: 'ada', groups: ['system:authenticated'] },
  labels: { app: 'web' },
  annotations: {},
  serviceAccount: 'default',
  owner: null,
  namespaceLabels: { team: 'shop' },
};

const good: Question = { now, review, images: [image] };

const withImage = (changes: Partial<JudgedImage>): Question => ({ ...good, images: [{ ...image, ...changes }] });
const withEvidence = (changes: Partial<Evidence>): Question => withImage({ evidence: { ...evidence, ...changes } });
const withPlatform = (changes: Partial<PlatformImage>): Question => withEvidence({ platforms: [{ ...platform, ...changes }] });
const withFinding = (changes: Partial<ScanFinding>): Question => withEvidence({ scans: [{ ...clean, findings: [{ ...finding, ...changes }] }] });

const example = (data: JsonObject, denied: Question, passes: Question = good): PolicyExample => ({ data, passes, denied });

export const policyExamples: Readonly<Record<string, PolicyExample>> = {
  signed: example({ signed: { signers: ['release'] } }, withEvidence({ signatures: [] })),
  scanned: example({ scanned: { severities: ['CRITICAL', 'HIGH'], maxAge: '7d' } }, withFinding({})),
  registries: example(
    { registries: ['registry.corp', 'docker.io/library', 'ghcr.io/acme/**'] },
    withImage({
      container: { ...image.container, written: 'quay.io/someone/shop:1.4' },
      reference: { registry: 'quay.io', repository: 'someone/shop', tag: '1.4', digest },
    }),
  ),
  pinned: example({}, withImage({ pinned: false, admitted: 'registry.corp/acme/shop:1.4' })),
  latest: example(
    {},
    withImage({
      container: { ...image.container, written: 'registry.corp/acme/shop' },
      reference: { registry: 'registry.corp', repository: 'acme/shop', tag: 'latest', digest },
    }),
  ),
  signed_by: example(
    {
      signed_by: {
        rules: [
          { images: ['registry.corp/acme'], allOf: ['ci', 'release'] },
          { images: ['docker.io/library'], of: ['mirror', 'security', 'release'], atLeast: 2 },
        ],
      },
    },
    withEvidence({ signatures: [keyless] }),
  ),
  identity: example(
    {
      identity: {
        rules: [
          {
            images: ['registry.corp/acme'],
            issuer: 'https://token.actions.githubusercontent.com',
            identity: 'https://github.com/acme/**',
            claims: { sourceRepositoryRef: 'refs/tags/v*', buildTrigger: 'push' },
          },
        ],
        otherImages: 'allow',
      },
    },
    withEvidence({ signatures: [{ ...keyless, claims: { ...keyless.claims, sourceRepositoryRef: 'refs/heads/try-it' } }] }),
  ),
  vulnerabilities: example(
    { vulnerabilities: { most: { CRITICAL: 0, HIGH: 0, MEDIUM: 20 }, onlyFixable: true, grace: { HIGH: '7d' } } },
    withFinding({}),
    withFinding({ fixed: null, status: 'affected' }),
  ),
  scan_age: example({ scan_age: { maxAge: '3d' } }, withEvidence({ scans: [{ ...clean, scannedAt: '2026-11-01T06:00:00.000Z' }] })),
  end_of_life: example({}, withEvidence({ scans: [{ ...clean, endOfLife: true }] })),
  banned_packages: example(
    {
      banned_packages: {
        packages: [{ purl: 'pkg:npm/event-stream', versions: '>=3.3.6 <4.0.0', reason: 'it held a thief of wallets' }, { name: 'telnetd' }],
        signers: ['ci'],
      },
    },
    withEvidence({
      attestations: [{ ...sbom, predicate: { components: [{ name: 'event-stream', version: '3.3.6', purl: 'pkg:npm/event-stream@3.3.6' }] } }],
    }),
  ),
  sbom: example({ sbom: { signers: ['ci'] } }, withEvidence({ attestations: [provenance] })),
  provenance: example(
    {
      provenance: {
        builders: { 'https://github.com/actions/runner/github-hosted': 2 },
        rules: [{ images: ['registry.corp/acme'], signers: ['ci'], level: 2, sources: ['https://github.com/acme/**'] }],
      },
    },
    withEvidence({ attestations: [{ ...provenance, predicate: { runDetails: { builder: { id: 'https://laptop.example/ada' } } } }] }),
  ),
  base_image: example(
    { base_image: { allowed: ['registry.corp/base'], restsOn: 'declared' } },
    withPlatform({ annotations: { 'org.opencontainers.image.base.name': 'docker.io/someone/node:24' } }),
  ),
  image_age: example({ image_age: { maxAge: '90d' } }, withPlatform({ created: '2025-12-31T08:00:00Z' })),
  image_labels: example({ image_labels: { required: { 'org.opencontainers.image.source': 'https://github.com/acme/**' } } }, withPlatform({ labels: {} })),
  nonroot: example({ nonroot: { users: ['nonroot'] } }, withPlatform({ user: '' })),
  platforms: example({ platforms: { allowed: ['linux/amd64', 'linux/arm64/**'] } }, withPlatform({ platform: 'linux/386' })),
  pull_policy: example({}, withImage({ pinned: false, admitted: 'registry.corp/acme/shop:1.4' })),
  suppressions: example(
    { suppressions: { by: ['vex ** attested by security'] } },
    withFinding({ suppressed: { by: 'trivy .trivyignore', reason: 'later' } }),
    withFinding({ suppressed: { by: 'vex central by Security <security@acme.example>, attested by security', reason: 'component_not_present' } }),
  ),
  last_known_good: example({ last_known_good: { maxAge: '6h' } }, withEvidence({ lastKnownGood: [{ stage: 'scans', source: 'harbor', age: 40_000 }] })),
  teams: example(
    {
      teams: {
        rules: [
          { namespaceLabels: { team: 'shop' }, images: ['registry.corp/acme', 'registry.corp/shared/**'], signers: ['release', 'ci'] },
          { namespaces: ['kube-system'], images: ['registry.k8s.io'] },
        ],
      },
    },
    { ...good, review: { ...review, namespaceLabels: null } },
  ),
};
