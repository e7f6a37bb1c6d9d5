import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlatformImage, Subject } from '../../../src/domain/evidence.ts';
import { readArtifact, readHarborReport } from '../../../src/scans/harborReport.ts';
import { type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { type FakeHarbor, harborReport, type Misbehaviour, overviewOf, startHarbor } from '../../fakes/harbor.ts';
import { amd64, arm64, partsOf, states, subjectOf } from './fixtures.ts';

let harbor: FakeHarbor;
let folder: string;
let source: ScanSource;

beforeAll(async () => {
  harbor = await startHarbor();
  folder = mkdtempSync(join(tmpdir(), 'harbor-'));
  writeFileSync(join(folder, 'ca.pem'), harbor.ca);
  writeFileSync(join(folder, 'password'), `${harbor.robot.secret}\n`);
  writeFileSync(join(folder, 'robot.json'), JSON.stringify({ creation_time: '2026-01-01T00:00:00Z', expires_at: -1, id: 3, ...harbor.robot }));
});

afterAll(async () => {
  await harbor.close();
  rmSync(folder, { recursive: true });
});

const basic = () => ({ kind: 'basic', username: harbor.robot.name, passwordFile: join(folder, 'password') });

async function create(changes: Readonly<Record<string, unknown>> = {}) {
  const entry = { name: 'harbor', kind: 'harbor', url: harbor.url, credentials: basic(), caFile: join(folder, 'ca.pem'), ...changes };
  return scanKinds.harbor.create(scanKinds.harbor.settings.parse(entry), partsOf());
}

async function open(changes: Readonly<Record<string, unknown>> = {}): Promise<ScanSource> {
  const created = await create(changes);
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

beforeEach(async () => {
  harbor.misbehave(null);
  harbor.requests.length = 0;
  source = await open();
});
afterEach(() => source.close());

/** An image that lies in this Harbor, in a project and a folder of its own for each test. */
let next = 0;
function there(...platforms: readonly PlatformImage[]): Subject & { readonly repository: string } {
  next += 1;
  const subject = subjectOf(...platforms);
  const repository = `team/app${next}`;
  return { ...subject, image: { ...subject.image, registry: harbor.host, repository: `shop/${repository}` }, repository };
}

function look(subject: Subject) {
  return source.look(subject, AbortSignal.timeout(10_000));
}

describe('what Harbor found', () => {
  test('is asked for by the digest of the platform, the slash of the repository encoded twice', async () => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    expect(await look(subject)).toMatchObject({
      ok: true,
      value: {
        faults: [],
        scans: [
          {
            source: 'harbor',
            platform: 'linux/amd64',
            state: 'evaluated',
            signer: null,
            scanner: 'trivy v0.74.0',
            scannedAt: '2026-11-24T10:00:00.000Z',
            counts: { CRITICAL: 0, HIGH: 1, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
            endOfLife: null,
            findings: [
              {
                id: 'CVE-2026-0001',
                package: 'openssl',
                installed: '3.0.1',
                fixed: '3.0.2',
                severity: 'HIGH',
                status: 'fixed',
                published: null,
                suppressed: null,
              },
            ],
          },
        ],
      },
    });
    const artifact = `GET /api/v2.0/projects/shop/repositories/team%252Fapp${next}/artifacts/${encodeURIComponent(amd64.digest)}`;
    expect(harbor.requests).toEqual([expect.stringContaining(`${artifact}?with_scan_overview=true`), `${artifact}/additions/vulnerabilities`]);
  });

  test.each([
    ['never scanned', null, 'missing'],
    ['waiting', 'Pending', 'pending'],
    ['waiting for its turn', 'Scheduled', 'pending'],
    ['being scanned', 'Running', 'pending'],
    ['scanned in vain', 'Error', 'failed'],
    ['stopped', 'Stopped', 'failed'],
  ])('counts for nothing while the image is %s', async (_, status, state) => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: status === null ? null : overviewOf(status), report: harborReport(amd64.digest) });
    expect(states(await look(subject))).toEqual([`linux/amd64 ${state}`]);
    expect(harbor.requests).toHaveLength(1);
  });

  test('is missing where there is no such image, and where the answer is {}', async () => {
    expect(states(await look(there(amd64)))).toEqual(['linux/amd64 missing']);
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: null });
    expect(states(await look(subject))).toEqual(['linux/amd64 missing']);
  });

  test('is inconclusive where only a part was scanned', async () => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success', { complete_percent: 50 }), report: harborReport(amd64.digest) });
    expect(states(await look(subject))).toEqual(['linux/amd64 inconclusive']);
  });

  test('is asked for each platform of an index, and one that was not scanned stays so', async () => {
    const subject = there(amd64, arm64);
    harbor.put('shop', subject.repository, subject.image.digest, {
      overview: overviewOf('Success', { complete_percent: 50 }),
      report: harborReport(amd64.digest),
    });
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    harbor.put('shop', subject.repository, arm64.digest, { overview: null, report: null });
    expect(states(await look(subject))).toEqual(['linux/amd64 evaluated', 'linux/arm64 missing']);
  });

  test.each([
    ['about other content', (digest: string) => harborReport(`${digest.slice(0, -4)}0000`)],
    ['from the future', (digest: string) => harborReport(digest, { generated_at: '2027-01-01T00:00:00Z' })],
    ['without a time', (digest: string) => harborReport(digest, { generated_at: '' })],
    ['not as it should be', (digest: string) => harborReport(digest, { vulnerabilities: [{ id: '' }] })],
  ])('is invalid when the report is %s', async (_, report) => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success', { end_time: null }), report: report(amd64.digest) });
    expect(states(await look(subject))).toEqual(['linux/amd64 invalid']);
  });

  test('is as old as the older of the two times that Harbor names', async () => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, {
      overview: overviewOf('Success', { end_time: '2026-11-20T10:00:00Z' }),
      report: harborReport(amd64.digest),
    });
    expect(await look(subject)).toMatchObject({ value: { scans: [{ scannedAt: '2026-11-20T10:00:00.000Z' }] } });
  });

  test('is a mismatch where Harbor answers about other content than it was asked for', async () => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    harbor.misbehave('otherArtifact');
    expect(states(await look(subject))).toEqual(['linux/amd64 mismatch']);
  });
});

