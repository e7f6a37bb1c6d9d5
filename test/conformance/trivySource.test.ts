/** The scan source `trivy` with the real Trivy, offline, alone and as the client of a real Trivy server. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { PlatformImage, Subject } from '../../src/domain/evidence.ts';
import { type ScanSource, scanKinds } from '../../src/scans/index.ts';
import { installTool } from '../../tools/install.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { type Child, startChild } from '../rig/child.ts';
import { freePorts, waitFor } from '../rig/wait.ts';
import { partsOf, states, subjectOf } from '../unit/scans/fixtures.ts';
import { databaseTime, files, pushIndexOf, pushRoot, type RootImage, startTrivy, type Trivy } from './trivyTool.ts';

const repository = 'acme/app';
let registry: RealRegistry;
let trivy: Trivy;
let binary: string;
let folder: string;
let debian: RootImage;
let alpine: RootImage;
const opened: ScanSource[] = [];

beforeAll(async () => {
  registry = await startRealRegistry();
  trivy = await startTrivy();
  binary = await installTool('trivy');
  folder = dirname(trivy.write('probe.json', {}));
  const place = { registry: registry.url, repository };
  debian = await pushRoot(place, files.debian);
  alpine = await pushRoot(place, files.alpine, { architecture: 'arm64' });
  await pushIndexOf(place, [debian, alpine], 'multi');
});

afterEach(() => {
  for (const source of opened.splice(0)) source.close();
});

afterAll(async () => {
  trivy?.close();
  await registry?.stop();
});

async function open(changes: Readonly<Record<string, unknown>> = {}): Promise<ScanSource> {
  const entry = { name: 'scanner', kind: 'trivy', binary, offline: true, cacheDirectory: join(folder, 'cache'), patience: '20s', ...changes };
  // The reports are of today.
  const created = await scanKinds.trivy.create(scanKinds.trivy.settings.parse(entry), partsOf({}, { clock: Date.now }));
  if (!created.ok) throw new Error(created.fault.message);
  opened.push(created.value);
  return created.value;
}

const platformOf = (image: RootImage, platform: string): PlatformImage => ({
  platform,
  digest: image.descriptor.digest,
  imageId: image.imageId,
  created: null,
  user: null,
  labels: {},
  annotations: {},
  rootfs: image.rootfs,
});

function subject(...platforms: readonly PlatformImage[]): Subject {
  const made = subjectOf(...platforms);
  return { ...made, image: { ...made.image, registry: registry.host, repository }, repositories: [{ registry: registry.host, repository }] };
}

const look = (source: ScanSource, ...platforms: readonly PlatformImage[]) => source.look(subject(...platforms), AbortSignal.timeout(40_000));

describe('the real Trivy', () => {
  test('scans each platform of an index at once, by its own manifest', async () => {
    const outcome = await look(await open(), platformOf(debian, 'linux/amd64'), platformOf(alpine, 'linux/arm64'));
    expect(outcome).toMatchObject({
      ok: true,
      value: {
        faults: [],
        scans: [
          { platform: 'linux/amd64', state: 'evaluated', scanner: 'trivy 0.74.0', databaseUpdatedAt: null },
          { platform: 'linux/arm64', state: 'evaluated', findings: [{ id: 'CVE-2026-2001', package: 'busybox', fixed: '1.36.1-r30' }] },
        ],
      },
    });
    const found = outcome.ok ? outcome.value.scans.flatMap((scan) => (scan.state === 'evaluated' ? scan.findings.map(({ id }) => id) : [])) : [];
    expect(found.sort()).toEqual(['CVE-2026-1001', 'CVE-2026-1002', 'CVE-2026-1003', 'CVE-2026-2001']);
  });

  test('says that nothing follows from an image that it does not know', async () => {
    const scratch = await pushRoot({ registry: registry.url, repository }, files.scratch);
    expect(states(await look(await open(), platformOf(scratch, 'linux/amd64')))).toEqual(['linux/amd64 inconclusive']);
  });

  test('fails where the registry does not have the image, and where there is no database', async () => {
    const nowhere = { ...platformOf(debian, 'linux/amd64'), digest: debian.imageId };
    expect(await look(await open(), nowhere)).toMatchObject({
      value: { scans: [{ state: 'failed', reason: expect.stringContaining('does not have the image') }] },
    });
    const empty = join(folder, 'empty');
    mkdirSync(empty, { recursive: true });
    expect(await look(await open({ cacheDirectory: empty }), platformOf(debian, 'linux/amd64'))).toMatchObject({
      value: { scans: [{ state: 'failed', reason: expect.stringContaining('no vulnerability database') }] },
    });
  });
});

describe('a real Trivy server', () => {
  let server: Child;
  let url: string;

  beforeAll(async () => {
    const [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${port}`;
    const args = ['server', '--listen', `127.0.0.1:${port}`, '--cache-dir', join(folder, 'cache'), '--skip-db-update', '--token', 'hush-hush'];
    server = startChild(binary, args, join(folder, 'server.log'));
    await waitFor('the Trivy server', async () => {
      try {
        return (await fetch(`${url}/healthz`)).ok ? true : null;
      } catch {
        return null;
      }
    });
  });

  afterAll(() => server?.stop());

  test('says how old its database is', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, 'hush-hush\n');
    const source = await open({ server: url, credentials: { tokenFile }, cacheDirectory: join(folder, 'client') });
    expect(await look(source, platformOf(debian, 'linux/amd64'))).toMatchObject({
      value: { scans: [{ state: 'evaluated', databaseUpdatedAt: new Date(databaseTime).toISOString(), counts: { CRITICAL: 1 } }] },
    });
  });

  test('that refuses the token makes the scan fail, and the token is not repeated', async () => {
    const tokenFile = join(folder, 'wrong');
    writeFileSync(tokenFile, 'hush');
    const outcome = await look(
      await open({ server: url, credentials: { tokenFile }, cacheDirectory: join(folder, 'client') }),
      platformOf(debian, 'linux/amd64'),
    );
    expect(outcome).toMatchObject({ value: { scans: [{ state: 'failed', reason: expect.stringContaining('refuses the token') }] } });
    expect(JSON.stringify(outcome)).not.toContain('hush');
  });
});
