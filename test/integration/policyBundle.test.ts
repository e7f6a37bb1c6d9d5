/** A policy bundle at an HTTPS address: fetched, verified, kept for a start without a network; and that whatever is wrong with it changes nothing. */
import { createHash, generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { buildPolicyBundle, readSigningKey } from '../../src/policy/index.ts';
import { readTarGz, writeTarGz } from '../../src/policy/tar.ts';
import { issueAuthority, issueServing } from '../../src/server/authority.ts';
import { installTool } from '../../tools/install.ts';
import { waitFor } from '../rig/wait.ts';
import { podWith } from './calls.ts';
import { type Changes, type Stage, setStage, type Webhook } from './stage.ts';

/** A server of one file, which says its ETag; null: it is down for maintenance. */
interface Origin {
  readonly url: string;
  content: Buffer | null;
  readonly asked: { readonly etag: string | null; readonly answered: number; readonly authorization: string | null }[];
  close(): Promise<void>;
}

const keys = () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { private: String(privateKey.export({ type: 'pkcs8', format: 'pem' })), public: String(publicKey.export({ type: 'spki', format: 'pem' })) };
};
const release = keys();
const stranger = keys();

let stage: Stage;
let image: string;
let authority: Awaited<ReturnType<typeof issueAuthority>>;
let origin: Origin;
let webhook: Webhook | null = null;
const bundles: Record<'one' | 'two', Buffer> = { one: Buffer.alloc(0), two: Buffer.alloc(0) };

async function build(word: string, built: string): Promise<Buffer> {
  const folder = join(stage.folder, `sources-${word}`);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'p.rego'), `package policies.p\n\ndeny contains "says ${word}" if input.version\n`);
  const signing = readSigningKey(release.private);
  if (!signing.ok) throw new Error(signing.fault.message);
  const out = join(stage.folder, `${word}.tar.gz`);
  const made = await buildPolicyBundle(folder, out, await installTool('opa'), AbortSignal.timeout(30_000), {
    built: Date.parse(built),
    signing: { key: signing.value, keyId: null, scope: '' },
  });
  if (!made.ok) throw new Error(made.fault.message);
  return readFileSync(out);
}

async function startOrigin(): Promise<Origin> {
  const serving = await issueServing(authority, ['127.0.0.1'], Date.now());
  const state: Omit<Origin, 'url' | 'close'> & { server: Server } = {
    content: null,
    asked: [],
    server: createServer({ key: serving.key, cert: serving.cert }, (request, response) => {
      const etag = state.content === null ? '' : `"${createHash('sha256').update(state.content).digest('hex').slice(0, 16)}"`;
      const known = request.headers['if-none-match'] ?? null;
      const answered = state.content === null ? 503 : known === etag ? 304 : 200;
      state.asked.push({ etag: known, answered, authorization: request.headers.authorization ?? null });
      response.writeHead(answered, { etag });
      response.end(answered === 200 ? state.content : undefined);
    }),
  };
  await new Promise<void>((resolve) => state.server.listen(0, '127.0.0.1', resolve));
  const address = state.server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  return Object.assign(state, {
    url: `https://127.0.0.1:${port}/policies.tar.gz`,
    close: () =>
      new Promise<void>((resolve) => {
        state.server.closeAllConnections();
        state.server.close(() => resolve());
      }),
  });
}

beforeAll(async () => {
  stage = await setStage();
  image = `${stage.registry.host}/acme/web@${(await stage.publish('acme/web')).digest}`;
  authority = await issueAuthority(Date.now());
  writeFileSync(join(stage.folder, 'origin-ca.pem'), authority.cert);
  writeFileSync(join(stage.folder, 'policy.pub'), release.public);
  writeFileSync(join(stage.folder, 'token'), 'tok3n-31337\n');
  bundles.one = await build('one', '2026-11-01T00:00:00Z');
  bundles.two = await build('two', '2026-11-02T00:00:00Z');
});
beforeEach(async () => {
  origin = await startOrigin();
});
afterEach(async () => {
  await webhook?.stop();
  await origin.close();
});
afterAll(() => stage.close());

