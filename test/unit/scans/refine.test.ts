import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type EvaluatedScan, type Finds, noFinds, type ScanFinding, type Severity } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import type { IgnoreRule } from '../../../src/scans/ignore.ts';
import { openIgnoreRules, refine, type ScanParts, type ScanSource, type VexKind, type VexSource, vexKinds } from '../../../src/scans/index.ts';
import { gradeOf } from '../../../src/scans/severity.ts';
import { amd64, attestation, digestOf, partsOf, subjectOf } from './fixtures.ts';

const now = Date.parse('2026-11-24T20:00:00Z');
const clock = () => now;
const quiet = { warn: () => {} };

function finding(id: string, changes: Partial<ScanFinding> = {}): ScanFinding {
  const purl = 'pkg:deb/debian/openssl@3.0.1?arch=amd64';
  return {
    id,
    package: 'openssl',
    purl,
    installed: '3.0.1',
    fixed: null,
    severity: 'HIGH',
    severities: {},
    status: 'affected',
    published: null,
    suppressed: null,
    ...changes,
  };
}

function scanOf(findings: readonly ScanFinding[], counts: Partial<Record<Severity, number>> = {}): EvaluatedScan {
  const of = (severity: Severity) => findings.filter((each) => each.severity === severity && each.suppressed === null).length;
  const counted = { CRITICAL: of('CRITICAL'), HIGH: of('HIGH'), MEDIUM: of('MEDIUM'), LOW: of('LOW'), UNKNOWN: of('UNKNOWN') };
  const times = { scannedAt: '2026-11-24T10:00:00.000Z', databaseUpdatedAt: null };
  return {
    source: 'reports',
    platform: 'linux/amd64',
    digest: amd64.digest,
    state: 'evaluated',
    signer: null,
    scanner: 'trivy',
    ...times,
    endOfLife: false,
    counts: { ...counted, ...counts },
    findings,
  };
}

function sourceOf(outcome: Outcome<Finds>): ScanSource & { closed: number } {
  const source: ScanSource & { closed: number } = {
    name: 'reports',
    stage: 'scans',
    kind: 'some',
    trust: 'trust',
    closed: 0,
    applies: (image) => image.registry === 'registry.test',
    look: async () => outcome,
    close: () => {
      source.closed += 1;
    },
  };
  return source;
}

const found = (...findings: readonly ScanFinding[]) => sourceOf(good({ ...noFinds, scans: [scanOf(findings)] }));
const plain = { severitySource: 'reported', vex: [], ignore: null, clock } as const;
const look = async (source: ScanSource) => source.look(subjectOf(amd64), AbortSignal.timeout(1000));

async function scanned(source: ScanSource): Promise<EvaluatedScan> {
  const outcome = await look(source);
  const scan = outcome.ok ? outcome.value.scans[0] : undefined;
  if (scan?.state !== 'evaluated') throw new Error('nothing was evaluated');
  return scan;
}

describe('the severity source', () => {
  const graded = finding('CVE-1', { severity: 'MEDIUM', severities: { debian: 'MEDIUM', nvd: 'CRITICAL', ghsa: 'LOW' } });

  test('reported keeps what the scanner chose', () => expect(gradeOf(graded, 'reported')).toBe('MEDIUM'));
  test("nvd takes NVD's grade", () => expect(gradeOf(graded, 'nvd')).toBe('CRITICAL'));
  test("nvd takes NVD's grade though it is the milder one", () => expect(gradeOf({ ...graded, severities: { nvd: 'LOW' } }, 'nvd')).toBe('LOW'));
  test('nvd keeps the reported one where NVD graded nothing', () => {
    expect(gradeOf({ ...graded, severities: {} }, 'nvd')).toBe('MEDIUM');
    expect(gradeOf({ ...graded, severities: { nvd: 'UNKNOWN' } }, 'nvd')).toBe('MEDIUM');
  });
  test('maximum takes the worst of all, the reported one among them', () => {
    expect(gradeOf(graded, 'maximum')).toBe('CRITICAL');
    expect(gradeOf({ ...graded, severity: 'HIGH', severities: { nvd: 'LOW' } }, 'maximum')).toBe('HIGH');
  });
  test('leaves UNKNOWN what nobody graded', () => {
    for (const source of ['reported', 'nvd', 'maximum'] as const) expect(gradeOf({ ...graded, severity: 'UNKNOWN', severities: {} }, source)).toBe('UNKNOWN');
    expect(gradeOf({ ...graded, severity: 'UNKNOWN', severities: { debian: 'LOW' } }, 'maximum')).toBe('LOW');
  });

  test('changes findings and counts, and is part of the trust', async () => {
    const source = found(graded);
    const refined = refine(source, { ...plain, severitySource: 'maximum' });
    expect(await scanned(refined)).toMatchObject({ counts: { CRITICAL: 1, MEDIUM: 0 }, findings: [{ severity: 'CRITICAL', severities: graded.severities }] });
    expect(refined.trust).not.toBe(refine(source, { ...plain, severitySource: 'nvd' }).trust);
  });
});

