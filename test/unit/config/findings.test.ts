import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/parse.ts';
import type { Settings } from '../../../src/config/schema/index.ts';

type Document = Readonly<Record<string, unknown>>;

const parse = (document: Document) => parseConfig(JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...document }), 'tidewaiter.yaml');
const faults = (document: Document) => parse(document).faults.map(({ path, message }) => `${path}: ${message}`);

function settings(document: Document): Settings {
  const parsed = parse(document);
  if (parsed.settings === null) throw new Error(faults(document).join('; '));
  return parsed.settings;
}

const rule = { id: 'CVE-2026-1', owner: 'team blue', reason: 'not reachable', expires: '2027-01-31' };
const expires = (text: unknown) => settings({ ignore: [{ ...rule, expires: text }] }).ignore[0]?.expires;

describe('an ignore rule', () => {
  it('is in force to the end of its day, or up to its time', () => {
    expect(expires('2027-01-31')).toBe(Date.parse('2027-02-01T00:00:00Z'));
    expect(expires('2027-01-31T12:00:00Z')).toBe(Date.parse('2027-01-31T12:00:00Z'));
    expect(expires('2027-01-31T12:00:00+02:00')).toBe(Date.parse('2027-01-31T10:00:00Z'));
  });

  it.each([
    '2027-02-30',
    '2027-13-01',
    '31.1.2027',
    'never',
    '',
    '2027-01-31 12:00',
    '2027-01-31T12:00:00',
    '2027-01-31T25:00:00Z',
    '2027-02-30T12:00:00Z',
    20270131,
    null,
  ])('does not expire on %j', (text) => expect(faults({ ignore: [{ ...rule, expires: text }] })).toEqual([expect.stringMatching(/^ignore\[0\]\.expires: /)]));

  it.each(['id', 'owner', 'reason', 'expires'])('needs its %s', (key) => {
    expect(faults({ ignore: [{ ...rule, [key]: undefined }] })).toEqual([expect.stringContaining(`ignore[0].${key}`)]);
  });

  it('needs a reason that says something', () => expect(faults({ ignore: [{ ...rule, reason: '  ' }] })).toHaveLength(1));

  it('is for every image and package unless it names some', () => {
    expect(settings({ ignore: [rule] }).ignore[0]).toMatchObject({ images: null, packages: null });
    const some = { images: ['registry.corp/acme/**'], packages: ['openssl', 'pkg:npm/left-pad'] };
    expect(settings({ ignore: [{ ...rule, ...some }] }).ignore[0]).toMatchObject(some);
    expect(faults({ ignore: [{ ...rule, images: [] }] })).toHaveLength(1);
    expect(faults({ ignore: [{ ...rule, packages: [] }] })).toHaveLength(1);
    expect(faults({ ignore: [{ ...rule, images: ['nginx'] }] })).toHaveLength(1);
  });
});

describe('the severity source', () => {
  const scan = { name: 'reports', kind: 'trivy-directory', path: 'reports' };

  it('is the reported one unless it is set, for all or for one', () => {
    expect(settings({ scans: [scan] })).toMatchObject({ severitySource: 'reported', scans: [{ severitySource: null }] });
    expect(settings({ severitySource: 'nvd', scans: [{ ...scan, severitySource: 'maximum' }] })).toMatchObject({
      severitySource: 'nvd',
      scans: [{ severitySource: 'maximum' }],
    });
  });

  it('is no other', () => {
    expect(faults({ severitySource: 'debian' })).toHaveLength(1);
    expect(faults({ scans: [{ ...scan, severitySource: 'debian' }] })).toEqual([expect.stringMatching(/^scans\[0\]\.severitySource: /)]);
  });
});

describe('a VEX source', () => {
  it('has a name of its own', () => {
    const vex = { name: 'notes', kind: 'folder', path: 'vex' };
    expect(faults({ vex: [vex, vex] })).toEqual(['vex[1].name: vex[0] has this name already']);
  });

  it('names signers that are there', () => {
    expect(faults({ vex: [{ name: 'notes', kind: 'attestation', signers: ['ci'] }] })).toEqual(['vex[0].signers[0]: there is no signer ci']);
  });
});

it('a referrer trusts what is unsigned by one word only', () => {
  const referrer = { name: 'attached', kind: 'referrer' };
  expect(settings({ scans: [referrer] })).toMatchObject({ scans: [{ artifactTypes: ['application/json'] }] });
  expect(settings({ scans: [{ ...referrer, unsigned: 'trusted' }] })).toMatchObject({ scans: [{ unsigned: 'trusted' }] });
  for (const unsigned of [true, 'yes', 'untrusted', null]) expect(faults({ scans: [{ ...referrer, unsigned }] })).toHaveLength(1);
});
