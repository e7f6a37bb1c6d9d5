/** Whatever any source does wrong: what the policies are told, what is answered, how soon, and that it is over when it is over. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { credentialKinds } from '../../src/credentials/index.ts';
import { storeKinds } from '../../src/evidence/stores/index.ts';
import { scanKinds, vexKinds } from '../../src/scans/index.ts';
import { signerKinds } from '../../src/signatures/index.ts';
import { canary } from '../fakes/faultProxy.ts';
import { attachedScans, signerScenes, vexAttestationScene } from './faultMatrix/attached.ts';
import { directoryScene, vexFolderScene } from './faultMatrix/folders.ts';
import { inside } from './faultMatrix/inside.ts';
import { deadlineOf, type Fault, faults, type Result, runCell, runHonest, type Scene } from './faultMatrix/matrix.ts';
import { describeMatrix } from './faultMatrix/page.ts';
import { credentialScenes, registryScene } from './faultMatrix/registries.ts';
import { harborScene, operatorScene, trivyScene } from './faultMatrix/servers.ts';
import { storeScenes } from './faultMatrix/stores.ts';
import { tufScene } from './faultMatrix/trust.ts';
import { makeWorld, type World } from './faultMatrix/world.ts';

type Open = (world: World) => Promise<Scene>;

const scans: Record<keyof typeof scanKinds, Open> = {
  ...attachedScans,
  'trivy-directory': directoryScene,
  harbor: harborScene,
  'trivy-operator': operatorScene,
  trivy: trivyScene,
};
const vex: Record<keyof typeof vexKinds, Open> = { folder: vexFolderScene, attestation: vexAttestationScene };

interface Room {
  readonly list: string;
  readonly kinds: object;
  readonly scenes: Readonly<Record<string, Open>>;
  /** Kinds that ask nobody. */
  readonly without: readonly string[];
}

const rooms: readonly Room[] = [
  { list: 'registries', kinds: { registry: null }, scenes: { registry: registryScene }, without: [] },
  // Read with the configuration, like a key: a file that is bad leaves the configuration before in force.
  { list: 'credentials', kinds: credentialKinds, scenes: credentialScenes, without: ['dockerconfig'] },
  { list: 'signers', kinds: signerKinds, scenes: signerScenes, without: [] },
  { list: 'trust roots', kinds: { tuf: null }, scenes: { tuf: tufScene }, without: [] },
  { list: 'scans', kinds: scanKinds, scenes: scans, without: [] },
  { list: 'vex', kinds: vexKinds, scenes: vex, without: [] },
  // Memory is no place that can fail by itself.
  { list: 'stores', kinds: storeKinds, scenes: storeScenes, without: ['memory'] },
];
const rows = rooms.flatMap(({ list, scenes }) => Object.entries(scenes).map(([kind, open]) => ({ name: `${list}, ${kind}`, title: `${list}: ${kind}`, open })));
const names = Object.keys(faults) as Fault[];

type Shown = Result & { readonly shown: string };

const honest = new Map<string, string>();
const results = new Map<string, Map<Fault, Shown>>();
const worded = new Map<string, Scene['words']>();
const omitted = new Map<string, Map<Fault, string>>();

beforeAll(async () => {
  await inside.open();
  const world = await makeWorld();
  const scenes = await Promise.all(rows.map(async ({ name, open }) => ({ name, scene: await open(world) })));
  await Promise.all(scenes.map(async ({ name, scene }) => honest.set(name, (await runHonest(scene)).answer)));
  // Rows side by side, each by itself one fault after the other.
  await Promise.all(
    scenes.map(async ({ name, scene }) => {
      const found = new Map<Fault, Shown>();
      const left = new Map<Fault, string>();
      results.set(name, found);
      omitted.set(name, left);
      worded.set(name, scene.words);
      for (const fault of names) {
        const strike = scene.strikes[fault];
        if (typeof strike === 'string') left.set(fault, strike);
        else found.set(fault, await runCell(scene, fault, strike));
      }
      await scene.close();
    }),
  );
  await world.close();
}, 180_000);
afterAll(() => inside.close());

test.each(rooms)('every kind of $list has its row', ({ kinds, scenes, without }) => {
  expect([...Object.keys(scenes), ...without].sort()).toEqual(Object.keys(kinds).sort());
});

describe.each(rows.map(({ name }) => name))('%s', (name) => {
  const cells = (): [Fault, Shown][] => [...(results.get(name) ?? [])];

  test('admits while nothing is wrong', () => {
    expect(honest.get(name)).toBe('allowed');
  });

  test('has each fault tried, or says why it does not arise', () => {
    expect([...(results.get(name)?.keys() ?? []), ...(omitted.get(name)?.keys() ?? [])].sort()).toEqual([...names].map(String).sort());
  });

  test('answers within the deadline, whatever is wrong', () => {
    // An answer at the deadline takes a moment more.
    expect(cells().filter(([fault, { milliseconds }]) => milliseconds > deadlineOf(fault) + 2_000)).toEqual([]);
  });

  test('is as before once the fault is over', () => {
    expect(cells().flatMap(([fault, { recovered }]) => (recovered ? [] : [fault]))).toEqual([]);
  });

  test('admits nothing that it could not see', () => {
    const blind = cells().filter(([, { answer, saw }]) => answer === 'allowed' && !/signature|scan evaluated/.test(saw));
    expect(blind.map(([fault]) => fault)).toEqual([]);
  });

  test('repeats nothing of what it was answered', () => {
    expect(cells().flatMap(([fault, { shown }]) => (shown.includes(canary) ? [fault] : []))).toEqual([]);
  });
});

test('nobody has followed a redirect inward', () => {
  expect(inside.visits).toBe(0);
});

test('docs/fault-matrix.md says just this', async () => {
  await expect(
    describeMatrix(
      rows.map(({ name, title }) => ({ title, words: worded.get(name), found: results.get(name) ?? new Map(), left: omitted.get(name) ?? new Map() })),
    ),
  ).toMatchFileSnapshot('../../docs/fault-matrix.md');
});
