import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parsePurl } from '../../../src/scans/purl.ts';
import { decodeTrivyReport, mostFindings, readImageId, type TrivyReport } from '../../../src/scans/trivyReport.ts';
import { amd64, report, vulnerability } from './fixtures.ts';

function decoded(value: unknown): TrivyReport {
  const outcome = decodeTrivyReport(value);
  if (!outcome.ok) throw new Error(outcome.fault.message);
  return outcome.value;
}

const metadata = (changes: Readonly<Record<string, unknown>>) => ({ Metadata: { ...Object(report(amd64)['Metadata']), ...changes } });
const results = (...list: readonly unknown[]) => ({ Results: [{ Class: 'os-pkgs', Vulnerabilities: list }] });

describe('a report is refused', () => {
  const cases: Readonly<Record<string, unknown>> = {
    'when it is nothing': null,
    'when it is a list': [],
    'when it is of another schema': report(amd64, { SchemaVersion: 1 }),
    'when it is of a file system': report(amd64, { ArtifactType: 'filesystem' }),
    'when it has no image ID': report(amd64, metadata({ ImageID: undefined })),
    'when its image ID is no digest': report(amd64, metadata({ ImageID: 'nginx:1' })),
    'when it has no time': report(amd64, { CreatedAt: undefined }),
    "when its time is Go's zero time": report(amd64, { CreatedAt: '0001-01-01T00:00:00Z' }),
    'when its time is none': report(amd64, { CreatedAt: 'yesterday' }),
    'when its results are no list': report(amd64, { Results: { Vulnerabilities: [] } }),
    'when a finding has no id': report(amd64, results(vulnerability({ VulnerabilityID: '' }))),
    'when a severity is unheard of': report(amd64, results(vulnerability({ Severity: 'TERRIBLE' }))),
    "when a vendor's severity is out of range": report(amd64, results(vulnerability({ VendorSeverity: { nvd: 5 } }))),
    'when the name of a vulnerability is too long': report(amd64, results(vulnerability({ VulnerabilityID: 'x'.repeat(4097) }))),
    'when the name of a package is too long': report(amd64, results(vulnerability({ PkgName: 'x'.repeat(4097) }))),
    'when its layers are no list': report(amd64, metadata({ Layers: { Digest: 'x' } })),
    'when a suppressed finding is broken': report(amd64, { Results: [{ ExperimentalModifiedFindings: [{ Type: 'vulnerability', Finding: {} }] }] }),
  };
  test.each(Object.entries(cases))('%s', (_name, value) => {
    expect(decodeTrivyReport(value)).toMatchObject({ ok: false, fault: { code: 'SCAN_INVALID' } });
  });

  test('when it has more findings than are read, before they are', () => {
    const half = Array.from({ length: mostFindings / 2 + 1 }, () => null);
    const flood = report(amd64, { Results: [{ Vulnerabilities: half }, { Vulnerabilities: half }] });
    expect(decodeTrivyReport(flood)).toMatchObject({ fault: { message: 'the report has more than 50000 findings' } });
  });

  test('without repeating what stands in it', () => {
    const outcome = decodeTrivyReport(report(amd64, results(vulnerability({ VendorSeverity: { 'evil\u001b[31m vendor': 'x' } }))));
    expect(outcome).toMatchObject({ ok: false });
    expect(JSON.stringify(outcome)).not.toContain('evil');
  });
});

test('whatever comes, decoding answers', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.constantFrom(...Object.keys(report(amd64))), (value, key) => {
      expect(typeof decodeTrivyReport(value).ok).toBe('boolean');
      expect(typeof decodeTrivyReport(report(amd64, { [key]: value })).ok).toBe('boolean');
      readImageId(value);
    }),
  );
});

describe('a text that is only shown', () => {
  const long = 'x'.repeat(5_000);
  const cut = `${'x'.repeat(4096)}…`;

  test.each([
    ['InstalledVersion', 'installed'],
    ['FixedVersion', 'fixed'],
    ['Status', 'status'],
  ] as const)('is cut with a mark where it is too long: %s', (theirs, ours) => {
    expect(decoded(report(amd64, results(vulnerability({ [theirs]: long })))).findings).toMatchObject([{ id: 'CVE-2026-0001', [ours]: cut }]);
  });

  test('is cut in a package URL, which no rule fits any more', () => {
    const [finding] = decoded(report(amd64, results(vulnerability({ PkgIdentifier: { PURL: `pkg:npm/left-pad@1.0.0?x=${long}` } })))).findings;
    expect(finding?.purl).toMatch(/^pkg:npm\/left-pad@1\.0\.0\?x=x+…$/);
    expect(parsePurl(finding?.purl ?? '')).toBeNull();
    expect(parsePurl('pkg:npm/left-pad@1.0.0?x=x')).not.toBeNull();
  });

  test('tells findings apart by all of it', () => {
    const two = ['a', 'b'].map((end) => vulnerability({ InstalledVersion: `${long}${end}` }));
    expect(decoded(report(amd64, results(...two))).counts.HIGH).toBe(2);
  });
});

