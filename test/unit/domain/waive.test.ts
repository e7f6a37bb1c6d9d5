import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type Finding, hostPolicy } from '../../../src/domain/decision.ts';
import type { EvaluatedScan, JudgedImage, ScanFinding, StageFault } from '../../../src/domain/evidence.ts';
import { type CompiledException, type ExceptionStamps, isInForce, sealText, specText } from '../../../src/domain/exception.ts';
import { bad, type FaultCode, good } from '../../../src/domain/fault.ts';
import { suppressCves } from '../../../src/domain/waive.ts';
import { digestOf, emptyEvidence, judgedImage } from '../parts.ts';
import { compiled, emptySpec, exceptionOf, noon } from './exceptions.ts';

const rules = { faults: new Map(), revoked: new Set<string>() };

function finding(more: Partial<Finding> = {}): Finding {
  return { policy: 'signed', id: null, effect: 'deny', msg: 'no', severity: null, container: 'web', cves: [], remediation: null, code: null, ...more };
}

function other(container: string, repository: string): JudgedImage {
  return judgedImage({
    container: { container, role: 'container', path: '/spec/containers/1/image', pullPolicy: null, written: repository },
    reference: { registry: 'registry.corp', repository, tag: null, digest: digestOf(repository) },
  });
}

function dark(stages: JudgedImage['evidence']['dark'], more: Partial<JudgedImage> = {}): JudgedImage {
  const faults = stages.map((stage): StageFault => ({ stage, source: 'x', code: 'REGISTRY_UNAVAILABLE', message: 'it is down', transient: true }));
  return judgedImage({ evidence: { ...emptyEvidence, dark: stages, faults }, ...more });
}

const decided = (images: readonly JudgedImage[], findings: readonly Finding[], ...exceptions: readonly CompiledException[]) =>
  decide(images, good(findings), rules, exceptions);

describe('a finding still denies', () => {
  it.each<[string, Finding, CompiledException]>([
    ['when the exception names another policy', finding(), compiled({ policies: ['scanned'] })],
    ['when the exception names another finding of the policy', finding({ id: 'expired' }), compiled({ policies: ['signed/unsigned'] })],
    ['when the exception names a finding of the policy and this one has no id', finding(), compiled({ policies: ['signed/unsigned'] })],
    ['when the exception is for another image', finding(), compiled({ policies: ['signed'], images: ['docker.io/library/redis'] })],
    ['when the exception is for another digest', finding(), compiled({ policies: ['signed'], images: [], digests: [digestOf('redis')] })],
    ['when the exception is about vulnerabilities alone', finding({ cves: ['CVE-1'] }), compiled({ cves: ['CVE-1'] })],
  ])('%s', (_, denial, exception) => {
    expect(decided([judgedImage()], [denial], exception)).toMatchObject({ decision: 'deny', findings: [{ decisive: true, waivedBy: null }] });
  });

  it('about the whole Pod, when the exception is for only one of its images', () => {
    const exception = compiled({ policies: ['signed'] });
    expect(decided([judgedImage(), other('side', 'acme/side')], [finding({ container: null })], exception).decision).toBe('deny');
  });

  it('about a container that nobody knows, when the exception is for only one of the images', () => {
    const exception = compiled({ policies: ['signed'] });
    expect(decided([judgedImage(), other('side', 'acme/side')], [finding({ container: 'elsewhere' })], exception).decision).toBe('deny');
  });

  it('when a container and an image volume share a name, and the exception is for only one of them', () => {
    const exception = compiled({ policies: ['signed'] });
    expect(decided([judgedImage(), other('web', 'acme/volume')], [finding()], exception).decision).toBe('deny');
  });

  it('when the image is no reference that a pattern could match', () => {
    expect(decided([judgedImage({ reference: null })], [finding()], compiled({ policies: ['signed'] })).decision).toBe('deny');
  });

  it('of another container, though one is waived', () => {
    const decision = decided([judgedImage(), other('side', 'acme/side')], [finding(), finding({ container: 'side' })], compiled({ policies: ['signed'] }));
    expect(decision.findings.map(({ decisive }) => decisive)).toEqual([false, true]);
    expect(decision.decision).toBe('deny');
  });
});

