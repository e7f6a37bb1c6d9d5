/** Findings as the whole program sees them: sources, signers, VEX and ignore rules wired by a configuration. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { createApp } from '../../../src/app.ts';
import type { App } from '../../../src/cli/desk.ts';
import { loadConfig } from '../../../src/config/index.ts';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import type { Scan } from '../../../src/domain/evidence.ts';
import {
  attest,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  pushReferrer,
  signBundle,
  trivyReport,
  vulnPredicate,
  vulnPredicateType,
} from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { podObject } from '../../fakes/review.ts';
import { keepLog } from '../server/calls.ts';

const [key, stranger] = [makeKey('p256'), makeKey('p256')];
const root = mkdtempSync(join(tmpdir(), 'findings-'));
const apps: App[] = [];
let registry: FakeRegistry;
let image: PublishedImage;

beforeEach(async () => {
  registry = await startRegistry();
  image = await publishImage({ registry: registry.origin, repository: 'acme/web', tag: '1.0' });
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await registry.close();
});
afterAll(() => rmSync(root, { recursive: true }));

async function appOf(changes: Readonly<Record<string, unknown>>): Promise<App> {
  const folder = mkdtempSync(join(root, 'app-'));
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies', 'none.rego'), 'package policies.none\n\ndeny contains "never" if false\n');
  const ci = { name: 'ci', kind: 'cosign-key', images: ['**'], key: key.publicPem };
  const usual = { registries: [{ host: registry.host, plainHTTP: true }], signers: [ci], audit: { sinks: [] } };
  writeFileSync(join(folder, 'tidewaiter.yaml'), JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...usual, ...changes }));
  const loaded = await loadConfig({ file: join(folder, 'tidewaiter.yaml'), env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(loaded.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const app = await createApp(loaded.config, { log: keepLog() });
  if (!app.ok) throw new Error(app.fault.message);
  apps.push(app.value);
  return app.value;
}

async function scansBy(changes: Readonly<Record<string, unknown>>): Promise<readonly Scan[]> {
  const verified = await (await appOf(changes)).verify(`${registry.host}/acme/web:1.0`);
  if (!verified.ok) throw new Error(verified.fault.message);
  return verified.value.image.evidence.scans;
}

const report = () => trivyReport({ imageId: image.imageId, findings: [{ id: 'CVE-2026-1', severity: 'HIGH' }] });
const attested = { name: 'attested', kind: 'trivy-attestation', signers: ['ci'] };
const openvex = (status: string) => ({
  '@context': 'https://openvex.dev/ns/v0.2.0',
  author: 'Example',
  timestamp: '2026-01-01T00:00:00Z',
  statements: [
    {
      vulnerability: { name: 'CVE-2026-1' },
      products: [{ '@id': `pkg:oci/web@${image.digest.replace(':', '%3A')}` }],
      status,
      ...(status === 'not_affected' ? { justification: 'component_not_present' } : {}),
    },
  ],
});

it('VEX attested by a named signer suppresses what the attested report found, and one by a stranger does not', async () => {
  await attest(image, key, vulnPredicateType, vulnPredicate(report()), 'bundle');
  await attest(image, stranger, 'https://openvex.dev/ns', openvex('not_affected'), 'bundle');
  const vex = [{ name: 'vendor', kind: 'attestation', signers: ['ci'] }];
  expect(await scansBy({ scans: [attested], vex })).toMatchObject([{ state: 'evaluated', counts: { HIGH: 1 }, findings: [{ suppressed: null }] }]);
  await attest(image, key, 'https://openvex.dev/ns', openvex('not_affected'), 'bundle');
  expect(await scansBy({ scans: [attested], vex })).toMatchObject([
    { counts: { HIGH: 0 }, findings: [{ suppressed: { by: 'vex vendor by Example, attested by ci', reason: 'component_not_present' } }] },
  ]);
});

it('an ignore rule and the severity source of an entry have effect', async () => {
  await attest(image, key, vulnPredicateType, vulnPredicate(report()), 'bundle');
  const rule = { id: 'CVE-2026-1', images: [`${registry.host}/acme/*`], owner: 'team blue', reason: 'not reachable', expires: '9999-01-01' };
  expect(await scansBy({ scans: [{ ...attested, severitySource: 'maximum' }], ignore: [rule] })).toMatchObject([
    { counts: { HIGH: 0 }, findings: [{ suppressed: { by: expect.stringContaining('team blue'), reason: 'not reachable' } }] },
  ]);
});

it('a report attached as a referrer counts by its signer only', async () => {
  const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(report())), 'application/json');
  const referrer = await pushReferrer(image.place, image.descriptor, [layer], 'application/json');
  const scans = [{ name: 'attached', kind: 'referrer', signers: ['ci'] }];
  expect(await scansBy({ scans })).toMatchObject([{ state: 'untrusted', reason: expect.stringContaining('none of the signers ci signed it') }]);
  await signBundle(image, stranger, { subject: referrer });
  expect(await scansBy({ scans })).toMatchObject([{ state: 'untrusted' }]);
  await signBundle(image, key, { subject: referrer });
  expect(await scansBy({ scans })).toMatchObject([{ state: 'evaluated', signer: 'ci', counts: { HIGH: 1 } }]);
});

it.each([
  ['an old scan', { maxAge: '168h' }, 'attested looked at 2026-01-01T00:00:00.000Z, longer ago than 168h'],
  ['a database of unknown age', { databaseMaxAge: '48h' }, 'the database of attested is of a time that the result does not tell'],
  ['an age that is none', { maxAge: '7 days' }, 'data.config.scanned.maxAge is "7 days", and must be a duration'],
])('the policy scanned denies %s where that is asked for', async (_name, scanned, said) => {
  const old = trivyReport({ imageId: image.imageId, createdAt: '2026-01-01T00:00:00Z' });
  await attest(image, key, vulnPredicateType, vulnPredicate(old), 'bundle');
  const modes = { signed: 'off', registries: 'off', pinned: 'off', latest: 'off' };
  const checked = async (data: unknown) => {
    const app = await appOf({ scans: [attested], policy: { directory: join(import.meta.dirname, '..', '..', '..', 'policies'), modes, data } });
    const outcome = await app.check(creating(`${registry.host}/acme/web:1.0`));
    if (!outcome.ok || outcome.value === null) throw new Error('it was not judged');
    return outcome.value;
  };
  expect(await checked({})).toMatchObject({ decision: 'allow' });
  expect(await checked({ scanned })).toMatchObject({ decision: 'deny', message: expect.stringContaining(said) });
});

function creating(reference: string): AdmissionRequest {
  return {
    uid: 'u',
    operation: 'CREATE',
    kind: 'v1/Pod',
    subResource: '',
    namespace: 'shop',
    name: 'web',
    generateName: null,
    user: { username: 'alice', groups: [] },
    dryRun: false,
    object: podObject({ containers: [{ name: 'web', image: reference }] }),
    oldObject: null,
  };
}
