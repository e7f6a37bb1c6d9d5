import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createApp } from '../../../src/app.ts';
import type { App } from '../../../src/cli/desk.ts';
import { loadConfig } from '../../../src/config/index.ts';
import type { AdmissionRequest } from '../../../src/domain/admission.ts';
import { attest, makeKey, type PublishedImage, publishImage, signBundle, trivyReport, vulnPredicate, vulnPredicateType } from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { podObject } from '../../fakes/review.ts';
import { keepLog } from '../server/calls.ts';

const key = makeKey('p256');
const root = mkdtempSync(join(tmpdir(), 'core-'));
const apps: App[] = [];
let registry: FakeRegistry;

beforeEach(async () => {
  registry = await startRegistry();
});
afterEach(async () => {
  for (const app of apps.splice(0)) await app.close();
  await registry.close();
});
afterAll(() => rmSync(root, { recursive: true }));

const release = { name: 'release', kind: 'cosign-key', images: ['**'], keyFile: 'release.pub' };

/** The program from a configuration: what it needs is there, unless a change takes it away. */
async function appOf(changes: Readonly<Record<string, unknown>> = {}, files: Readonly<Record<string, string>> = {}): Promise<App> {
  const folder = mkdtempSync(join(root, 'app-'));
  mkdirSync(join(folder, 'policies'));
  const signed =
    'package policies.signed\n\ndeny contains {"container": image.container, "msg": "not signed"} if {\n\tsome image in input.images\n\tcount(image.signatures) == 0\n}\n';
  for (const [name, text] of Object.entries({ 'release.pub': key.publicPem, 'policies/signed.rego': signed, ...files }))
    writeFileSync(join(folder, name), text);
  const usual = { registries: [{ host: registry.host, plainHTTP: true }], signers: [release], audit: { sinks: [] } };
  writeFileSync(join(folder, 'tidewaiter.yaml'), JSON.stringify({ apiVersion: 'tidewaiter.dev/v1', kind: 'Configuration', ...usual, ...changes }));
  const loaded = await loadConfig({ file: join(folder, 'tidewaiter.yaml'), env: {}, cwd: folder });
  if (!loaded.ok) throw new Error(loaded.faults.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const app = await createApp(loaded.config, { log: keepLog() });
  if (!app.ok) throw new Error(app.fault.message);
  apps.push(app.value);
  return app.value;
}

const publish = (repository = 'acme/web'): Promise<PublishedImage> => publishImage({ registry: registry.origin, repository, tag: '1.0' });

function creating(image: string): AdmissionRequest {
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
    object: podObject({ containers: [{ name: 'web', image }] }),
    oldObject: null,
  };
}

describe('a core can not be built', () => {
  it.each([
    ['a key that is none', {}, { 'release.pub': 'no key' }, 'signer release: '],
    [
      'a certificate authority that is none',
      { registries: [{ host: 'registry.corp', caFile: 'ca.pem' }] },
      { 'ca.pem': '-----BEGIN CERTIFICATE-----\nbm9uZQ==\n-----END CERTIFICATE-----\n' },
      'the caFile of registry registry.corp',
    ],
    [
      'credentials that are none',
      { registries: [{ host: 'registry.corp', credentials: { kind: 'dockerconfig', file: 'config.json' } }] },
      { 'config.json': '[]' },
      'the credentials of registry registry.corp: ',
    ],
  ])('from %s, and says what is wrong', async (_what, changes, files, said) => {
    const app = await appOf(changes, files);
    const checked = await app.check(creating('x'));
    expect(checked).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
    expect(checked.ok ? '' : checked.fault.message).toContain(said);
  });
});

