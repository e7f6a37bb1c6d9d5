/** How often a registry is asked, what survives its outage, and what an edit changes. */
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyPatch } from 'rfc6902';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { makeKey, type PublishedImage, signLegacy } from '../fakes/publish.ts';
import { startRegistry } from '../fakes/registry.ts';
import { admissionReview, podObject } from '../fakes/review.ts';
import { pinned, podWith, tagged } from './calls.ts';
import { releaseSigner, type Stage, setStage, type Webhook } from './stage.ts';

const movedContent = 'what was pushed over it';
const revokedContent = 'found to be bad';

const realNow = Date.now;
const realTimer = performance.now.bind(performance);
let ahead = 0;

let stage: Stage;
let webhook: Webhook;
let policies: string;

beforeAll(async () => {
  // The webhook's clocks, taken before it starts: hours pass without waiting.
  vi.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead);
  vi.spyOn(performance, 'now').mockImplementation(() => realTimer() + ahead);
  stage = await setStage();
  policies = join(stage.folder, 'policies');
  mkdirSync(policies);
  cpSync(join(import.meta.dirname, '..', '..', 'policies'), policies, { recursive: true, filter: (from) => !from.endsWith('_test.rego') });
  // Their reports have to be there at the start.
  for (const content of [movedContent, revokedContent]) await stage.publish('acme/contents', { content });
  webhook = await stage.serve();
});
afterEach(() => {
  ahead = 0;
});
afterAll(async () => {
  vi.restoreAllMocks();
  await stage.close();
});

const allowed = async (image: PublishedImage): Promise<boolean> => (await webhook.validate(podWith([pinned(image)]))).allowed;
const soon = { timeout: 10_000, interval: 20 };

describe('a registry is asked', () => {
  test('once for eight containers of one image, and for each thing once', async () => {
    const image = await stage.publish('acme/eight');
    stage.registry.forgetRequests();
    expect(await webhook.validate(podWith(Array.from({ length: 8 }, () => pinned(image))))).toMatchObject({ allowed: true });
    const asked = stage.registry.requests.map(({ method, path }) => `${method} ${path}`);
    expect(asked.length).toBe(new Set(asked).size);
    expect(asked.length).toBeLessThanOrEqual(7);
  });

  test('once for fifty Pods of one image at the same time', async () => {
    const image = await stage.publish('acme/fifty');
    stage.registry.forgetRequests();
    const answers = await Promise.all(Array.from({ length: 50 }, () => webhook.validate(podWith([pinned(image)]))));
    expect(answers.every((answer) => answer.allowed)).toBe(true);
    expect(stage.registry.count()).toBeLessThanOrEqual(7);
  });

  test('not at all for the next Pod of an image by digest', async () => {
    const image = await stage.publish('acme/again');
    expect(await allowed(image)).toBe(true);
    stage.registry.forgetRequests();
    expect(await allowed(image)).toBe(true);
    expect(stage.registry.count()).toBe(0);
  });

  test('not at all for the next Pod of an image by tag, and /mutate pins it', async () => {
    const image = await stage.publish('acme/tagged');
    expect(await admitByTag(image)).toBe(pinned(image));
    stage.registry.forgetRequests();
    expect(await admitByTag(image)).toBe(pinned(image));
    expect(stage.registry.count()).toBe(0);
  });

  test('again for a tag that may have moved, and the Pod gets what it points at now', async () => {
    const image = await stage.publish('acme/moving');
    expect(await admitByTag(image)).toBe(pinned(image));
    const moved = await stage.publish('acme/moving', { content: movedContent });
    ahead = 11_000;
    expect(await admitByTag(moved)).toBe(pinned(moved));
  });

  test('again for what was not there, once "found none" is old', async () => {
    const image = await stage.publish('acme/late', { signed: false });
    expect(await allowed(image)).toBe(false);
    await signLegacy(image, stage.release);
    ahead = 11_000;
    await expect.poll(() => allowed(image), soon).toBe(true);
  });
});

async function admitByTag(image: PublishedImage): Promise<string | undefined> {
  const object = podObject({ containers: [{ name: 'web', image: tagged(image) }] });
  const { patch } = await webhook.mutate(admissionReview({ object }));
  for (const error of applyPatch(object, JSON.parse(Buffer.from(patch ?? '', 'base64').toString('utf8')))) expect(error).toBeNull();
  expect(await webhook.validate(admissionReview({ object }))).toMatchObject({ allowed: true });
  return object.spec.containers[0]?.image;
}