describe('an ignore rule', () => {
  const rule: IgnoreRule = { id: 'CVE-1', images: null, packages: null, owner: 'team blue', reason: 'not reachable', expires: now + 1000 };
  const withRule = (changes: Partial<IgnoreRule> = {}, ...findings: readonly ScanFinding[]) =>
    scanned(
      refine(found(...(findings.length > 0 ? findings : [finding('CVE-1')])), { ...plain, ignore: openIgnoreRules([{ ...rule, ...changes }], clock, quiet) }),
    );

  test('takes a finding out of the count, with owner, reason and end left visible', async () => {
    expect(await withRule()).toMatchObject({
      counts: { HIGH: 0 },
      findings: [{ id: 'CVE-1', suppressed: { by: 'ignore rule of team blue until 2026-11-24T20:00:01.000Z', reason: 'not reachable' } }],
    });
  });

  test.each<[string, Partial<IgnoreRule>]>([
    ['has expired', { expires: now }],
    ['is about another vulnerability', { id: 'CVE-10' }],
    ['is about other images', { images: ['registry.test/other/**'] }],
    ['is about another package', { packages: ['zlib'] }],
    ['is about another version of the package', { packages: ['pkg:deb/debian/openssl@3.0.2'] }],
    ['is about a name that only begins alike', { packages: ['open'] }],
  ])('has no effect when it %s', async (_name, changes) =>
    expect(await withRule(changes)).toMatchObject({ counts: { HIGH: 1 }, findings: [{ suppressed: null }] }),
  );

  test.each<[string, Partial<IgnoreRule>]>([
    ['its image', { images: ['registry.test/acme/*'] }],
    ['its package by name', { packages: ['zlib', 'openssl'] }],
    ['its package by package URL', { packages: ['pkg:deb/debian/openssl'] }],
  ])('has effect for %s', async (_name, changes) => expect(await withRule(changes)).toMatchObject({ counts: { HIGH: 0 } }));

  test('leaves the others standing', async () => expect(await withRule({}, finding('CVE-1'), finding('CVE-2'))).toMatchObject({ counts: { HIGH: 1 } }));

  test('keeps what suppressed the finding before', async () => {
    const before = { by: 'trivy', reason: 'ignored' };
    expect(await withRule({}, finding('CVE-1', { suppressed: before }))).toMatchObject({ findings: [{ suppressed: before }] });
  });

  test('that expires while we run changes the trust at once, and says so once', () => {
    let time = now;
    const warned: unknown[] = [];
    const rules = openIgnoreRules([rule], () => time, { warn: (fields) => warned.push(fields) });
    const refined = refine(found(finding('CVE-1')), { ...plain, ignore: rules });
    const before = refined.trust;
    expect(refined.trust).toBe(before);
    time += 1000;
    expect(refined.trust).not.toBe(before);
    expect(refined.trust).not.toBe(before);
    expect(warned).toEqual([{ id: 'CVE-1', owner: 'team blue', expired: '2026-11-24T20:00:01.000Z' }]);
  });

  test('that had expired at the start is told of', () => {
    const warn = vi.fn();
    openIgnoreRules([{ ...rule, expires: now - 1 }], clock, { warn });
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ id: 'CVE-1' }), expect.stringContaining('expired'));
  });
});

describe('a refined source', () => {
  test('is the source itself where there is nothing to refine', () => {
    const source = found();
    expect(refine(source, plain)).toBe(source);
  });

  test('stands for its source in all else', async () => {
    const source = sourceOf(bad('REGISTRY_UNAVAILABLE', 'down'));
    const refined = refine(source, { ...plain, severitySource: 'nvd' });
    expect(refined).toMatchObject({ name: 'reports', stage: 'scans', kind: 'some' });
    expect([
      refined.applies({ registry: 'registry.test', repository: 'a', tag: null, digest: null }),
      refined.applies({ registry: 'other', repository: 'a', tag: null, digest: null }),
    ]).toEqual([true, false]);
    expect(await look(refined)).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
    refined.close();
    expect(source.closed).toBe(1);
  });

  test('goes on counting what its source counts and does not list', async () => {
    const source = sourceOf(good({ ...noFinds, scans: [scanOf([finding('CVE-1')], { HIGH: 7 })] }));
    const ignore = openIgnoreRules([{ id: 'CVE-1', images: null, packages: null, owner: 'o', reason: 'r', expires: now + 1 }], clock, quiet);
    expect(await scanned(refine(source, { ...plain, ignore }))).toMatchObject({ counts: { HIGH: 6 } });
  });

  test('leaves scans without findings as they are', async () => {
    const scan = { source: 'reports', platform: 'linux/amd64', digest: amd64.digest, state: 'pending', reason: 'scanning' } as const;
    const refined = refine(sourceOf(good({ ...noFinds, scans: [scan] })), { ...plain, severitySource: 'nvd' });
    expect(await look(refined)).toMatchObject({ value: { scans: [scan] } });
  });
});