describe('at the desk', () => {
  it('a signed image is allowed, an unsigned one denied, each with its reason', async () => {
    const app = await appOf();
    const image = await publish();
    await signBundle(image, key);
    await publish('acme/bare');
    expect(await app.check(creating(`${registry.host}/acme/web:1.0`))).toMatchObject({ ok: true, value: { answered: 'allow', decision: 'allow' } });
    expect(await app.check(creating(`${registry.host}/acme/bare:1.0`))).toMatchObject({
      ok: true,
      value: { answered: 'deny', decision: 'deny', message: expect.stringContaining('not signed') },
    });
  });

  it('the image is placed as /mutate would place it', async () => {
    const mirror = await startRegistry({ content: registry.content });
    const app = await appOf({
      registries: [registry.host, mirror.host].map((host) => ({ host, plainHTTP: true })),
      mirrors: [{ source: `${registry.host}/acme`, targets: [{ location: `${mirror.host}/acme` }] }],
    });
    const image = await publish();
    await signBundle(image, key);
    expect(await app.check(creating(`${registry.host}/acme/web:1.0`))).toMatchObject({
      ok: true,
      value: { answered: 'allow', images: [{ admitted: `${mirror.host}/acme/web:1.0@${image.digest}`, mirror: `${mirror.host}/acme` }] },
    });
    await mirror.close();
  });

  it('what holds no image is not judged', async () => {
    const app = await appOf();
    expect(await app.check({ ...creating('x'), kind: 'v1/ConfigMap', object: {} })).toEqual({ ok: true, value: null });
  });

  describe('a workload', () => {
    const workload = (kind: string, spec: object, metadata: object = {}): AdmissionRequest => ({ ...creating('x'), kind, object: { metadata, spec } });
    const template = { spec: { containers: [{ name: 'web', image: 'unlisted.example/x' }] } };
    const owned = { ownerReferences: [{ controller: true, kind: 'Deployment', name: 'web' }] };

    it('that a controller owns is left to its owner; a Pod is judged whoever owns it', async () => {
      const app = await appOf();
      expect(await app.check(workload('apps/v1/ReplicaSet', { template }, owned))).toEqual({ ok: true, value: null });
      expect(await app.check(workload('v1/Pod', template.spec, owned))).toMatchObject({ value: { answered: 'deny' } });
    });

    it('is left to its Pods where workloads are off', async () => {
      const app = await appOf({ mode: { workloads: 'off' } });
      expect(await app.check(workload('apps/v1/Deployment', { template }))).toEqual({ ok: true, value: null });
      expect(await app.check(workload('v1/Pod', template.spec))).toMatchObject({ value: { answered: 'deny' } });
    });

    it.each([
      ['a Pod without containers', 'v1/Pod', {}],
      ['a Pod of no containers', 'v1/Pod', { containers: [] }],
      ['a Deployment without a template', 'apps/v1/Deployment', {}],
    ])('%s has no image to judge, and is denied', async (_what, kind, spec) => {
      const app = await appOf();
      expect(await app.check(workload(kind, spec))).toMatchObject({
        value: { answered: 'deny', findings: [{ id: 'request', code: 'REVIEW_INVALID', msg: 'REVIEW_INVALID: it has no image to judge' }] },
      });
    });

    it('has the limits of the webhook', async () => {
      const app = await appOf();
      const containers = Array.from({ length: 65 }, (_, i) => ({ name: `c${i}`, image: 'unlisted.example/x' }));
      const labels = Object.fromEntries(Array.from({ length: 257 }, (_, i) => [`l${i}`, '']));
      expect(await app.check(workload('v1/Pod', { containers }))).toMatchObject({ value: { findings: [{ code: 'LIMIT_EXCEEDED' }] } });
      expect(await app.check(workload('v1/Pod', template.spec, { labels }))).toMatchObject({ value: { findings: [{ code: 'LIMIT_EXCEEDED' }] } });
    });
  });

  it('policies say what they are about', async () => {
    const app = await appOf(
      {},
      { 'policies/signed.rego': '# METADATA\n# title: Images are signed\npackage policies.signed\n\ndeny contains {"msg": "x"} if count(input.images) == 0\n' },
    );
    expect(await app.rules()).toEqual([]);
    await app.check(creating('unlisted.example/x'));
    expect(await app.rules()).toMatchObject([{ name: 'signed', title: 'Images are signed' }]);
  });

  it('broken policies deny, and say so', async () => {
    const app = await appOf({}, { 'policies/signed.rego': 'package policies.signed\n\ndeny contains {{{\n' });
    await publish();
    expect(await app.check(creating(`${registry.host}/acme/web:1.0`))).toMatchObject({
      ok: true,
      value: { answered: 'deny', message: expect.stringContaining('POLICY_BROKEN') },
    });
  });

  it('a registry that is named without credentials gets none of a wider rule', async () => {
    const config = JSON.stringify({ auths: { [registry.host]: { auth: Buffer.from('robot:secret').toString('base64') } } });
    const credentials = { kind: 'dockerconfig', file: 'config.json' };
    const app = await appOf(
      {
        registries: [
          { host: registry.host, plainHTTP: true },
          { host: 'other.corp', credentials },
        ],
      },
      { 'config.json': config },
    );
    await publish();
    registry.forgetRequests();
    await app.check(creating(`${registry.host}/acme/web:1.0`));
    expect(registry.count()).toBeGreaterThan(0);
    expect(registry.requests.filter(({ authorization }) => authorization !== null)).toEqual([]);
  });
});