describe('an edit of the configuration', () => {
  test('of a signer’s key is in force with what it means: the old signature no longer counts, the new one does, and back again', async () => {
    const image = await stage.publish('acme/rekeyed');
    expect(await allowed(image)).toBe(true);
    const next = makeKey('p256');
    writeFileSync(join(stage.folder, 'release.pub'), next.publicPem);
    await expect.poll(() => allowed(image), soon).toBe(false);
    expect((await webhook.validate(podWith([pinned(image)]))).status?.message).toContain('SIGNER_MISMATCH');
    await signLegacy(image, next);
    ahead = 11_000;
    await expect.poll(() => allowed(image), soon).toBe(true);
    const before = (await webhook.ops('/readyz')).body;
    writeFileSync(join(stage.folder, 'release.pub'), stage.release.publicPem);
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).not.toBe(before);
    expect(await allowed(image)).toBe(true);
  });

  test('that is bad leaves the old one in force, and readiness says so', async () => {
    const image = await stage.publish('acme/edited');
    expect(await allowed(image)).toBe(true);
    stage.configure({ signers: [{ ...releaseSigner, images: ['acme/**'], unheardOf: 1 }] });
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).toContain('signers[0].unheardOf');
    expect(await webhook.ops('/readyz')).toMatchObject({ status: 200, body: expect.stringContaining('the newest edit is not in force') });
    expect(await allowed(image)).toBe(true);
    expect((await webhook.ops('/metrics')).body).toContain(`tidewaiter_reloads_total{what="config",outcome="bad"} 1`);
    stage.configure();
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).not.toContain('not in force');
  });

  test('with a key that is none leaves the old one in force', async () => {
    const image = await stage.publish('acme/badkey');
    writeFileSync(join(stage.folder, 'release.pub'), 'no key');
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).toContain('the newest edit is not in force');
    expect(await allowed(image)).toBe(true);
    writeFileSync(join(stage.folder, 'release.pub'), stage.release.publicPem);
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).not.toContain('not in force');
  });

  test('that revokes a digest beats a warm fact', async () => {
    const image = await stage.publish('acme/revoked', { content: revokedContent });
    expect(await allowed(image)).toBe(true);
    stage.configure({ revoked: { digests: [image.digest] } });
    await expect.poll(() => allowed(image), soon).toBe(false);
    expect((await webhook.validate(podWith([pinned(image)]))).status?.message).toContain('revoked');
    stage.configure();
    await expect.poll(() => allowed(image), soon).toBe(true);
  });
});

describe('an edit of a policy', () => {
  const file = (): string => join(policies, 'freeze.rego');
  const says = (msg: string): string => `package policies.freeze\n\ndeny contains "${msg}"\n`;

  test('is in force within moments, for warm images too; a bad one leaves the last good set, and readiness says so', async () => {
    const image = await stage.publish('acme/frozen');
    expect(await allowed(image)).toBe(true);
    const message = async (): Promise<string> => (await webhook.validate(podWith([pinned(image)]))).status?.message ?? '';
    const loads = (): number => webhook.log().split('policies are in force').length;
    const before = loads();
    writeFileSync(file(), says('frozen for the night'));
    await expect.poll(message, soon).toContain('frozen for the night');
    writeFileSync(file(), 'package policies.freeze\n\ndeny contains {{{\n');
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).toContain('the newest edit is not in force');
    expect(await message()).toContain('frozen for the night');
    expect((await webhook.ops('/readyz')).status).toBe(200);
    writeFileSync(file(), 'package policies.freeze\n\ndeny contains "never" if false\n');
    await expect.poll(() => allowed(image), soon).toBe(true);
    await expect.poll(async () => (await webhook.ops('/readyz')).body, soon).not.toContain('not in force');
    // Two good edits, each compiled once: the cores of the configurations before take no part in them.
    expect(loads() - before).toBe(2);
  });
});

describe('while the registry is down', () => {
  test('what is known is admitted; it is called last known good only when it is stale; what is unknown is denied; too old is too old', async () => {
    const image = await stage.publish('acme/known');
    const unknown = await stage.publish('acme/unknown');
    expect(await allowed(image)).toBe(true);
    const port = Number(stage.registry.host.split(':')[1]);
    await stage.registry.close();
    // An admission's record goes to the disk with the next that somebody waits for: here a denial's.
    const admitted = await webhook.validate(podWith([pinned(image)]));
    const denied = await webhook.validate(podWith([pinned(unknown)]));
    expect(admitted.allowed).toBe(true);
    expect(denied).toMatchObject({ allowed: false });
    expect(denied.status?.message).toContain('REGISTRY_UNAVAILABLE');
    const fresh = webhook.records().find(({ id }) => id === admitted.auditAnnotations?.['record']);
    expect(fresh?.images.flatMap(({ lastKnownGood }) => lastKnownGood)).toEqual([]);

    ahead = 25 * 60_000;
    const bridged = await webhook.validate(podWith([pinned(image)]));
    expect(bridged.allowed).toBe(true);
    await webhook.validate(podWith([pinned(unknown)]));
    const stale = webhook.records().find(({ id }) => id === bridged.auditAnnotations?.['record']);
    expect(stale?.images.flatMap(({ lastKnownGood }) => lastKnownGood.map(({ stage: of, source }) => `${of} ${source}`))).toEqual(['signatures release']);

    ahead = 25 * 3_600_000;
    expect(await allowed(image)).toBe(false);

    ahead = 0;
    await using _back = await startRegistry({ port, content: stage.registry.content });
    expect(await allowed(unknown)).toBe(true);
  });
});

describe('a store of facts', () => {
  test('lets a process that starts while the registry is down admit what the one before knew, by tag and by digest', async () => {
    const other = await setStage();
    try {
      const evidence = { store: 'sqlite:facts.db' };
      const image = await other.publish('acme/kept');
      const first = await other.serve({ evidence });
      const before = await first.mutate(podWith([tagged(image)]));
      expect(await first.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
      await first.stop();
      await other.registry.close();
      const second = await other.serve({ evidence });
      const after = await second.mutate(podWith([tagged(image)]));
      expect(after.patch).toEqual(before.patch);
      expect(after.patch).not.toBeNull();
      expect(await second.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
    } finally {
      await other.close();
    }
  });
});