describe('a report says', () => {
  test('what was found, by whom it is graded how, and whether there is a fix', () => {
    expect(decoded(report(amd64))).toMatchObject({
      imageId: amd64.imageId,
      platform: 'linux/amd64',
      scannedAt: Date.parse('2026-11-24T10:00:00.123Z'),
      databaseUpdatedAt: null,
      scanner: 'trivy 0.74.0',
      endOfLife: false,
      inconclusive: null,
      counts: { CRITICAL: 0, HIGH: 1, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
      findings: [
        {
          id: 'CVE-2026-0001',
          package: 'openssl',
          purl: 'pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=debian-12.5',
          installed: '3.0.1',
          fixed: '3.0.2',
          severity: 'HIGH',
          severities: { debian: 'HIGH', nvd: 'CRITICAL' },
          status: 'fixed',
          suppressed: null,
        },
      ],
    });
  });

  test('when each vulnerability was made public, and nothing where its date can not be read', () => {
    const dated = (PublishedDate: string) => ({ VulnerabilityID: PublishedDate, PkgName: 'p', PublishedDate });
    const { findings } = decoded(report(amd64, results(dated('2026-11-01T10:15:00Z'), dated('last week'), dated('0001-01-01T00:00:00Z'))));
    expect(findings.map(({ published }) => published)).toEqual(['2026-11-01T10:15:00.000Z', null, null]);
  });

  test('no more than it does: a missing severity is UNKNOWN, a missing fix is null', () => {
    const bare = { VulnerabilityID: 'CVE-1', PkgName: 'p' };
    expect(decoded(report(amd64, results(bare))).findings).toEqual([
      {
        id: 'CVE-1',
        package: 'p',
        purl: null,
        installed: '',
        fixed: null,
        severity: 'UNKNOWN',
        severities: {},
        status: 'unknown',
        published: null,
        suppressed: null,
      },
    ]);
  });

  test('when its database was made, if it came from a server', () => {
    const Trivy = { Version: '0.74.0', Server: { Version: '0.74.0', VulnerabilityDB: { Version: 2, UpdatedAt: '2026-11-24T06:00:00Z' } } };
    expect(decoded(report(amd64, { Trivy })).databaseUpdatedAt).toBe('2026-11-24T06:00:00.000Z');
  });

  test('that the distribution is no longer maintained', () => {
    expect(decoded(report(amd64, metadata({ OS: { Family: 'debian', EOSL: true } }))).endOfLife).toBe(true);
  });

  test('a finding once, at however many paths it lies', () => {
    const twice = report(amd64, results(vulnerability({ PkgPath: 'a' }), vulnerability({ PkgPath: 'b' })));
    expect(decoded(twice).counts.HIGH).toBe(1);
  });

  test('what Trivy suppressed, and why; it is not counted', () => {
    const Finding = vulnerability({ VulnerabilityID: 'CVE-2' });
    const hidden = { Type: 'vulnerability', Status: 'ignored', Statement: 'not reachable', Source: '.trivyignore.yaml', Finding };
    const read = decoded(report(amd64, { Results: [{ Class: 'os-pkgs', ExperimentalModifiedFindings: [hidden, { Type: 'secret', Finding: {} }] }] }));
    expect(read.findings).toMatchObject([{ id: 'CVE-2', suppressed: { by: 'trivy .trivyignore.yaml', reason: 'not reachable' } }]);
    expect(read.counts.HIGH).toBe(0);
  });

  test('what is suppressed at one path and open at another is open', () => {
    const hidden = { Type: 'vulnerability', Status: 'ignored', Finding: vulnerability() };
    const read = decoded(report(amd64, { Results: [{ Class: 'os-pkgs', Vulnerabilities: [vulnerability()], ExperimentalModifiedFindings: [hidden] }] }));
    expect(read.findings).toMatchObject([{ suppressed: null }]);
    expect(read.counts.HIGH).toBe(1);
  });
});

describe('nothing follows from there being no finding', () => {
  const cases: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
    'without results': { Results: undefined },
    'with results that are null': { Results: null },
    'with empty results': { Results: [] },
    'when only secrets were looked for': { Results: [{ Class: 'secret' }] },
    'when the operating system is unknown': { ...metadata({ OS: undefined }), Results: [{ Class: 'lang-pkgs' }] },
    'when the operating system is none': { ...metadata({ OS: { Family: 'none' } }), Results: [{ Class: 'os-pkgs' }] },
  };
  test.each(Object.entries(cases))('%s', (_name, changes) => {
    expect(decoded(report(amd64, changes)).inconclusive).not.toBeNull();
  });

  test('but something does when packages of a known system were compared', () => {
    expect(decoded(report(amd64, results())).inconclusive).toBeNull();
  });
});
