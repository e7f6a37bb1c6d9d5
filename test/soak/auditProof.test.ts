/** Every byte of a small log changed, every cut made, every line moved: all of it is found. */
import { rmSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { now } from '../unit/audit/fixtures.ts';
import { newSite, runProcess } from '../unit/audit/proofRig.ts';
import { cuts, flips, moves, unnoticed } from '../unit/audit/tamper.ts';

const site = newSite();

beforeAll(async () => {
  await runProcess(site, 1);
  await runProcess(site, 1, now + 3_600_000);
});

afterAll(() => rmSync(site.root, { recursive: true, force: true }));

test.each([
  ['a changed byte', (bytes: Buffer) => flips(bytes, 1)],
  ['a cut', (bytes: Buffer) => cuts(bytes, 1)],
  ['a moved line', moves],
] as const)('%s is found, wherever it is', async (_, changes) => {
  expect(await unnoticed(site, changes)).toEqual([]);
});