describe('what no exception waives, not even a breakglass', () => {
  const both = [
    compiled({ breakglass: true }),
    compiled({ policies: ['tidewaiter/policies', 'tidewaiter/unpinned', 'tidewaiter/revoked', 'tidewaiter/dark-resolve'] }),
  ];

  it('policies that are not in force', () => {
    expect(decide([judgedImage()], bad('POLICY_BROKEN', 'none are loaded'), rules, both).decision).toBe('deny');
  });

  it('a missing digest', () => {
    expect(decided([judgedImage({ pinned: false })], [], ...both)).toMatchObject({ decision: 'deny', findings: [{ id: 'unpinned', decisive: true }] });
  });

  it('a missing digest that could not be found out', () => {
    expect(decided([dark(['resolve'], { pinned: false })], [], ...both)).toMatchObject({
      decision: 'deny',
      findings: [{ id: 'dark-resolve', waivedBy: null }],
    });
  });

  it('an image that is revoked', () => {
    const revoked = { ...rules, revoked: new Set<string>([digestOf('nginx')]) };
    expect(decide([judgedImage()], good([]), revoked, both)).toMatchObject({ decision: 'deny', findings: [{ id: 'revoked' }] });
  });
});

describe('an exception', () => {
  it('drops the findings that it names, and they stay on record', () => {
    const exception = compiled({ policies: ['signed'] });
    expect(decided([judgedImage()], [finding()], exception)).toMatchObject({
      decision: 'allow',
      findings: [{ msg: 'no', effect: 'deny', decisive: false, waivedBy: exception.exception }],
    });
  });

  it.each<[string, CompiledException]>([
    ['by policy and id', compiled({ policies: ['signed/unsigned'] })],
    ['for the digest of the image', compiled({ policies: ['signed'], images: [], digests: [digestOf('nginx')] })],
  ])('drops them %s', (_, exception) => {
    expect(decided([judgedImage()], [finding({ id: 'unsigned' })], exception).decision).toBe('allow');
  });

  it('for the digest of a platform is for its image', () => {
    const platform = {
      platform: 'linux/amd64',
      digest: digestOf('amd64'),
      imageId: digestOf('config'),
      created: null,
      user: null,
      labels: {},
      annotations: {},
      rootfs: null,
    };
    const image = judgedImage({ evidence: { ...emptyEvidence, platforms: [platform] } });
    expect(decided([image], [finding()], compiled({ policies: ['signed'], images: [], digests: [digestOf('amd64')] })).decision).toBe('allow');
  });

  it('of every image in the Pod drops what is said of the Pod as a whole', () => {
    const exception = compiled({ policies: ['signed'], images: ['docker.io/**', 'registry.corp/**'] });
    expect(decided([judgedImage(), other('side', 'acme/side')], [finding({ container: null })], exception).decision).toBe('allow');
  });

  it('drops a dark stage where it is named, and what is said once of two stages is still said of the other', () => {
    const image = dark(['signatures', 'scans']);
    expect(decided([image], [], compiled({ policies: [`${hostPolicy}/dark-signatures`] }))).toMatchObject({
      decision: 'deny',
      findings: [
        { id: 'dark-signatures', decisive: false },
        { id: 'dark-scans', decisive: true },
      ],
    });
    expect(decided([image], [], compiled({ policies: [hostPolicy] })).decision).toBe('deny');
  });

  it('makes what follows from a dark stage decisive when it drops the cause alone', () => {
    const decision = decided([dark(['resolve'])], [finding()], compiled({ policies: [`${hostPolicy}/dark-resolve`] }));
    expect(decision).toMatchObject({
      decision: 'deny',
      findings: [
        { id: 'dark-resolve', decisive: false },
        { policy: 'signed', decisive: true },
      ],
    });
  });
});

