import fc from 'fast-check';
import type { Question } from '../../src/domain/decision.ts';
import type { Digest } from '../../src/domain/digest.ts';
import { type Evidence, type JudgedImage, type Scan, type ScanFinding, severities } from '../../src/domain/evidence.ts';
import { sampleQuestions } from '../../src/policy/sample.ts';

const [sample] = sampleQuestions;
const [image] = sample?.images ?? [];
if (sample === undefined || image === undefined) throw new Error('the samples lack images');
const { evidence } = image;
const digest: Digest = `sha256:${'2'.repeat(64)}`;

const finding: fc.Arbitrary<ScanFinding> = fc.record({
  id: fc.constantFrom('CVE-2026-1', 'CVE-2026-2', 'CVE-2026-10', 'GHSA-ä'),
  package: fc.constantFrom('openssl', 'zlib'),
  purl: fc.constant(null),
  installed: fc.constant('1.0'),
  fixed: fc.constantFrom(null, '1.1'),
  severity: fc.constantFrom(...severities),
  severities: fc.constant({}),
  status: fc.constant('fixed'),
  published: fc.constantFrom(null, '2025-12-31T00:00:00Z'),
  suppressed: fc.constantFrom(null, null, { by: 'vex', reason: 'not affected' }),
});

const platform = fc.constantFrom('linux/amd64', 'linux/arm64');
const childDigests: readonly Digest[] = [digest, `sha256:${'3'.repeat(64)}`];
const source = fc.constantFrom('reports', 'harbor');

const scan: fc.Arbitrary<Scan> = fc.oneof(
  fc.record({
    source,
    platform,
    digest: fc.constantFrom(...childDigests),
    state: fc.constantFrom('missing', 'unavailable', 'pending', 'failed', 'mismatch', 'inconclusive'),
    reason: fc.constantFrom('because', '"quoted" %s'),
  }),
  fc.record({
    source,
    platform,
    digest: fc.constantFrom(...childDigests),
    state: fc.constant('evaluated'),
    signer: fc.constant(null),
    scanner: fc.constant('trivy'),
    scannedAt: fc.constant('2026-01-01T00:00:00Z'),
    databaseUpdatedAt: fc.constant(null),
    endOfLife: fc.constantFrom(true, false, null),
    counts: fc.record({ CRITICAL: fc.nat(2), HIGH: fc.nat(1), MEDIUM: fc.nat(9), LOW: fc.nat(9), UNKNOWN: fc.nat(9) }),
    findings: fc.array(finding, { maxLength: 8 }),
  }),
);

const [platformImage] = evidence.platforms;

const gathered: fc.Arbitrary<Evidence> = fc.record({
  platforms: fc
    .subarray(['linux/amd64', 'linux/arm64'])
    .map((names) =>
      names.flatMap((name) =>
        platformImage === undefined ? [] : [{ ...platformImage, platform: name, digest: childDigests[name === 'linux/amd64' ? 0 : 1] ?? digest }],
      ),
    ),
  signatures: fc.constantFrom(evidence.signatures, [], []),
  attestations: fc.constantFrom(evidence.attestations, []),
  scans: fc.array(scan, { maxLength: 4 }),
  rejected: fc.constantFrom(evidence.rejected, []),
  faults: fc.constantFrom(
    evidence.faults,
    [],
    evidence.faults.map((fault) => ({ ...fault, stage: 'signatures' as const })),
  ),
  lastKnownGood: fc.constant([]),
  dark: fc.constant([]),
});

const judged: fc.Arbitrary<JudgedImage> = fc.record({
  container: fc.record({
    container: fc.constantFrom('web', 'käse', 'a-b'),
    role: fc.constantFrom('container', 'initContainer', 'ephemeralContainer', 'imageVolume'),
    path: fc.constant('/spec/containers/0/image'),
    pullPolicy: fc.constant(null),
    written: fc.constantFrom('app', 'app:1', '%d%s'),
  }),
  reference: fc.option(
    fc.record({
      registry: fc.constantFrom('registry.example', 'registry.example.evil', 'docker.io'),
      repository: fc.constantFrom('app', 'library/app'),
      tag: fc.constantFrom('latest', '1', null),
      digest: fc.constantFrom(digest, digest, null),
    }),
    { nil: null, freq: 8 },
  ),
  admitted: fc.constantFrom(`app:1@${digest}`, 'app:1'),
  pinned: fc.boolean(),
  mirror: fc.constant(null),
  mirrorMissing: fc.constant(null),
  evidence: gathered,
});

/** Pods in all states that the library tells apart. */
export const pods: fc.Arbitrary<Question> = fc.array(judged, { minLength: 1, maxLength: 3 }).map((images) => ({ ...sample, images }));
