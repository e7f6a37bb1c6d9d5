import { existsSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import type { PlatformImage } from '../../../src/domain/evidence.ts';
import { good } from '../../../src/domain/fault.ts';
import { ownAccess } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createGatherer } from '../../../src/evidence/gather.ts';
import { type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { type FakeTrivy, fakeTrivy } from '../../fakes/trivy.ts';
import { amd64, arm64, partsOf, platform, report, states, subjectOf } from './fixtures.ts';

let trivy: FakeTrivy;
let sources: ScanSource[];
let now: number;

beforeEach(() => {
  trivy = fakeTrivy();
  sources = [];
  now = Date.parse('2026-11-24T20:00:00Z');
  for (const image of [amd64, arm64]) trivy.report(image.digest, report(image));
});

afterEach(() => {
  for (const source of sources) source.close();
  vi.unstubAllEnvs();
  trivy.remove();
});

function create(changes: Readonly<Record<string, unknown>> = {}) {
  const settings = scanKinds.trivy.settings.parse({ name: 'scanner', kind: 'trivy', binary: trivy.path, offline: true, patience: '20s', ...changes });
  return scanKinds.trivy.create(settings, { ...partsOf(), clock: () => now });
}

async function open(changes: Readonly<Record<string, unknown>> = {}): Promise<ScanSource> {
  const created = await create(changes);
  if (!created.ok) throw new Error(created.fault.message);
  sources.push(created.value);
  return created.value;
}

const look = async (source: ScanSource, ...platforms: readonly PlatformImage[]) => source.look(subjectOf(...platforms), AbortSignal.timeout(15_000));
/** Ended, whether or not anybody has asked how. */
const gone = (pid: string): boolean => {
  try {
    process.kill(Number(pid), 0);
    return existsSync(`/proc/${Number(pid)}/stat`) && readFileSync(`/proc/${Number(pid)}/stat`, 'utf8').includes(') Z ');
  } catch {
    return true;
  }
};
/** Waits for a file of the test's own, as long as nobody has made it. */
const waitForGo = 'while [ ! -e "$d/go" ]; do sleep 0.01; done';

describe('a scan', () => {
  test('is made by the digest of the platform, never of the index, and is bound by the image ID', async () => {
    const source = await open();
    expect(await look(source, amd64, arm64)).toMatchObject({
      ok: true,
      value: {
        faults: [],
        scans: [
          { source: 'scanner', platform: 'linux/amd64', state: 'evaluated', scannedAt: '2026-11-24T10:00:00.123Z', counts: { HIGH: 1 } },
          { source: 'scanner', platform: 'linux/arm64', state: 'evaluated' },
        ],
      },
    });
    const images = trivy.calls().map((call) => call.split(' ').at(-1));
    expect(images.sort()).toEqual([`registry.test/acme/app@${amd64.digest}`, `registry.test/acme/app@${arm64.digest}`].sort());
  });

  test('never looks at what a container engine holds, nor for another version, and is passed what is configured', async () => {
    await look(await open({ databaseRepository: 'registry.corp/trivy-db:2' }), amd64);
    expect(trivy.calls()[0]).toMatch(
      /^image --quiet --format json --scanners vuln --skip-version-check .*--image-src remote .*--timeout 300s .*--offline-scan --skip-db-update /,
    );
    expect(trivy.calls()[0]).toContain('--db-repository registry.corp/trivy-db:2 -- registry.test/');
    await look(await open({ server: 'http://trivy:4954' }), amd64);
    expect(trivy.calls()[1]).toContain('--server http://trivy:4954');
    expect(trivy.calls()[1]).not.toContain('--skip-db-update');
  });

  test('sees nothing of our environment, and is run where no option and no ignored finding can lie', async () => {
    vi.stubEnv('TRIVY_SEVERITY', 'LOW');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'hush');
    vi.stubEnv('SSL_CERT_FILE', '/etc/corp.pem');
    await look(await open(), amd64);
    const environment = trivy.environment();
    expect(
      [...environment.keys()].filter((name) => !['PWD', 'OLDPWD', 'SHLVL', '_', 'HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'SSL_CERT_DIR'].includes(name)).sort(),
    ).toEqual(['DOCKER_CONFIG', 'HOME', 'PATH', 'SSL_CERT_FILE', 'TMPDIR']);
    expect(trivy.surroundings()).toHaveLength(1);
  });

  test('is made once for all who ask, and kept', async () => {
    const source = await open();
    await Promise.all(Array.from({ length: 20 }, () => look(source, amd64)));
    await look(source, amd64);
    expect(trivy.calls()).toHaveLength(1);
  });

  test('that is not finished is pending, and is there when it is', async () => {
    trivy.behave(waitForGo);
    const source = await open({ patience: '0s' });
    expect(await look(source, amd64)).toMatchObject({ ok: false, fault: { code: 'SCAN_PENDING', transient: true } });
    expect(states(await look(source, amd64))).toEqual(['SCAN_PENDING']);
    trivy.touch('go');
    await vi.waitFor(async () => expect(states(await look(source, amd64))).toEqual(['linux/amd64 evaluated']), { timeout: 10_000 });
    expect(trivy.calls()).toHaveLength(1);
  });

  test('of one platform that is not finished leaves what is known of the other', async () => {
    const source = await open({ patience: '0s' });
    await vi.waitFor(async () => expect(states(await look(source, amd64))).toEqual(['linux/amd64 evaluated']), { timeout: 10_000 });
    trivy.behave(waitForGo);
    const outcome = await look(source, amd64, arm64);
    expect(states(outcome)).toEqual(['linux/amd64 evaluated', 'linux/arm64 pending']);
    expect(outcome).toMatchObject({ value: { faults: [{ code: 'SCAN_PENDING' }] } });
    trivy.touch('go');
  });

  test('waits for its turn where as many as may be are under way', async () => {
    trivy.behave(waitForGo);
    const images = ['a', 'b', 'c', 'd'].map((name) => platform(`linux/${name}`));
    for (const image of images) trivy.report(image.digest, report(image));
    const source = await open({ concurrency: 3, patience: '0s' });
    for (const image of images) expect(states(await look(source, image))).toEqual(['SCAN_PENDING']);
    await vi.waitFor(() => expect(trivy.calls()).toHaveLength(3), { timeout: 10_000 });
    trivy.touch('go');
    await vi.waitFor(
      async () => {
        for (const image of images) expect(states(await look(source, image))).toEqual([`${image.platform} evaluated`]);
      },
      { timeout: 10_000 },
    );
    expect(trivy.calls()).toHaveLength(4);
  });

  test('is made alone where the program keeps a database up to date', async () => {
    trivy.behave(waitForGo);
    const source = await open({ concurrency: 3, offline: false, patience: '0s' });
    for (const image of [amd64, arm64]) expect(states(await look(source, image))).toEqual(['SCAN_PENDING']);
    await vi.waitFor(() => expect(trivy.calls()).toHaveLength(1), { timeout: 10_000 });
    trivy.touch('go');
    await vi.waitFor(async () => expect(states(await look(source, arm64))).toEqual(['linux/arm64 evaluated']), { timeout: 10_000 });
  });

  test('that is old counts by its age while a new one is made', async () => {
    const source = await open({ rescanAfter: '1h' });
    await look(source, amd64);
    now += 3_600_000;
    trivy.report(amd64.digest, report(amd64, { CreatedAt: '2026-11-24T21:00:00Z' }));
    expect(await look(source, amd64)).toMatchObject({ value: { scans: [{ scannedAt: '2026-11-24T10:00:00.123Z' }] } });
    await vi.waitFor(async () => expect(await look(source, amd64)).toMatchObject({ value: { scans: [{ scannedAt: '2026-11-24T21:00:00.000Z' }] } }), {
      timeout: 10_000,
    });
    expect(trivy.calls()).toHaveLength(2);
  });

  test('that can not be made anew leaves the old one', async () => {
    const source = await open({ rescanAfter: '1h' });
    await look(source, amd64);
    now += 3_600_000;
    trivy.behave('echo "failed to download vulnerability DB" >&2; exit 1');
    await look(source, amd64);
    await vi.waitFor(() => expect(trivy.calls()).toHaveLength(2), { timeout: 10_000 });
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 evaluated']);
  });

  test('that was made anew, and whose report can not be used, takes the old one away', async () => {
    const source = await open({ rescanAfter: '1h' });
    await look(source, amd64);
    now += 3_600_000;
    trivy.report(amd64.digest, { ...report(amd64), Results: [{ Vulnerabilities: [{}] }] });
    await vi.waitFor(async () => expect(states(await look(source, amd64))).toEqual(['linux/amd64 invalid']), { timeout: 10_000 });
  });
});

describe('a scan, as the line asks for it', () => {
  test('is begun by the first gathering, is pending and dark while it lasts, and is there for the next', async () => {
    trivy.behave(waitForGo);
    const subject = subjectOf(amd64);
    const content = { manifest: async () => good(subject.manifest), platforms: async () => good(subject.platforms) };
    const facts = createFacts({ entries: 100, askFor: 10_000, lastKnownGoodFor: 0, asking: 10 }, () => now);
    const settings = { absentFor: 10_000, refreshAfter: 600_000, assembled: 10 };
    const gatherer = createGatherer([await open({ patience: '0s' })], content, facts, settings);
    const gather = async () => gatherer.gather(subject.image, subject.repositories, ['linux/amd64'], ownAccess, deadlineIn(10_000, Date.now()));
    expect(await gather()).toMatchObject({
      scans: [{ source: 'scanner', platform: 'linux/amd64', state: 'pending' }],
      faults: [{ stage: 'scans', code: 'SCAN_PENDING', transient: true }],
      dark: ['scans'],
    });
    trivy.touch('go');
    await vi.waitFor(async () => expect(await gather()).toMatchObject({ scans: [{ state: 'evaluated' }], faults: [], dark: [] }), { timeout: 10_000 });
    expect(trivy.calls()).toHaveLength(1);
  });
});

describe('a scan that fails', () => {
  test.each([
    ['credentials are refused', 'echo "GET https://me:hush@registry.test/v2/: UNAUTHORIZED: authentication required" >&2; exit 1', /refuses its credentials/],
    ['there is no database', 'echo "--skip-db-update cannot be specified on the first run" >&2; exit 1', /no vulnerability database/],
    ['nobody knows why', 'echo "hush, it is a secret" >&2; exit 1', /run it by hand/],
    ['it ends by itself', 'kill -9 $$', /ended with/],
  ])('because %s says so, without a word that it said', async (_, behaviour, reason) => {
    trivy.behave(behaviour);
    const outcome = await look(await open(), amd64);
    expect(outcome).toMatchObject({ ok: true, value: { faults: [], scans: [{ state: 'failed', reason: expect.stringMatching(reason) }] } });
    expect(JSON.stringify(outcome)).not.toContain('hush');
  });

  test.each([
    ['it writes no JSON', 'echo "hush" ; exit 0', /no JSON/],
    ['it writes no report', 'echo "{}"; exit 0', /SchemaVersion 2/],
    ['it writes without end', 'exec cat /dev/zero', /more than \d+ bytes/],
  ])('is invalid when %s, without a word that it said', async (_, behaviour, reason) => {
    trivy.behave(behaviour);
    const outcome = await look(await open(), amd64);
    expect(outcome).toMatchObject({ ok: true, value: { faults: [], scans: [{ state: 'invalid', reason: expect.stringMatching(reason) }] } });
    expect(JSON.stringify(outcome)).not.toContain('hush');
  });

  test('because the report is about another image is no result', async () => {
    trivy.report(amd64.digest, report(arm64));
    expect(await look(await open(), amd64)).toMatchObject({ value: { scans: [{ state: 'invalid', reason: expect.stringContaining('another image') }] } });
  });

  test('is not tried again at once, but after a while', async () => {
    trivy.behave('exit 1');
    const source = await open();
    for (let i = 0; i < 3; i += 1) expect(states(await look(source, amd64))).toEqual(['linux/amd64 failed']);
    expect(trivy.calls()).toHaveLength(1);
    trivy.behave('');
    now += 60_000;
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 evaluated']);
  });

  test('because it takes too long is killed, with all that it started', async () => {
    trivy.behave('sleep 1000 & echo $! > "$d/child"; echo $$ > "$d/self"; wait');
    expect(await look(await open({ timeout: '1s' }), amd64)).toMatchObject({
      value: { scans: [{ state: 'failed', reason: expect.stringContaining('1000 ms') }] },
    });
    await vi.waitFor(() => expect([gone(trivy.read('child')), gone(trivy.read('self'))]).toEqual([true, true]), { timeout: 5_000 });
  });

  test('because the source is closed is killed, and nothing of it stays', async () => {
    trivy.behave('echo $HOME > "$d/home"; sleep 1000 & echo $! > "$d/child"; wait');
    const source = await open({ patience: '0s' });
    await look(source, amd64);
    await vi.waitFor(() => expect(trivy.read('child')).not.toBe(''), { timeout: 10_000 });
    source.close();
    await vi.waitFor(() => expect(gone(trivy.read('child'))).toBe(true), { timeout: 5_000 });
    expect(existsSync(trivy.read('home').trim())).toBe(false);
    expect(states(await look(source, amd64))).toEqual(['INTERNAL']);
  });
});

describe('settings', () => {
  test.each(['/nowhere/trivy', 'no-such-program-trivy', '.'])('name a program that is there: %s is refused', async (binary) => {
    expect(await create({ binary })).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  test.each([
    ['a server that is no address', { server: 'trivy:4954' }],
    ['a server with a password', { server: 'https://me:hush@trivy:4954' }],
    ['a repository that is an option', { databaseRepository: '--config=/tmp/x' }],
    ['a time without a unit', { timeout: '30' }],
    ['a time that is too long', { timeout: '2h' }],
    ['no concurrency', { concurrency: 0 }],
  ])('can not have %s', (_, changes) => {
    expect(scanKinds.trivy.settings.safeParse({ name: 'scanner', kind: 'trivy', ...changes }).success).toBe(false);
  });
});
