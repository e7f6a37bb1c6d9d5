/** Whatever is done to a log that checkpoints cover is found, and said where. test/soak does it with every byte. */
import { appendFileSync, cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { now } from './fixtures.ts';
import { copySite, newSite, prove, runProcess, type Site } from './proofRig.ts';
import { cuts, flips, moves, segmentsOf, unnoticed } from './tamper.ts';

vi.setConfig({ testTimeout: 60_000 });

const site = newSite();
const made: Site[] = [];
const hour = 3_600_000;

beforeAll(async () => {
  await runProcess(site, 4);
  await runProcess(site, 3, now + hour);
});

afterAll(() => {
  for (const { root } of [site, ...made]) rmSync(root, { recursive: true, force: true });
});

const kindsOf = async (changed: Site) => [...new Set((await prove(changed)).faults.map(({ kind }) => kind))];
const rangesOf = async (changed: Site, changes = {}) => (await prove(changed, changes)).chains.flatMap(({ ranges }) => ranges.map(({ from, to, by }) => `${from}-${to} ${by}`));

function another(from = site): Site {
  const copy = copySite(from);
  made.push(copy);
  return copy;
}

test('an untouched log has no faults, and all of it is proven by the copies', async () => {
  const proof = await prove(site);
  expect(proof).toMatchObject({ faults: [], notes: [], entries: 9 });
  expect(proof.contents).toBeGreaterThan(0);
  expect(await rangesOf(site)).toEqual(['0-4 copies', '0-3 copies']);
  expect(await rangesOf(site, { checkpoints: [] })).toEqual(['0-4 local', '0-3 local']);
});

describe('is found, whatever else is true of it:', () => {
  test('a single byte that is changed', async () => {
    expect(await unnoticed(another(), (bytes) => flips(bytes, 61))).toEqual([]);
  });

  test('a line that is removed, repeated, or trades places with another', async () => {
    expect(await unnoticed(another(), moves)).toEqual([]);
  });

  test('a tail that is cut off', async () => {
    expect(await unnoticed(another(), (bytes) => cuts(bytes, 97))).toEqual([]);
  });

  test.each([0, 1])('a whole chain that is gone', async (i) => {
    const changed = another();
    rmSync(join(changed.records, segmentsOf(changed)[i] ?? ''));
    expect(await kindsOf(changed)).toEqual(['missing']);
  });
});
