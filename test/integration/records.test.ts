/** What is kept of every decision, what never is, and that nothing is lost when the webhook ends or changes its certificate. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startWebhook } from '../../demo/webhook.ts';
import { verifyChain } from '../../src/audit/verify.ts';
import { issueAuthority, issueServing } from '../../src/server/authority.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { admissionReview, podObject } from '../fakes/review.ts';
import { openCaller, pinned, podWith, type Reviewed } from './calls.ts';
import { readSpoolLines, type Stage, setStage, usualConfiguration, type Webhook } from './stage.ts';

const soon = { timeout: 10_000, interval: 20 };
const listening = { listen: '127.0.0.1:0', ops: '127.0.0.1:0' };

describe('records', () => {
  const secrets = {
    password: 'p4ss-w0rd-5150',
    wrongPassword: 'wr0ng-w0rd-6161',
    path: 'path-secret-0123456789abcdef',
    environment: 'env-secret-8086',
    annotation: 'annotation-secret-6502',
    argument: 'argument-secret-68000',
  };
  let stage: Stage;
  let open: FakeRegistry;
  let shut: FakeRegistry;
  let webhook: Webhook;

  beforeAll(async () => {
    stage = await setStage();
    open = await startRegistry({ auth: { kind: 'token', username: 'robot', password: secrets.password } });
    shut = await startRegistry({ auth: { kind: 'basic', username: 'robot', password: 'another' } });
    const auth = (password: string): { auth: string } => ({ auth: Buffer.from(`robot:${password}`).toString('base64') });
    writeFileSync(
      join(stage.folder, 'config.json'),
      JSON.stringify({ auths: { [open.host]: auth(secrets.password), [shut.host]: auth(secrets.wrongPassword) } }),
    );
    writeFileSync(join(stage.folder, 'path-secret'), secrets.path);
    const credentials = { kind: 'dockerconfig', file: 'config.json' };
    const usual = usualConfiguration(stage.registry.host);
    webhook = await stage.serve({
      server: { ...usual.server, pathSecretFile: 'path-secret' },
      registries: [...usual.registries, { host: open.host, plainHTTP: true, credentials }, { host: shut.host, plainHTTP: true, credentials }],
      audit: { sinks: [{ kind: 'file', path: 'copy.jsonl' }] },
    });
  });
  afterAll(async () => {
    await stage.close();
    await open.close();
    await shut.close();
  });

  test('of 200 denials at once are on disk when their answers arrive', async () => {
    const directory = webhook.running.about.spool;
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, i) => {
        const answer = await webhook.validate(podWith([`${stage.registry.host}/acme/none-${i % 20}:1`]));
        const id = answer.auditAnnotations?.['record'] ?? '';
        return { answer, id, kept: readSpoolLines(directory).some((line) => line.includes(`"id":"${id}"`)) };
      }),
    );
    expect(answers.every(({ answer }) => !answer.allowed)).toBe(true);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(200);
    expect(answers.filter(({ kept }) => !kept)).toEqual([]);
    const hashes = new Map(webhook.records().map((record) => [record.id, Object.entries(record).find(([key]) => key === 'hash')?.[1]]));
    for (const { answer, id } of answers) expect(hashes.get(id)).toBe(answer.auditAnnotations?.['hash']);
  });

  test('hold no secret, nor do log, metrics and answers', async () => {
    const image = open.pushImage({ repository: 'private/web' });
    const object = podObject({
      containers: [
        { name: 'open', image: `${open.host}/private/web:1@${image.digest}` },
        { name: 'shut', image: `${shut.host}/private/web:1@${image.digest}` },
      ],
      annotations: { 'kubectl.kubernetes.io/last-applied-configuration': secrets.annotation },
    });
    for (const container of object.spec.containers) {
      Object.assign(container, { env: [{ name: 'TOKEN', value: secrets.environment }], args: [secrets.argument], command: [secrets.argument] });
    }
    const answers = [
      await webhook.mutate(admissionReview({ object })),
      await webhook.validate(admissionReview({ object })),
      await webhook.caller.call({ path: '/validate', body: `{"${secrets.environment}` }),
      await webhook.caller.call({ path: '/validate', body: JSON.stringify({ ...admissionReview({ object }), kind: 7 }) }),
      await webhook.caller.call({ path: '/elsewhere', body: '{}' }),
    ];
    // The credentials were used: what follows has something to hide.
    expect(open.requests.some(({ authorization }) => authorization?.startsWith('Bearer '))).toBe(true);
    expect(shut.requests.some(({ authorization }) => authorization?.startsWith('Basic '))).toBe(true);
    const shown = {
      answers: JSON.stringify(answers),
      records: readSpoolLines(webhook.running.about.spool).join('\n'),
      log: webhook.log(),
      metrics: (await webhook.ops('/metrics')).body,
      readiness: (await webhook.ops('/readyz')).body,
    };
    expect(shown.records).toContain('REGISTRY_UNAUTHORIZED');
    const tokens = open.requests.flatMap(({ authorization }) => (authorization?.startsWith('Bearer ') ? [authorization.slice(7)] : []));
    for (const secret of [...Object.values(secrets), ...tokens]) {
      for (const form of [secret, Buffer.from(`robot:${secret}`).toString('base64'), Buffer.from(secret).toString('base64')]) {
        for (const [where, text] of Object.entries(shown)) expect(text.includes(form), `${secret} in ${where}`).toBe(false);
      }
    }
  });

  test('without the secret path there is nothing, and the right one opens nothing else', async () => {
    const bare = openCaller(webhook.running.admission, webhook.running.about.ca ?? '');
    for (const path of [
      '/validate',
      `/${'x'.repeat(28)}/validate`,
      `/${secrets.path}x/validate`,
      `/${secrets.path.toUpperCase()}/validate`,
      `/${secrets.path}`,
    ]) {
      expect(await bare.call({ path, body: JSON.stringify(podWith(['x'])) })).toMatchObject({ status: 404 });
    }
    bare.close();
  });

  test('make an unbroken chain, and the copy in the sink is whole', async () => {
    await webhook.stop();
    const lines = readSpoolLines(webhook.running.about.spool);
    const report = verifyChain(lines);
    expect(report.faults).toEqual([]);
    expect(report.entries).toBeGreaterThan(200);
    const ids = (text: readonly string[]): string[] => text.flatMap((line) => JSON.parse(line).id ?? []).sort();
    expect(
      ids(
        readFileSync(join(stage.folder, 'copy.jsonl'), 'utf8')
          .split('\n')
          .filter((line) => line !== ''),
      ),
    ).toEqual(ids(lines));
    // One flipped letter, one line gone.
    const at = lines.findIndex((line) => line.includes('"decision":"deny"'));
    expect(verifyChain(lines.with(at, (lines[at] ?? '').replace('"decision":"deny"', '"decision":"allow"'))).faults).not.toEqual([]);
    expect(verifyChain(lines.toSpliced(at, 1)).faults).not.toEqual([]);
  });
});

describe('the end', () => {
  test('comes when all that was accepted is answered and recorded', async () => {
    const stage = await setStage();
    const webhook = await stage.serve();
    const { promise, resolve } = Promise.withResolvers<void>();
    const images: string[] = [];
    for (let i = 0; i < 10; i += 1) images.push(pinned(await stage.publish(`acme/held-${i}`)));
    stage.registry.inject({ match: /^GET .*\/manifests\/sha256:/, does: { kind: 'hold', until: promise } });
    const reviews = Array.from({ length: 100 }, (_, i) => podWith([images[i % 10] ?? '']));
    const held = reviews.map((review) => webhook.validate(review));
    // Loops that go on until nobody listens any more.
    const refused: string[] = [];
    const answered: Reviewed[] = [];
    const loops = Array.from({ length: 8 }, async () => {
      for (;;) {
        try {
          answered.push(await webhook.validate(podWith(['evil.example/x:1'])));
        } catch (error) {
          refused.push(error instanceof Error && 'code' in error ? String(error.code) : String(error));
          return;
        }
      }
    });
    const inWork = async (): Promise<number> => Number(/^tidewaiter_admissions_in_flight (\d+)$/m.exec((await webhook.ops('/metrics')).body)?.[1]);
    await expect.poll(inWork, soon).toBeGreaterThanOrEqual(100);
    await expect.poll(() => answered.length, soon).toBeGreaterThan(20);
    const stopped = webhook.stop();
    resolve();
    const answers = await Promise.all(held);
    await Promise.all(loops);
    await stopped;
    expect(answers.filter(({ allowed }) => !allowed)).toEqual([]);
    expect(new Set(refused)).toEqual(new Set(['ECONNREFUSED']));
    const kept = new Set(webhook.records().map(({ uid }) => uid));
    expect(reviews.filter(({ request }) => !kept.has(request.uid))).toEqual([]);
    expect(answered.filter(({ uid }) => !kept.has(uid))).toEqual([]);
    expect(verifyChain(readSpoolLines(webhook.running.about.spool)).faults).toEqual([]);
    await stage.close();
  });

  test('of the process comes soon after SIGTERM, also when the configuration has just changed', async () => {
    const stage = await setStage();
    stage.configure();
    const webhook = await startWebhook(join(stage.folder, 'tidewaiter.yaml'));
    const ready = async (): Promise<string> => (await fetch(`${webhook.ops}/readyz`)).text();
    const before = await ready();
    stage.configure({ mode: { default: 'warn' } });
    await expect.poll(ready, soon).not.toBe(before);
    stage.configure({ mode: { default: 'observe' } });
    const began = performance.now();
    await webhook.stop();
    expect(performance.now() - began).toBeLessThan(6_000);
    expect(verifyChain(readSpoolLines(join(stage.folder, 'state', 'audit'))).faults).toEqual([]);
    await stage.close();
  });
});

test('a renewed certificate is served without a call lost, and a bad one not at all', async () => {
  const stage = await setStage();
  const image = pinned(await stage.publish('acme/web'));
  const authority = await issueAuthority(Date.now());
  writeFileSync(join(stage.folder, 'ca.pem'), authority.cert);
  const renew = async (): Promise<void> => {
    const { cert, key } = await issueServing(authority, ['localhost', '127.0.0.1'], Date.now());
    writeFileSync(join(stage.folder, 'tls.crt'), cert);
    writeFileSync(join(stage.folder, 'tls.key'), key);
  };
  await renew();
  const webhook = await stage.serve({ server: { ...listening, tls: { certFile: 'tls.crt', keyFile: 'tls.key' } } });
  const serial = async (): Promise<string> => {
    const socket = await webhook.caller.socket();
    const { serialNumber } = socket.getPeerCertificate();
    socket.destroy();
    return serialNumber;
  };
  const answers: Reviewed[] = [];
  let over = false;
  const loops = Array.from({ length: 6 }, async (_, i) => {
    while (!over) {
      // Half of them on connections of their own.
      const caller = i % 2 === 0 ? webhook.caller : openCaller(webhook.running.admission, authority.cert);
      answers.push(await caller.review('/validate', podWith([image]), 10_000));
      if (i % 2 !== 0) caller.close();
    }
  });
  for (let i = 0; i < 3; i += 1) {
    const before = await serial();
    await renew();
    await expect.poll(serial, soon).not.toBe(before);
  }
  const last = await serial();
  writeFileSync(join(stage.folder, 'tls.crt'), 'no certificate');
  await expect.poll(() => webhook.log(), soon).toContain('the old one stays');
  expect(await serial()).toBe(last);
  over = true;
  await Promise.all(loops);
  expect(answers.length).toBeGreaterThan(50);
  expect(answers.filter(({ allowed }) => !allowed)).toEqual([]);
  await stage.close();
});
