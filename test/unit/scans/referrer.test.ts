import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createKeychain } from '../../../src/credentials/index.ts';
import type { Digest } from '../../../src/domain/digest.ts';
import { type Finds, noFinds, type PlatformImage, type Subject } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { createRegistry } from '../../../src/registry/index.ts';
import { type ScanParts, type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { referrerLimits } from '../../../src/scans/readReferrers.ts';
import { type FakeRegistry, manifestType, startRegistry, type WireDescriptor } from '../../fakes/registry.ts';
import { partsOf, predicate, report, states, subjectOf } from './fixtures.ts';

const repository = 'acme/app';
const emptyType = 'application/vnd.oci.empty.v1+json';

let registry: FakeRegistry;
let client: ReturnType<typeof createRegistry>;
let amd64: PlatformImage;
let arm64: PlatformImage;

beforeEach(async () => {
  registry = await startRegistry();
  client = createRegistry({ hosts: [{ host: registry.host, plainHTTP: true, ca: null, alsoHosts: [] }], keychain: createKeychain([]) });
  amd64 = pushPlatform('linux/amd64');
  arm64 = pushPlatform('linux/arm64');
});
afterEach(async () => {
  await client.close();
  await registry.close();
});

function pushPlatform(platform: string): PlatformImage {
  const { digest, imageId } = registry.pushImage({ repository, platform });
  return { platform, digest, imageId, created: null, user: null, labels: {}, annotations: {}, rootfs: null };
}

interface Artifact {
  readonly type?: string;
  readonly configType?: string;
  readonly layerType?: string;
  readonly contents?: readonly unknown[];
  /** What the manifest says it is attached to, if not what the list says. */
  readonly subject?: Digest;
}

/** Attaches something to a digest: with a type of its own, or, as go-containerregistry does it, with the configuration's. */
function attach(digest: Digest, { type, configType = emptyType, layerType = 'application/json', contents = [], subject }: Artifact): WireDescriptor {
  const layers = contents.map((content) =>
    registry.pushBlob(repository, Buffer.from(typeof content === 'string' ? content : JSON.stringify(content)), layerType),
  );
  const config = registry.pushBlob(repository, Buffer.from('{}'), configType);
  const document = { schemaVersion: 2, mediaType: manifestType, ...(type === undefined ? {} : { artifactType: type }), config, layers };
  return registry.pushManifest(repository, { ...document, subject: { mediaType: manifestType, digest: subject ?? digest, size: 1 } }, manifestType);
}

const json = (...contents: readonly unknown[]): Artifact => ({ configType: 'application/json', contents });

function subject(...platforms: readonly PlatformImage[]): Subject {
  const base = subjectOf(...platforms);
  const at = { registry: registry.host, repository };
  return { ...base, image: { ...base.image, ...at }, repositories: [at] };
}

async function open(settings: Readonly<Record<string, unknown>> = { unsigned: 'trusted' }, changes: Partial<ScanParts> = {}): Promise<ScanSource> {
  const entry = scanKinds.referrer.settings.parse({ name: 'attached', kind: 'referrer', ...settings });
  const created = await scanKinds.referrer.create(entry, partsOf({}, { registry: client, ...changes }));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

const look = (source: ScanSource, of: Subject = subject(amd64)): Promise<Outcome<Finds>> => source.look(of, AbortSignal.timeout(5000));
const looked = async (...of: Parameters<typeof look>) => states(await look(...of));

describe('a report that is attached does not count', () => {
  test('when there is none', async () => expect(await looked(await open())).toEqual(['linux/amd64 missing']));

  test('when nobody signed it and the configuration does not trust unsigned ones: untrusted, and not even fetched', async () => {
    attach(amd64.digest, json(report(amd64)));
    const outcome = await look(await open({}));
    expect(states(outcome)).toEqual(['linux/amd64 untrusted']);
    expect(outcome).toMatchObject({ value: { scans: [{ reason: expect.stringContaining('unsigned: trusted') }] } });
    expect(registry.count('/blobs/')).toBe(0);
  });

  test('when its manifest is attached to something else than the list says', async () => {
    const stray = attach(amd64.digest, { ...json(report(amd64)), subject: arm64.digest });
    registry.referrersApi = false;
    registry.addToFallbackTag(repository, amd64.digest, stray);
    expect(await looked(await open())).toEqual(['linux/amd64 missing']);
  });

  test('when it is of another type', async () => {
    attach(amd64.digest, { type: 'application/vnd.cyclonedx+json', configType: 'application/json', contents: [report(amd64)] });
    attach(amd64.digest, { configType: 'application/vnd.oci.image.config.v1+json', contents: [report(amd64)] });
    expect(await looked(await open())).toEqual(['linux/amd64 missing']);
  });

  test('when it is about another image: mismatch, and rejected', async () => {
    attach(amd64.digest, json(report(arm64)));
    const outcome = await look(await open());
    expect(states(outcome)).toEqual(['linux/amd64 mismatch']);
    expect(outcome).toMatchObject({ value: { rejected: [{ source: 'attached', code: 'SCAN_INVALID' }] } });
  });

  test.each([
    ['by its type', { type: 'application/sarif+json', contents: [{ version: '2.1.0', runs: [] }] }],
    ['by its content', json({ version: '2.1.0', $schema: 'https://json.schemastore.org/sarif-2.1.0.json', runs: [] })],
  ])('when it is SARIF, known %s, with the reason', async (_name, artifact) => {
    attach(amd64.digest, artifact);
    const outcome = await look(await open());
    expect(states(outcome)).toEqual(['linux/amd64 invalid']);
    expect(outcome).toMatchObject({
      value: { rejected: [{ code: 'SCAN_INVALID', message: expect.stringContaining('SARIF, which holds no time and no status') }] },
    });
  });

  test.each([['{'], ['[]'], ['"text"'], ['{"SchemaVersion":2}'], ['{"scanner":{}}'], ['\u0000']])('when it holds %j', async (content) => {
    attach(amd64.digest, json(content));
    expect(await looked(await open())).toEqual(['linux/amd64 invalid']);
  });

  test('when it comes from the future', async () => {
    attach(amd64.digest, json(report(amd64, { CreatedAt: '2027-01-01T00:00:00Z' })));
    expect(await looked(await open())).toEqual(['linux/amd64 invalid']);
  });
});

describe('a report that is attached counts', () => {
  test.each([
    ['Trivy JSON, as the type of the configuration', (image: PlatformImage) => json(report(image))],
    ['cosign-vuln, as the type of the configuration', (image: PlatformImage) => json(predicate(report(image)))],
    ['Trivy JSON, as artifactType', (image: PlatformImage): Artifact => ({ type: 'application/json', contents: [report(image)] })],
    ['either, in any case of the type', (image: PlatformImage): Artifact => ({ type: 'Application/JSON', contents: [report(image)] })],
  ])('as %s', async (_name, artifact) => {
    attach(amd64.digest, artifact(amd64));
    expect(await look(await open())).toMatchObject({ value: { scans: [{ state: 'evaluated', signer: null, counts: { HIGH: 1 } }], rejected: [], faults: [] } });
  });

  test('without the referrers API too', async () => {
    registry.referrersApi = false;
    registry.addToFallbackTag(repository, amd64.digest, attach(amd64.digest, json(report(amd64))));
    expect(await looked(await open())).toEqual(['linux/amd64 evaluated']);
  });

  test('on the index for the child it is about, and on a manifest for its platform', async () => {
    const of = subject(amd64, arm64);
    attach(of.image.digest, json(report(amd64)));
    expect(await looked(await open(), of)).toEqual(['linux/amd64 evaluated', 'linux/arm64 otherPlatform']);
    attach(arm64.digest, json(report(arm64)));
    expect(await looked(await open(), of)).toEqual(['linux/amd64 evaluated', 'linux/arm64 evaluated']);
  });

  test('of the types that the configuration names', async () => {
    attach(amd64.digest, { type: 'application/vnd.example.trivy+json', contents: [report(amd64)] });
    expect(await looked(await open({ unsigned: 'trusted', artifactTypes: ['application/vnd.example.trivy+json'] }))).toEqual(['linux/amd64 evaluated']);
  });

  test('with the older of two times', async () => {
    attach(amd64.digest, json(predicate(report(amd64, { CreatedAt: '2026-01-01T00:00:00Z' }), '2026-11-24T19:00:00Z')));
    expect(await look(await open())).toMatchObject({ value: { scans: [{ scannedAt: '2026-01-01T00:00:00.000Z' }] } });
  });

  test('when a signer that is named signed its manifest, and the unsigned one beside it does not', async () => {
    const signed = attach(amd64.digest, json(report(amd64)));
    attach(amd64.digest, json(report(amd64, { CreatedAt: '2026-11-24T19:00:00Z', Results: [{ Class: 'os-pkgs' }] })));
    const asked: Digest[] = [];
    const signature = { signer: 'ci', kind: 'cosign-key', layout: 'bundle', keyId: null, issuer: null, identity: null, claims: {}, signedAt: null } as const;
    const more = { subject: 'manifest', annotations: {}, signedRepository: null } as const;
    const signatures: ScanParts['signatures'] = async (_names, { image }) => {
      asked.push(image.digest);
      return good({ ...noFinds, signatures: image.digest === signed.digest ? [{ ...signature, ...more }] : [] });
    };
    const outcome = await look(await open({ signers: ['ci'] }, { signatures }));
    expect(outcome).toMatchObject({ value: { scans: [{ state: 'evaluated', signer: 'ci', counts: { HIGH: 1 } }] } });
    expect(asked).toContain(signed.digest);
  });
});

describe('what could not be looked at is not missing', () => {
  test('when the registry is down', async () => {
    const source = await open();
    await registry.close();
    expect(await looked(source)).toEqual(['REGISTRY_UNAVAILABLE']);
  });

  test('when a report can not be fetched', async () => {
    attach(amd64.digest, json(report(amd64)));
    registry.inject({ match: '/blobs/', does: { kind: 'status', status: 404 } });
    expect(await looked(await open())).toEqual(['linux/amd64 unavailable']);
  });

  test('when nobody could tell who signed it', async () => {
    attach(amd64.digest, json(report(amd64)));
    const source = await open({ signers: ['ci'] }, { signatures: async () => bad('REGISTRY_UNAVAILABLE', 'down') });
    expect(await looked(source)).toEqual(['linux/amd64 unavailable']);
  });

  test('when there are more referrers than are read, and a report that is found counts', async () => {
    for (let i = 0; i < referrerLimits.referrers + 1; i += 1) attach(amd64.digest, { type: 'application/vnd.junk', contents: [`${i}`] });
    const source = await open();
    expect(await looked(source)).toEqual(['linux/amd64 unavailable']);
    attach(amd64.digest, { type: 'application/json', contents: [report(amd64)] });
    expect(await look(source)).toMatchObject({ value: { scans: [{ state: 'evaluated' }], faults: [{ code: 'LIMIT_EXCEEDED' }] } });
  });

  test('when a report is longer than may be read', async () => {
    const blob = registry.pushBlob(repository, Buffer.from('{}'), 'application/json');
    const config = registry.pushBlob(repository, Buffer.from('{}'), 'application/json');
    const of = { mediaType: manifestType, digest: amd64.digest, size: 1 };
    const document = { schemaVersion: 2, mediaType: manifestType, config, layers: [{ ...blob, size: referrerLimits.report + 1 }], subject: of };
    registry.pushManifest(repository, document, manifestType);
    const outcome = await look(await open());
    expect(states(outcome)).toEqual(['linux/amd64 unavailable']);
    expect(outcome).toMatchObject({ value: { faults: [{ code: 'LIMIT_EXCEEDED' }] } });
  });

  test('when the platforms of the image are unknown', async () => {
    expect(await looked(await open(), subject())).toEqual(['MANIFEST_INVALID']);
  });
});

test('what is trusted is part of the trust', async () => {
  const all = await Promise.all([
    open({}),
    open({ unsigned: 'trusted' }),
    open({ signers: ['ci'] }),
    open({ signers: ['ci'] }, { signerTrust: () => 'another key' }),
    open({ artifactTypes: ['application/x'] }),
  ]);
  expect(new Set(all.map(({ trust }) => trust)).size).toBe(all.length);
});