async function serve(policy: Changes = {}, more: Changes = {}): Promise<Webhook> {
  const fetched = { every: '1s', caFile: 'origin-ca.pem', tokenFile: 'token' };
  webhook = await stage.serve({ policy: { bundle: origin.url, verification: { keyFile: 'policy.pub' }, fetch: fetched, ...policy }, ...more });
  return webhook;
}

async function said(): Promise<string> {
  const answer = await webhook?.validate(podWith([image]));
  return answer?.status?.message ?? '';
}

async function readiness(): Promise<{ readonly status: number; readonly detail: string }> {
  const answer = await webhook?.ops('/readyz');
  const { checks } = JSON.parse(answer?.body ?? '{}') as { checks: readonly { name: string; reason: string }[] };
  return { status: answer?.status ?? 0, detail: checks.find(({ name }) => name === 'policies')?.reason ?? '' };
}

const saysSoon = (text: string) => waitFor(`the answer ${text}`, async () => ((await said()).includes(text) ? true : null));
const detailSoon = (pattern: RegExp) => waitFor(`the detail ${pattern}`, async () => (pattern.test((await readiness()).detail) ? true : null));

test('from a first start without an answer to a bundle in force, through what is refused, each time told', async () => {
  await serve();
  expect(await said()).toMatch(/POLICY_BROKEN: https:\/\/127\.0\.0\.1:\d+\/policies\.tar\.gz answered 503/);
  expect((await readiness()).status).toBe(503);
  origin.content = bundles.one;
  await saysSoon('says one');
  expect((await readiness()).status).toBe(200);
  await waitFor('a look that finds nothing new', async () => origin.asked.find(({ answered }) => answered === 304) ?? null);

  origin.content = await tamper(bundles.two);
  await detailSoon(/policies\.tar\.gz .*data\.json was changed after it was signed/);
  expect(await said()).toContain('says one');
  expect((await readiness()).status).toBe(200);
  expect(webhook?.log()).toContain('data.json was changed after it was signed');
  expect(await metrics()).toMatch(/policy_bundle_fetches_total\{outcome="refused"\} [1-9]/);

  origin.content = bundles.two;
  await saysSoon('says two');
  expect(await metrics()).toContain('tidewaiter_policy_bundle_fetches_total{outcome="new"} 2');
  expect((await readiness()).detail).not.toContain('failed');

  expect(origin.asked.every(({ authorization }) => authorization === 'Bearer tok3n-31337')).toBe(true);
  expect(webhook?.log()).not.toContain('tok3n');
}, 30_000);

test('at a start without a network the last good one is in force, with its age; unless it was revoked, or its key no longer counts', async () => {
  origin.content = bundles.two;
  await serve();
  await webhook?.stop();
  await origin.close();

  await serve();
  expect(await said()).toContain('says two');
  const { status, detail } = await readiness();
  expect(status).toBe(200);
  expect(detail).toMatch(/from https:\/\/127\.0\.0\.1:\d+\/policies\.tar\.gz \(sha256:[0-9a-f]{12}, confirmed \d+ s ago\)/);
  expect(detail).toMatch(/the last look failed: .* can not be reached/);
  await webhook?.stop();

  const digest = `sha256:${createHash('sha256').update(bundles.two).digest('hex')}`;
  await serve({}, { revoked: { digests: [digest] } });
  expect(await said()).toContain('POLICY_BROKEN');
  await webhook?.stop();

  writeFileSync(join(stage.folder, 'stranger.pub'), stranger.public);
  await serve({ verification: { keyFile: 'stranger.pub' } });
  expect(await said()).toContain('POLICY_BROKEN');
}, 30_000);

async function metrics(): Promise<string> {
  return (await webhook?.ops('/metrics'))?.body ?? '';
}

async function tamper(bundle: Buffer): Promise<Buffer> {
  const files = await readTarGz(bundle, 2 ** 26);
  if (!files.ok) throw new Error(files.fault.message);
  return writeTarGz(new Map([...files.value].map(([name, content]) => [name, name === 'data.json' ? Buffer.from('{"a":1}') : content])));
}