describe('a breakglass', () => {
  it('drops whatever policies say, and dark stages of an image whose digest is written', () => {
    const findings = [finding(), finding({ policy: 'scanned', container: null, cves: ['CVE-1'] })];
    expect(decided([dark(['resolve', 'signatures', 'scans'])], findings, compiled({ breakglass: true })).decision).toBe('allow');
  });

  it.each<FaultCode>(['POLICY_TIMEOUT', 'DEADLINE_EXCEEDED', 'INTERNAL', 'LIMIT_EXCEEDED'])('drops that the policies did not come to an end: %s', (code) => {
    expect(decide([judgedImage()], bad(code, 'no'), rules, [compiled({ breakglass: true })]).decision).toBe('allow');
    expect(decide([judgedImage()], bad(code, 'no'), rules, [compiled({ policies: ['tidewaiter/policies'] })]).decision).toBe('deny');
  });

  it('for some images leaves the others as they are', () => {
    const exception = compiled({ breakglass: true, images: ['docker.io/**'] });
    expect(decided([judgedImage(), other('side', 'acme/side')], [finding({ container: 'side' })], exception).decision).toBe('deny');
  });
});

describe('an exception for vulnerabilities', () => {
  const open = (id: string, more: Partial<ScanFinding> = {}): ScanFinding => ({
    id,
    package: 'openssl',
    purl: null,
    installed: '3.0.1',
    fixed: null,
    severity: 'HIGH',
    severities: {},
    status: 'affected',
    suppressed: null,
    published: null,
    ...more,
  });
  const scan = (findings: readonly ScanFinding[], high: number): EvaluatedScan => ({
    source: 'reports',
    platform: 'linux/amd64',
    digest: digestOf('nginx'),
    state: 'evaluated',
    signer: null,
    scanner: 'trivy 0.74.0',
    scannedAt: '2026-11-24T00:00:00Z',
    databaseUpdatedAt: null,
    endOfLife: false,
    counts: { CRITICAL: 0, HIGH: high, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
    findings,
  });
  const scanned = (findings: readonly ScanFinding[], high = findings.length) => judgedImage({ evidence: { ...emptyEvidence, scans: [scan(findings, high)] } });
  const shown = (image: JudgedImage, exception: CompiledException) => suppressCves([image], [exception]);

  it('takes them out of the count and says who and until when; the others stay', () => {
    const { images, used } = shown(scanned([open('CVE-1'), open('CVE-2')]), compiled({ cves: ['CVE-1'] }));
    expect(images[0]?.evidence.scans[0]).toMatchObject({
      counts: { HIGH: 1 },
      findings: [
        { suppressed: { by: 'exception ImageException shop/web until 2026-11-25T12:00:00.000Z', reason: 'the fix ships on Friday' } },
        { suppressed: null },
      ],
    });
    expect(used).toHaveLength(1);
  });

  it('keeps what a source counts beyond what it lists', () => {
    expect(shown(scanned([open('CVE-1')], 5), compiled({ cves: ['CVE-1'] })).images[0]?.evidence.scans[0]).toMatchObject({ counts: { HIGH: 4 } });
  });

  it.each<[string, JudgedImage, CompiledException]>([
    ['are of another image', scanned([open('CVE-1')]), compiled({ cves: ['CVE-1'], images: ['docker.io/library/redis'] })],
    ['were not found', scanned([open('CVE-2')]), compiled({ cves: ['CVE-1'] })],
    ['were suppressed before', scanned([open('CVE-1', { suppressed: { by: 'vex', reason: 'not there' } })], 0), compiled({ cves: ['CVE-1'] })],
  ])('leaves the evidence as it is, and is not used, when they %s', (_, image, exception) => {
    const { images, used } = shown(image, exception);
    expect(images[0]?.evidence).toBe(image.evidence);
    expect(used).toEqual([]);
  });
});

describe('the time of an exception', () => {
  it('begins with its start and ends before its end', () => {
    const exception = exceptionOf({});
    expect([noon - 1, noon, noon + 86_399_999, noon + 86_400_000].map((now) => isInForce(exception, now))).toEqual([false, true, true, false]);
  });
});

describe('where an exception applies', () => {
  it.each<[string, CompiledException, string, boolean]>([
    ['its own namespace', compiled({}), 'shop', true],
    ['no other namespace', compiled({}), 'shop-two', false],
    ['no other namespace, whatever its spec lists', compiled({ namespaces: ['*'] }), 'kube-public', false],
    ['the namespaces that a cluster-wide one names', compiled({ namespaces: ['dev-*'] }, { kind: 'ClusterImageException', namespace: '' }), 'dev-green', true],
    ['no namespace that a cluster-wide one does not name', compiled({}, { kind: 'ClusterImageException', namespace: '' }), 'shop', false],
  ])('%s', (_, exception, namespace, applies) => {
    expect(exception.appliesIn(namespace)).toBe(applies);
  });
});

describe('what a seal is made over', () => {
  const stamps: ExceptionStamps = { createdBy: 'alice', changedBy: null, approvedBy: 'bob', acknowledgedBy: null, writtenAt: 'w', approvedAt: 'a' };
  const identity = { kind: 'ImageException', namespace: 'shop', name: 'web', uid: 'u' } as const;

  it('differs with every part of the object, its life, its spec and its stamps', () => {
    const texts = [
      sealText(identity, 'r', stamps),
      sealText({ ...identity, kind: 'ClusterImageException' }, 'r', stamps),
      sealText({ ...identity, namespace: 'pay' }, 'r', stamps),
      sealText({ ...identity, name: 'api' }, 'r', stamps),
      sealText({ ...identity, uid: 'v' }, 'r', stamps),
      sealText({ ...identity, uid: null }, 'r', stamps),
      sealText(identity, 's', stamps),
      ...(['createdBy', 'changedBy', 'approvedBy', 'acknowledgedBy', 'writtenAt', 'approvedAt'] as const).map((key) =>
        sealText(identity, 'r', { ...stamps, [key]: 'x' }),
      ),
    ];
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('tells two names apart whose parts read the same when they are joined', () => {
    expect(sealText({ ...identity, namespace: 'a', name: 'b-c' }, 'r', stamps)).not.toBe(sealText({ ...identity, namespace: 'a-b', name: 'c' }, 'r', stamps));
  });

  it('differs with every field of the spec', () => {
    const specs = [
      emptySpec,
      ...(['policies', 'cves', 'images', 'digests', 'namespaces'] as const).map((key) => ({ ...emptySpec, [key]: ['x'] })),
      ...(['reason', 'ticket', 'owner', 'starts', 'expires'] as const).map((key) => ({ ...emptySpec, [key]: 'x' })),
      { ...emptySpec, breakglass: true },
    ];
    expect(new Set(specs.map(specText)).size).toBe(specs.length);
  });
});

describe('for any exceptions and findings', () => {
  const words = fc.constantFrom('signed', 'scanned', 'tidewaiter', 'tidewaiter/unpinned', 'tidewaiter/dark-resolve', 'tidewaiter/revoked');
  const exceptions = fc.array(fc.record({ policies: fc.array(words), breakglass: fc.boolean() }).map((spec) => compiled({ ...spec, images: ['**'] })));

  it('nothing without a digest is admitted, and a decision denies exactly when one of its findings is decisive', () => {
    fc.assert(
      fc.property(exceptions, fc.boolean(), fc.array(words), fc.subarray(['resolve', 'signatures', 'scans'] as const), (given, pinned, policies, stages) => {
        const findings = policies.map((policy) => finding({ policy }));
        const decision = decided(
          [dark(stages, { pinned })],
          findings.filter(({ policy }) => !policy.startsWith(hostPolicy)),
          ...given,
        );
        if (!pinned) expect(decision.decision).toBe('deny');
        expect(decision.decision === 'deny').toBe(decision.findings.some(({ decisive }) => decisive));
      }),
    );
  });
});
