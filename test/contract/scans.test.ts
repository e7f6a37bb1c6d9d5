import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type ScanKind, scanKinds } from '../../src/scans/index.ts';
import { amd64, partsOf, subjectOf } from '../unit/scans/fixtures.ts';

const folder = mkdtempSync(join(tmpdir(), 'reports-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** One good entry of each kind, so that a kind without one fails here. */
const examples: Record<keyof typeof scanKinds, Readonly<Record<string, unknown>>> = {
  'trivy-attestation': { signers: ['ci'] },
  'trivy-directory': { path: folder },
};

describe.each(Object.entries<ScanKind>(scanKinds))('every scan kind: %s', (kind, entry) => {
  const example = { name: 'some', kind, ...Object.entries(examples).find(([name]) => name === kind)?.[1] };

  async function create() {
    const created = await entry.create(entry.settings.parse(example), partsOf());
    if (!created.ok) throw new Error(created.fault.message);
    return created.value;
  }

  test('refuses unknown keys, another kind, and a missing name', () => {
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
    expect(await source.look(subjectOf(amd64), AbortSignal.timeout(1000))).toMatchObject({
      ok: true,
      value: { scans: [{ source: 'some', platform: 'linux/amd64', state: 'missing' }], signatures: [], attestations: [], faults: [] },
    });
    source.close();
  });

  test('can be closed twice', async () => {
    const source = await create();
    source.close();
    source.close();
  });
});
