import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Digest } from '../../../src/domain/digest.ts';
import type { PlatformImage } from '../../../src/domain/evidence.ts';
import { type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { JsonFolder } from '../../../src/scans/jsonFolder.ts';
import { reportFiles } from '../../../src/scans/trivyDirectory.ts';
import { amd64, arm64, digestOf, type Logged, layerOf, partsOf, platform, report, states, subjectOf } from './fixtures.ts';

let folder: string;
let source: ScanSource | null;
let logged: readonly Logged[];

beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'reports-')), 'reports');
  mkdirSync(folder);
  source = null;
});

afterEach(() => {
  source?.close();
  rmSync(join(folder, '..'), { recursive: true, force: true });
});

function write(name: string, value: unknown): void {
  writeFileSync(join(folder, name), typeof value === 'string' ? value : JSON.stringify(value));
}

async function open(): Promise<ScanSource> {
  const parts = partsOf();
  logged = parts.logged;
  const settings = scanKinds['trivy-directory'].settings.parse({ name: 'reports', kind: 'trivy-directory', path: folder });
  const created = await scanKinds['trivy-directory'].create(settings, parts);
  if (!created.ok) throw new Error(created.fault.message);
  source = created.value;
  return source;
}

const look = async (from: ScanSource, ...platforms: readonly PlatformImage[]) => states(await from.look(subjectOf(...platforms), AbortSignal.timeout(1000)));

describe('an image', () => {
  test('without a report is missing one', async () => {
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 missing']);
  });

  test('is bound to its report by the image ID, never by name', async () => {
    write('registry.test_acme_app_1.json', report(platform('linux/s390x')));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 missing']);
  });

  test('is evaluated by its report, whatever the file is called', async () => {
    write('whatever.json', report(amd64));
    const outcome = await (await open()).look(subjectOf(amd64), AbortSignal.timeout(1000));
    expect(outcome).toMatchObject({ value: { scans: [{ source: 'reports', state: 'evaluated', signer: null, counts: { HIGH: 1 } }] } });
  });

  test('with the configuration of one that was scanned, and other layers, has a report that does not match', async () => {
    const layers = { Layers: [{ Digest: digestOf('harmless'), DiffID: layerOf('linux/amd64').DiffID }] };
    write('a.json', report(amd64, { Metadata: { ...Object(report(amd64)['Metadata']), ...layers } }));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 mismatch']);
  });

  test('needs a report for each platform', async () => {
    write('a.json', report(amd64));
    expect(await look(await open(), amd64, arm64)).toEqual(['linux/amd64 evaluated', 'linux/arm64 otherPlatform']);
  });

  test('whose report comes from the future has an invalid one', async () => {
    write('a.json', report(amd64, { CreatedAt: '2027-01-01T00:00:00Z' }));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 invalid']);
  });

  test('whose report is broken past its image ID has an invalid one', async () => {
    write('a.json', report(amd64, { CreatedAt: null }));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 invalid']);
  });

  test('is judged by the newest of its reports', async () => {
    write('a.json', report(amd64));
    write('b.json', report(amd64, { CreatedAt: '2026-11-24T11:00:00Z', Results: [{ Class: 'os-pkgs' }] }));
    const outcome = await (await open()).look(subjectOf(amd64), AbortSignal.timeout(1000));
    expect(outcome).toMatchObject({ value: { scans: [{ scannedAt: '2026-11-24T11:00:00.000Z' }] } });
  });

  test('finds its report through the links of a mounted ConfigMap', async () => {
    mkdirSync(join(folder, '..data'));
    write('..data/a.json', report(amd64));
    symlinkSync(join('..data', 'a.json'), join(folder, 'a.json'));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 evaluated']);
  });
});