describe('verify', () => {
  it('tells of each source what it found and where', async () => {
    const app = await appOf({
      scans: [{ name: 'attested', kind: 'trivy-attestation', signers: ['release'] }],
      signers: [release, { ...release, name: 'other', keyFile: undefined, key: makeKey('p256').publicPem }],
    });
    const image = await publish();
    await signBundle(image, key);
    await attest(image, key, vulnPredicateType, vulnPredicate(trivyReport({ imageId: image.imageId })), 'bundle');
    const verified = await app.verify(`${registry.host}/acme/web:1.0`);
    const looked = verified.ok ? verified.value.looked : [];
    expect(looked.map(({ source, where }) => `${source} ${where}`)).toEqual([
      `release (cosign-key) ${registry.host}/acme/web`,
      `other (cosign-key) ${registry.host}/acme/web`,
      `attested (trivy-attestation) ${registry.host}/acme/web`,
    ]);
    expect(looked.map(({ outcome }) => outcome)).toEqual([
      expect.stringMatching(/^verified \(bundle, key [0-9a-f]{64}\)/),
      expect.stringContaining('SIGNER_MISMATCH'),
      'linux/amd64: evaluated',
    ]);
  });

  it('names the folder where reports are looked for', async () => {
    const app = await appOf({ scans: [{ name: 'filed', kind: 'trivy-directory', path: 'reports' }] }, {});
    const image = await publish();
    const verified = await app.verify(`${registry.host}/acme/web@${image.digest}`);
    expect(verified.ok ? verified.value.looked.at(-1) : null).toMatchObject({
      source: 'filed (trivy-directory)',
      where: expect.stringMatching(/^\/.*\/reports$/),
    });
  });

  it('says why where nothing could be looked at', async () => {
    const app = await appOf();
    expect(await app.verify('UPPER/case')).toMatchObject({ ok: false, fault: { code: 'REFERENCE_INVALID' } });
    expect(await app.verify('unlisted.example/x')).toMatchObject({ ok: false, fault: { code: 'REGISTRY_NOT_LISTED' } });
    expect(await app.verify(`${registry.host}/acme/none:1`)).toMatchObject({ ok: false, fault: { code: 'MANIFEST_UNKNOWN' } });
  });

  it('of an attestation by a signer that could not be looked at is no "found none"', async () => {
    const app = await appOf({ scans: [{ name: 'attested', kind: 'trivy-attestation', signers: ['release'] }] });
    const image = await publish();
    registry.inject({ match: /\.sig|\.att|referrers|manifests\/sha256-/, does: { kind: 'status', status: 403 } });
    const verified = await app.verify(`${registry.host}/acme/web@${image.digest}`);
    const outcomes = verified.ok ? verified.value.looked.map(({ outcome }) => outcome) : [];
    expect(outcomes).toHaveLength(2);
    for (const outcome of outcomes) expect(outcome).toContain('could not look: REGISTRY_UNAUTHORIZED');
  });
});
