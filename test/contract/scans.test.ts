import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { good } from '../../src/domain/fault.ts';
import { type ScanKind, type ScanParts, scanKinds } from '../../src/scans/index.ts';
import { type FakeHarbor, startHarbor } from '../fakes/harbor.ts';
import { fakeTrivy } from '../fakes/trivy.ts';
import { amd64, partsOf, subjectOf } from '../unit/scans/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'reports-'));
const program = fakeTrivy();
let harbor: FakeHarbor;

beforeAll(async () => {
  harbor = await startHarbor();
  writeFileSync(join(folder, 'harbor.pem'), harbor.ca);
  writeFileSync(join(folder, 'robot.json'), JSON.stringify(harbor.robot));
});
afterAll(async () => {
  await harbor.close();
  program.remove();
  rmSync(folder, { recursive: true });
});

/** A cluster without a report, and a repository that is mirrored to the Harbor. */
const surroundings = (): Partial<ScanParts> => ({
  cluster: { watchReports: async () => good({ state: () => good(undefined), close: () => {} }) },
  places: (image) => [image, { registry: harbor.host, repository: 'hub/acme/app' }],
});

/** One good entry of each kind, so that a kind without one fails here. */
const examples: Record<keyof typeof scanKinds, () => Readonly<Record<string, unknown>>> = {
  'trivy-attestation': () => ({ signers: ['ci'] }),
  'trivy-directory': () => ({ path: folder }),
  referrer: () => ({ unsigned: 'trusted' }),
  harbor: () => ({ url: harbor.url, caFile: join(folder, 'harbor.pem'), credentials: { kind: 'robot', file: join(folder, 'robot.json') } }),
  trivy: () => ({ binary: program.path, patience: '0s' }),
  'trivy-operator': () => ({}),
};

/** What makes its evidence itself has none of it missing, but not yet. */
const firstState: Readonly<Record<string, object>> = { trivy: { ok: false, fault: { code: 'SCAN_PENDING', transient: true } } };

describe.each(Object.entries<ScanKind>(scanKinds))('every scan kind: %s', (kind, entry) => {
  const exampleOf = () => ({ name: 'some', kind, ...Object.entries(examples).find(([name]) => name === kind)?.[1]() });

  async function create() {
    const created = await entry.create(entry.settings.parse(exampleOf()), partsOf({}, surroundings()));
    if (!created.ok) throw new Error(created.fault.message);
    return created.value;
  }

  test('refuses unknown keys, another kind, and a missing name', () => {
    const example = exampleOf();
    expect(entry.settings.safeParse({ ...example, unheardOf: 1 }).success).toBe(false);
    expect(entry.settings.safeParse({ ...example, kind: 'other' }).success).toBe(false);
    expect(entry.settings.safeParse({ ...example, name: undefined }).success).toBe(false);
  });

  test('is a source of the scans stage under its own name, with a trust that two alike share', async () => {
    const [one, two] = [await create(), await create()];
    expect(one).toMatchObject({ name: 'some', stage: 'scans', kind });
    expect(one.trust).toBe(two.trust);
    one.close();
    two.close();
  });

  test('says for every platform what it found: none is missing, not a fault', async () => {
    const source = await create();
    expect(await source.look(subjectOf(amd64), AbortSignal.timeout(10_000))).toMatchObject(
      firstState[kind] ?? {
        ok: true,
        value: { scans: [{ source: 'some', platform: 'linux/amd64', state: 'missing' }], signatures: [], attestations: [], faults: [] },
      },
    );
    source.close();
  });

  test('can be closed twice', async () => {
    const source = await create();
    source.close();
    source.close();
  });
});