describe('a folder', () => {
  test('that is not there is a fault, and heals when it comes', async () => {
    rmSync(folder, { recursive: true });
    const from = await open();
    expect(await look(from, amd64)).toEqual(['REGISTRY_UNAVAILABLE']);
  });

  test('that goes away is a fault, and keeps its trust, so that what is known of it can serve', async () => {
    write('a.json', report(amd64));
    const from = await open();
    const { trust } = from;
    renameSync(folder, `${folder}-away`);
    await vi.waitFor(async () => expect(await look(from, amd64)).toEqual(['REGISTRY_UNAVAILABLE']), { timeout: 8000 });
    expect(from.trust).toBe(trust);
    expect(logged.map(({ message }) => message)).toContainEqual(expect.stringContaining('(ENOENT)'));
  }, 10_000);

  test('with a file that is not JSON says so in the log and goes on', async () => {
    write('bad.json', '{"SchemaVersion": 2, ');
    write('good.json', report(amd64));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 evaluated']);
    expect(logged).toEqual([{ fields: { scans: 'reports', file: 'bad.json', code: 'SCAN_INVALID' }, message: 'the file is not JSON, or not whole' }]);
  });

  test('with a file that can not be read does not say that a report is missing', async () => {
    symlinkSync('a.json', join(folder, 'a.json'));
    expect(await look(await open(), amd64)).toEqual(['linux/amd64 unavailable']);
  });

  test('is read only up to its limits, and does not say that the rest is missing', async () => {
    write('a.json', report(amd64));
    write('b.json', report(arm64));
    const has = async (limits: ConstructorParameters<typeof JsonFolder>[3], id: Digest) => {
      const content = await new JsonFolder(folder, reportFiles('reports'), { warn: () => {} }, limits).read();
      return content.ok && { known: content.value.items.some(({ imageId }) => imageId === id), faults: content.value.faults.map(({ code }) => code) };
    };
    expect(await has({ files: 1, fileBytes: 1 << 20, bytes: 1 << 20 }, arm64.imageId)).toEqual({ known: false, faults: ['LIMIT_EXCEEDED'] });
    expect(await has({ files: 9, fileBytes: 1 << 20, bytes: 1500 }, arm64.imageId)).toEqual({ known: false, faults: ['LIMIT_EXCEEDED'] });
    expect(await has({ files: 9, fileBytes: 10, bytes: 1 << 20 }, amd64.imageId)).toEqual({ known: false, faults: ['LIMIT_EXCEEDED', 'LIMIT_EXCEEDED'] });
  });
});

describe('a change in the folder', () => {
  test('is seen, and changes the trust that facts are kept under', async () => {
    const from = await open();
    const { trust } = from;
    write('a.json', report(amd64));
    await vi.waitFor(async () => expect(await look(from, amd64)).toEqual(['linux/amd64 evaluated']), { timeout: 3000 });
    expect(from.trust).not.toBe(trust);
    rmSync(join(folder, 'a.json'));
    await vi.waitFor(async () => expect(await look(from, amd64)).toEqual(['linux/amd64 missing']), { timeout: 3000 });
    expect(from.trust).toBe(trust);
  });

  test('of a half-written file to a whole one is seen', async () => {
    const text = JSON.stringify(report(amd64));
    write('a.json', text.slice(0, 100));
    const from = await open();
    expect(await look(from, amd64)).toEqual(['linux/amd64 missing']);
    write('a.json', text);
    await vi.waitFor(async () => expect(await look(from, amd64)).toEqual(['linux/amd64 evaluated']), { timeout: 3000 });
    truncateSync(join(folder, 'a.json'), 200);
    await vi.waitFor(async () => expect(await look(from, amd64)).toEqual(['linux/amd64 missing']), { timeout: 3000 });
  });

  test('is not looked for after the source was closed', async () => {
    const from = await open();
    from.close();
    const { trust } = from;
    write('a.json', report(amd64));
    expect(await look(from, amd64)).toEqual(['linux/amd64 missing']);
    expect(from.trust).toBe(trust);
  });
});

test('the same content has the same trust everywhere', async () => {
  write('a.json', report(amd64));
  const one = await open();
  const { trust } = one;
  one.close();
  expect((await open()).trust).toBe(trust);
  expect(digestOf('a')).not.toBe(trust);
});