describe('VEX', () => {
  let folder: string;
  const opened: VexSource[] = [];
  beforeEach(() => {
    folder = join(mkdtempSync(join(tmpdir(), 'vex-')), 'vex');
    mkdirSync(folder);
  });
  afterEach(() => {
    for (const each of opened.splice(0)) each.close();
    rmSync(join(folder, '..'), { recursive: true, force: true });
  });

  const openvex = (changes: Readonly<Record<string, unknown>> = {}) => ({
    '@context': 'https://openvex.dev/ns/v0.2.0',
    author: 'Example Security',
    timestamp: '2026-11-01T00:00:00Z',
    statements: [
      {
        vulnerability: { name: 'CVE-1' },
        products: [{ '@id': `pkg:oci/app@${amd64.digest.replace(':', '%3A')}` }],
        status: 'not_affected',
        justification: 'component_not_present',
        ...changes,
      },
    ],
  });

  async function open(entry: Readonly<Record<string, unknown>>, parts: ScanParts): Promise<VexSource> {
    const kind: VexKind = entry['kind'] === 'folder' ? vexKinds.folder : vexKinds.attestation;
    const source = await kind.create(kind.settings.parse({ name: 'notes', ...entry }), parts);
    opened.push(source);
    return source;
  }
  const inFolder = () => open({ kind: 'folder', path: folder }, partsOf());
  const write = (name: string, value: unknown) => writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
  const attested = (outcome: Outcome<Finds>, digest = amd64.digest) => open({ kind: 'attestation', signers: ['ci'] }, partsOf({ [digest]: outcome }));
  const said = (value: unknown, changes: Parameters<typeof attestation>[2] = {}) =>
    good({ ...noFinds, attestations: [attestation(amd64.digest, value, { predicateType: 'https://openvex.dev/ns', ...changes })] });
  const judged = (...vex: readonly VexSource[]) => look(refine(found(finding('CVE-1')), { ...plain, vex }));
  const suppressed = {
    value: { scans: [{ counts: { HIGH: 0 }, findings: [{ suppressed: { by: expect.stringMatching(/^vex notes by Example Security/) } }] }] },
  };
  const standing = { value: { scans: [{ counts: { HIGH: 1 }, findings: [{ suppressed: null }] }] } };

  test('in a folder suppresses, with its author', async () => {
    write('a.json', openvex());
    expect(await judged(await inFolder())).toMatchObject(suppressed);
  });

  test('in a folder is seen when it changes, under another trust', async () => {
    const source = await inFolder();
    const refined = refine(found(finding('CVE-1')), { ...plain, vex: [source] });
    const { trust } = refined;
    expect(await look(refined)).toMatchObject(standing);
    write('a.json', openvex());
    await vi.waitFor(async () => expect(await look(refined)).toMatchObject(suppressed), { timeout: 3000 });
    expect(refined.trust).not.toBe(trust);
  });

  test.each([
    ['no JSON', '{'],
    ['no OpenVEX', {}],
    ['with a status that is not known', openvex({ status: 'harmless' })],
    ['of a version that is not known', { ...openvex({ status: 'affected' }), '@context': 'https://openvex.dev/ns/v0.3.0' }],
  ])('in a folder that holds a file that is %s suppresses nothing, of no source: it may take the rest back', async (_, file) => {
    write('a.json', openvex());
    write('b.json', file);
    const outcome = await judged(await inFolder(), await attested(said(openvex())));
    expect(outcome).toMatchObject(standing);
    expect(outcome).toMatchObject({ value: { rejected: [{ source: 'notes', code: 'SCAN_INVALID', message: expect.stringContaining('1 of 2 files') }] } });
  });

  test('in a folder that is not there makes no answer, rather than an answer without it', async () => {
    rmSync(folder, { recursive: true });
    expect(await judged(await inFolder())).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
  });

  test('in a folder that can be read in part only is not asked for half the truth', async () => {
    write('a.json', openvex());
    symlinkSync('b.json', join(folder, 'b.json'));
    expect(await judged(await inFolder())).toMatchObject({ ok: false });
  });

  test('attested by a named signer suppresses, with author and signer', async () => {
    expect(await judged(await attested(said(openvex())))).toMatchObject({
      value: { scans: [{ findings: [{ suppressed: { by: 'vex notes by Example Security, attested by ci', reason: 'component_not_present' } }] }] },
    });
    expect(await judged(await attested(said(openvex(), { predicateType: 'https://openvex.dev/ns/v0.2.0' })))).toMatchObject(suppressed);
  });

  test.each([
    ['by another signer', { signer: 'stranger' }],
    ['about another digest', { subject: digestOf('other') }],
    ['as something else', { predicateType: 'https://openvex.dev/nsx' }],
  ])('attested %s does not', async (_name, changes) => expect(await judged(await attested(said(openvex(), changes)))).toMatchObject(standing));

  test.each([
    ['that is no OpenVEX', { statements: [] }, {}],
    ['that takes it back in words that are not known', openvex({ status: 'exploited' }), {}],
    ['of a version that is not known', openvex({ status: 'affected' }), { predicateType: 'https://openvex.dev/ns/v1.0.0-rc1' }],
  ])('attested suppresses nothing, visibly, beside an attested document %s', async (_, document, changes) => {
    const newer = { ...document, '@context': 'https://openvex.dev/ns/v9.9.9' };
    const both = [openvex(), newer].map((value, i) =>
      attestation(amd64.digest, value, { predicateType: 'https://openvex.dev/ns', ...(i === 1 ? changes : {}) }),
    );
    const outcome = await judged(await attested(good({ ...noFinds, attestations: both })));
    expect(outcome).toMatchObject({ value: { rejected: [{ stage: 'scans', source: 'notes', code: 'SCAN_INVALID' }] } });
    expect(outcome).toMatchObject(standing);
  });

  test('that can not be looked for makes no answer', async () => {
    expect(await judged(await attested(bad('REGISTRY_UNAVAILABLE', 'down')))).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
  });

  test('of which there is too much suppresses nothing, of no source: what was left out may take it back', async () => {
    write('a.json', openvex());
    const faults = [{ code: 'LIMIT_EXCEEDED', message: 'many', transient: false }] as const;
    const outcome = await judged(await inFolder(), await attested(good({ ...noFinds, faults })));
    expect(outcome).toMatchObject(standing);
    expect(outcome).toMatchObject({ value: { rejected: [{ source: 'notes', code: 'LIMIT_EXCEEDED' }], faults: [] } });
  });

  test('of two sources counts by its time', async () => {
    write('a.json', openvex());
    const newer = await attested(said({ ...openvex({ status: 'affected' }), timestamp: '2026-11-02T00:00:00Z' }));
    expect(await judged(await inFolder(), newer)).toMatchObject(standing);
  });

  test('that would take too long to compare suppresses nothing, and is soon given up', async () => {
    const many = Array.from({ length: 20_000 }, (_, i) => ({ '@id': `pkg:deb/debian/other@${i}` }));
    const hostile = openvex({ products: [{ '@id': `pkg:oci/app@${amd64.digest.replace(':', '%3A')}`, subcomponents: many }] });
    const vex = [await attested(said(hostile))];
    const findings = Array.from({ length: 20_000 }, (_, i) => finding('CVE-1', { purl: `pkg:deb/debian/openssl@${i}` }));
    const started = performance.now();
    const outcome = await look(refine(found(...findings), { ...plain, vex }));
    expect(performance.now() - started).toBeLessThan(5000);
    expect(outcome).toMatchObject({ value: { scans: [{ counts: { HIGH: 20_000 } }], rejected: [{ code: 'LIMIT_EXCEEDED' }], faults: [] } });
  });

  test('about one of two children for the same platform does not clear the other', async () => {
    write('a.json', openvex());
    const twin = { ...amd64, digest: digestOf('twin'), imageId: digestOf('twin config') };
    const scans = [scanOf([finding('CVE-1')]), { ...scanOf([finding('CVE-1')]), digest: twin.digest }];
    const refined = refine(sourceOf(good({ ...noFinds, scans })), { ...plain, vex: [await inFolder()] });
    expect(await refined.look(subjectOf(amd64, twin), AbortSignal.timeout(1000))).toMatchObject({
      value: { scans: [{ counts: { HIGH: 0 } }, { digest: twin.digest, counts: { HIGH: 1 } }] },
    });
  });

  test('is not asked for where nothing is open', async () => {
    const vex = [await attested(bad('REGISTRY_UNAVAILABLE', 'down'))];
    expect(await look(refine(found(), { ...plain, vex }))).toMatchObject({ ok: true });
  });

  test('changes its trust with that of its signers', async () => {
    let trust = 'a';
    const source = await open({ kind: 'attestation', signers: ['ci'] }, partsOf({}, { signerTrust: () => trust }));
    const before = source.trust;
    trust = 'b';
    expect(source.trust).not.toBe(before);
  });
});