describe('an outage', () => {
  test.each<[string, Misbehaviour, string]>([
    ['refuses the credentials', { status: 401 }, 'REGISTRY_UNAUTHORIZED'],
    ['forbids it', { status: 403 }, 'REGISTRY_UNAUTHORIZED'],
    ['limits the rate', { status: 429 }, 'REGISTRY_RATE_LIMITED'],
    ['fails', { status: 500 }, 'REGISTRY_UNAVAILABLE'],
    ['redirects', { status: 302, location: 'https://169.254.169.254/latest' }, 'RESPONSE_INVALID'],
    ['writes garbage', 'garbage', 'RESPONSE_INVALID'],
    ['breaks off', 'reset', 'REGISTRY_UNAVAILABLE'],
    ['never ends', 'flood', 'LIMIT_EXCEEDED'],
  ])('is a fault and not "missing" when Harbor %s, and the next look recovers', async (_, how, code) => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    harbor.misbehave(how);
    const outcome = await look(subject);
    expect(states(outcome)).toEqual([code]);
    expect(JSON.stringify(outcome)).not.toMatch(/words of the upstream|aW4gdmFpbg/);
    harbor.misbehave(null);
    expect(states(await look(subject))).toEqual(['linux/amd64 evaluated']);
  });

  test('is a fault of time when Harbor is silent, and ends with the signal', async () => {
    harbor.misbehave('silence');
    expect(states(await source.look(there(amd64), AbortSignal.timeout(50)))).toEqual(['DEADLINE_EXCEEDED']);
  });

  test('of one platform leaves what is known of the others', async () => {
    const subject = there(amd64, { ...arm64, digest: amd64.digest });
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    expect(states(await look(subject))).toEqual(['linux/amd64 evaluated', 'linux/arm64 evaluated']);
  });

  test('is what a Harbor without a certificate that we trust looks like', async () => {
    const other = await open({ caFile: undefined });
    expect(states(await other.look(there(amd64), AbortSignal.timeout(5000)))).toEqual(['REGISTRY_UNAVAILABLE']);
    other.close();
  });
});

describe('a Harbor', () => {
  test('is asked about its own images and those mirrored there, and no others', async () => {
    const hub = { registry: 'docker.io', repository: 'library/nginx', tag: '1', digest: null };
    expect(source.applies({ ...hub, registry: harbor.host })).toBe(true);
    expect(source.applies(hub)).toBe(false);
    const settings = scanKinds.harbor.settings.parse({ name: 'h', kind: 'harbor', url: 'https://harbor.corp', credentials: basic() });
    const mirrored = await scanKinds.harbor.create(settings, {
      ...partsOf(),
      places: (image) => [image, { registry: 'harbor.corp', repository: 'hub/library/nginx' }],
    });
    expect(mirrored.ok && mirrored.value.applies(hub)).toBe(true);
    if (mirrored.ok) mirrored.value.close();
  });

  test('takes the file of a robot account as it exports it', async () => {
    const subject = there(amd64);
    harbor.put('shop', subject.repository, amd64.digest, { overview: overviewOf('Success'), report: harborReport(amd64.digest) });
    const robot = await open({ credentials: { kind: 'robot', file: join(folder, 'robot.json') } });
    expect(states(await robot.look(subject, AbortSignal.timeout(5000)))).toEqual(['linux/amd64 evaluated']);
    robot.close();
  });

  test.each([
    ['a robot file that is none', { kind: 'robot', file: 'password' }, /as Harbor exports it/],
    ['an empty password', { kind: 'basic', username: 'me', passwordFile: 'empty' }, /empty/],
  ])('is refused with %s, without a word of what the file holds', async (_, credentials, message) => {
    writeFileSync(join(folder, 'empty'), '\n');
    const named = Object.fromEntries(Object.entries(credentials).map(([key, value]) => [key, /ile$/.test(key) ? join(folder, value) : value]));
    const created = await create({ credentials: named });
    expect(created).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID', message: expect.stringMatching(message) } });
    expect(JSON.stringify(created)).not.toContain(harbor.robot.secret);
  });

  test.each(['http://harbor.corp', 'https://user:secret@harbor.corp', 'harbor.corp', 'ftp://harbor.corp', 'https://harbor.corp/?a=b'])(
    'can not be at %s',
    (url) => {
      expect(scanKinds.harbor.settings.safeParse({ name: 'h', kind: 'harbor', url, credentials: basic() }).success).toBe(false);
    },
  );
});

test('no answer, however it is shaped, makes a reader throw', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      readArtifact(value);
      readHarborReport(value, amd64.digest);
      readHarborReport({ 'application/vnd.security.vulnerability.report; version=1.1': value }, amd64.digest);
      readArtifact({ digest: amd64.digest, scan_overview: value });
    }),
    { numRuns: 200 },
  );
});
