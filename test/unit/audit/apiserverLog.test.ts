/** The API server's own log as a witness: what it was told is compared with what is recorded. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { draft, evidence, image, now } from './fixtures.ts';
import { newSite, prove, runProcess } from './proofRig.ts';

const site = newSite();
const log = join(site.root, 'apiserver.log');
const ids = ['01KBVKZ3000000000000000001', '01KBVKZ3000000000000000002', '01KBVKZ3000000000000000003'];
let hashes: Record<string, string> = {};

beforeAll(async () => {
  await runProcess(site, 3, now, (i) => draft({ id: ids[i] ?? '', images: [image(evidence())] }));
  const lines = readdirSync(site.records).flatMap((name) =>
    name.endsWith('.jsonl') ? readFileSync(join(site.records, name), 'utf8').trimEnd().split('\n') : [],
  );
  hashes = Object.fromEntries(
    lines
      .map((line) => JSON.parse(line))
      .filter(({ id }) => id !== undefined)
      .map(({ id, hash }) => [id, hash]),
  );
});

afterAll(() => rmSync(site.root, { recursive: true, force: true }));

/** One event, as an API server writes it. */
function event(annotations: Record<string, string>, changes: object = {}): object {
  return {
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: 'Metadata',
    auditID: '6f1b0b7e-0000-4000-8000-000000000001',
    stage: 'ResponseComplete',
    requestURI: '/api/v1/namespaces/shop/pods',
    verb: 'create',
    user: { username: 'alice' },
    objectRef: { resource: 'pods', namespace: 'shop', name: 'web' },
    annotations,
    ...changes,
  };
}

const told = (id: string, hash = hashes[id] ?? '', decision = 'deny') =>
  event({ 'pods.tidewaiter.dev/record': id, 'pods.tidewaiter.dev/hash': hash, 'pods.tidewaiter.dev/decision': decision });

async function compare(...events: readonly (object | string)[]) {
  writeFileSync(log, events.map((each) => `${typeof each === 'string' ? each : JSON.stringify(each)}\n`).join(''));
  const proof = await prove(site, { apiserverLogs: [log] });
  return { ...proof, said: proof.faults.map(({ kind, line, message }) => `${kind} ${line}: ${message}`) };
}

test('a log that agrees has no faults, and says how much was compared', async () => {
  expect(await compare(...ids.map((id) => told(id)), event({}))).toMatchObject({ said: [], apiserver: { events: 4, records: 3 } });
});

describe('is named, with its line:', () => {
  test('a record that is not there', async () => {
    const { said } = await compare(told('01KBVKZ3000000000000000009', 'ab'.repeat(32)));
    expect(said).toEqual([
      'unrecorded 1: the API server was told of record 01KBVKZ3000000000000000009 for create of pods/shop/web by alice, and it is not there',
    ]);
  });

  test('a record with another hash than the API server was told', async () => {
    const { faults } = await compare(event({}), told(ids[1] ?? '', 'ab'.repeat(32)));
    expect(faults).toMatchObject([{ kind: 'differs', sequence: 2, message: expect.stringContaining(`${log}:2`) }]);
  });

  test('a record that the API server was told two hashes of', async () => {
    const { said } = await compare(told(ids[0] ?? ''), told(ids[0] ?? '', 'cd'.repeat(32)));
    expect(said).toEqual([`fork 2: the API server was told two hashes of record ${ids[0]}`]);
  });

  test('a denial without a record, unless it was a dry run', async () => {
    const denied = { 'pods.tidewaiter.dev/decision': 'deny' };
    const { said } = await compare(event(denied), event(denied, { requestURI: '/api/v1/namespaces/shop/pods?dryRun=All' }));
    expect(said).toEqual(['unrecorded 1: create of pods/shop/web by alice was denied without a record']);
  });

  test('a Pod that was let in unasked, but not those of other webhooks', async () => {
    const { said } = await compare(
      event({ 'failed-open.validating.webhook.admission.k8s.io/round_0_index_1': 'pods.tidewaiter.dev' }),
      event({ 'failed-open.validating.webhook.admission.k8s.io/round_0_index_1': 'other.example.com', 'other.example.com/decision': 'deny' }),
    );
    expect(said).toEqual([
      'bypass 1: create of pods/shop/web by alice was let in without being asked about: failed-open.validating.webhook.admission.k8s.io, webhook pods.tidewaiter.dev',
    ]);
  });

  test('a line that is none; the last one may still be on its way', async () => {
    const { said, notes } = await compare('not json', told(ids[0] ?? ''), '{"auditID":');
    expect(said).toEqual(["unread 1: the line of the API server's log is no audit event"]);
    expect(notes).toEqual([expect.stringContaining('apiserver.log:3: the last line was not finished')]);
  });
});

test('names of objects from the log can not write on the terminal', async () => {
  const { said } = await compare(event({ 'pods.tidewaiter.dev/decision': 'deny' }, { objectRef: { resource: 'pods', name: '\u001b[2Jweb\n' } }));
  expect(said.join()).not.toMatch(/\p{Cc}/u);
});
