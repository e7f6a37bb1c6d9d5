/** Exceptions out of a folder, in the webhook as a whole: when they count, when they no longer do, and what is left of them. */
import { mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { pinned, podWith } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

const soon = { timeout: 5_000, interval: 20 };
const minute = 60_000;

let stage: Stage;
let webhook: Webhook;
let unsigned: string;

beforeAll(async () => {
  stage = await setStage();
  mkdirSync(join(stage.folder, 'exceptions'));
  unsigned = pinned(await stage.publish('acme/unsigned', { signed: false, content: 'nobody signed this' }));
  webhook = await stage.serve({ exceptions: { directory: 'exceptions' } });
});
afterAll(() => stage?.close());
beforeEach(async () => {
  for (const file of readdirSync(join(stage.folder, 'exceptions'))) rmSync(join(stage.folder, 'exceptions', file));
  await vi.waitFor(async () => expect((await checks())?.reason).toBe('0 in force, 0 not approved, 0 void'), soon);
});

const at = (offset: number): string => new Date(Date.now() + offset).toISOString();

/** Puts a file in the folder as a whole. */
function write(spec: object, name = 'web', more: object = {}): void {
  const object = { apiVersion: 'tidewaiter.dev/v1', kind: 'ImageException', metadata: { name, namespace: 'shop', ...more }, spec };
  writeFileSync(join(stage.folder, `${name}.tmp`), JSON.stringify(object));
  renameSync(join(stage.folder, `${name}.tmp`), join(stage.folder, 'exceptions', `${name}.yaml`));
}

const waiver = (more: object = {}): object => ({
  policies: ['signed'],
  images: [`${stage.registry.host}/acme/*`],
  reason: 'the signing service moves',
  starts: at(-minute),
  expires: at(60 * minute),
  ...more,
});

const ask = (namespace = 'shop') => webhook.validate(podWith([unsigned], { namespace }));
const checks = async () =>
  (JSON.parse((await webhook.ops('/readyz')).body) as { checks: { name: string; reason: string }[] }).checks.find(({ name }) => name === 'exceptions');

describe('an exception in a folder', () => {
  it('counts within two seconds of being written, and ends with its file', async () => {
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(false), soon);
    write(waiver());
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(true), { timeout: 2_000, interval: 20 });
    rmSync(join(stage.folder, 'exceptions', 'web.yaml'));
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(false), { timeout: 2_000, interval: 20 });
  });

  it('is named in the answer, the record and the metrics', async () => {
    write(waiver());
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(true), soon);
    const answer = await ask();
    expect(answer.warnings).toEqual([expect.stringContaining('allowed by exception ImageException shop/web until ')]);
    expect(answer.auditAnnotations).toMatchObject({ exceptions: 'ImageException shop/web' });
    await vi.waitFor(() => {
      expect(webhook.records().find(({ id }) => id === answer.auditAnnotations?.['record'])).toMatchObject({
        decision: 'allow',
        exception: [{ kind: 'ImageException', namespace: 'shop', name: 'web', file: 'web.yaml', breakglass: false, reason: 'the signing service moves' }],
        findings: [{ policy: 'signed', decisive: false, waivedBy: 'ImageException shop/web' }],
      });
    }, soon);
    await vi.waitFor(async () => expect((await webhook.ops('/metrics')).body).toMatch(/tidewaiter_exceptions\{standing="inForce"\} 1/), soon);
    expect((await webhook.ops('/metrics')).body).toMatch(/tidewaiter_exceptions_used_total\{what="exception"\} [1-9]/);
  });

  it('is for its namespace alone', async () => {
    write(waiver());
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(true), soon);
    expect((await ask('pay')).allowed).toBe(false);
  });

  it('ends by itself', async () => {
    write(waiver({ expires: at(3_000) }));
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(true), { timeout: 2_900, interval: 10 });
    expect((await ask()).warnings).toEqual([expect.stringContaining('; it ends in 1 minute, and then this is denied')]);
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(false), soon);
  });

  it('that is void is told of, and a broken file spoils no other', async () => {
    write(waiver());
    write(waiver({ images: ['**'] }), 'all');
    writeFileSync(join(stage.folder, 'exceptions', 'torn.yaml'), 'apiVersion: [');
    await vi.waitFor(async () => expect((await checks())?.reason).toMatch(/^1 in force, 0 not approved, 2 void; /), soon);
    expect(await checks()).toMatchObject({
      ready: true,
      reason: expect.stringContaining('ImageException shop/all is void: spec.images.0: must be registry/repository'),
    });
    expect((await checks())?.reason).toContain('torn.yaml is void: 1:');
    expect((await ask()).allowed).toBe(true);
    expect(webhook.log()).toContain('an exception is void');
  });

  it('is not chosen between two of one name', async () => {
    write(waiver());
    write(waiver({ reason: 'another' }), 'copy', { name: 'web' });
    await vi.waitFor(async () => expect((await checks())?.reason).toContain('another one in the folder has the same name'), soon);
    expect((await ask()).allowed).toBe(false);
  });
});

describe('a breakglass in a folder', () => {
  it('admits what is not signed, as long as it lasts and a digest says what it is', async () => {
    write({ breakglass: true, reason: 'the signing service is gone', starts: at(-minute), expires: at(30 * minute) });
    await vi.waitFor(async () => expect((await ask()).allowed).toBe(true), soon);
    const answer = await ask();
    expect(webhook.records().find(({ id }) => id === answer.auditAnnotations?.['record'])).toMatchObject({ exception: [{ breakglass: true }] });
    expect((await webhook.validate(podWith([`${stage.registry.host}/acme/none:1`]))).allowed).toBe(false);
    // Of a registry that can't be asked nothing is known but the digest.
    const unreachable = `registry.invalid/acme/web@sha256:${'0'.repeat(64)}`;
    expect(await webhook.validate(podWith([unreachable]))).toMatchObject({ allowed: true, warnings: [expect.stringContaining('allowed by breakglass')] });
    expect((await webhook.validate(podWith(['registry.invalid/acme/web:1']))).allowed).toBe(false);
    await vi.waitFor(async () => expect((await webhook.ops('/metrics')).body).toMatch(/tidewaiter_breakglass_in_force 1/), soon);
    expect(webhook.log()).toContain('a breakglass is there');
  });
});
