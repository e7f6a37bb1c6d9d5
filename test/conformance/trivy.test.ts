/** What the real Trivy writes, offline, read by our decoders: states, findings, binding, times, and what its own VEX does otherwise. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeychain } from '../../src/credentials/index.ts';
import type { Digest } from '../../src/domain/digest.ts';
import type { EvaluatedScan, Finds, PlatformImage, Scan, Subject } from '../../src/domain/evidence.ts';
import type { Outcome } from '../../src/domain/fault.ts';
import { property } from '../../src/domain/json.ts';
import { ownAccess } from '../../src/domain/registry.ts';
import { createContentReader } from '../../src/images/content.ts';
import { createRegistry } from '../../src/registry/index.ts';
import { refine, type ScanParts, type ScanSource, scanKinds, vexKinds } from '../../src/scans/index.ts';
import { createLayouts, createProving, createTrustRoots, type Signer, type SignerKind, signerKinds } from '../../src/signatures/index.ts';
import { ociManifest, pushBlob, pushManifest, type RegistryDescriptor } from '../fakes/publish/push.ts';
import { makeKey } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { partsOf, subjectOf } from '../unit/scans/fixtures.ts';
import { asking } from '../unit/signatures/support.ts';
import { startCosign } from './cosignTool.ts';
import { databaseTime, files, pushIndexOf, pushRoot, type RootImage, startTrivy, type Trivy } from './trivyTool.ts';

type Root = keyof typeof files;

let registry: RealRegistry;
let trivy: Trivy;
let client: ReturnType<typeof createRegistry>;
let folder: string;
const images = new Map<Root, RootImage>();
const tidy: (() => unknown)[] = [];

beforeAll(async () => {
  registry = await startRealRegistry();
  trivy = await startTrivy();
  client = createRegistry({ hosts: [{ host: registry.host, plainHTTP: true, ca: null, alsoHosts: [] }], keychain: createKeychain([]) });
  folder = mkdtempSync(join(tmpdir(), 'trivy-reports-'));
  for (const [name, root] of Object.entries(files)) images.set(name as Root, await pushRoot(place(name as Root), root, { tag: '1' }));
}, 1_200_000);
afterAll(async () => {
  for (const end of tidy.toReversed()) await end();
  trivy?.close();
  await client?.close();
  await registry?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const place = (name: Root) => ({ registry: registry.url, repository: `acme/${name.toLowerCase()}` });
const reference = (name: Root, what: string) => `${registry.host}/${place(name).repository}${what}`;

function platformOf({ descriptor, imageId, rootfs }: RootImage, platform = 'linux/amd64'): PlatformImage {
  return { platform, digest: descriptor.digest, imageId, created: null, user: null, labels: {}, annotations: {}, rootfs };
}

function pushed(name: Root): RootImage {
  const image = images.get(name);
  if (image === undefined) throw new Error(`${name} was not pushed`);
  return image;
}

function subject(name: Root, ...platforms: readonly PlatformImage[]): Subject {
  const all = platforms.length > 0 ? platforms : [platformOf(pushed(name))];
  const at = { registry: registry.host, repository: place(name).repository };
  const base = subjectOf(...all);
  return { ...base, image: { ...base.image, ...at }, repositories: [at] };
}

/** Real scans happen now. */
function parts(changes: Partial<ScanParts> = {}): ScanParts {
  return partsOf({}, { clock: Date.now, registry: client, ...changes });
}

/** What a folder that holds these reports says of an image. */
async function judge(of: Subject, ...reports: readonly unknown[]): Promise<Outcome<Finds>> {
  const source = await directory(...reports);
  return source.look(of, AbortSignal.timeout(5000));
}

async function directory(...reports: readonly unknown[]): Promise<ScanSource> {
  const path = mkdtempSync(join(folder, 'reports-'));
  for (const [i, report] of reports.entries()) writeFileSync(join(path, `${i}.json`), JSON.stringify(report));
  const created = await scanKinds['trivy-directory'].create({ name: 'reports', kind: 'trivy-directory', path }, parts());
  if (!created.ok) throw new Error(created.fault.message);
  tidy.push(() => created.value.close());
  return created.value;
}

function scansOf(outcome: Outcome<Finds>): readonly Scan[] {
  if (!outcome.ok) throw new Error(outcome.fault.message);
  return outcome.value.scans;
}

function evaluated(outcome: Outcome<Finds>): EvaluatedScan {
  const [scan] = scansOf(outcome);
  if (scan?.state !== 'evaluated') throw new Error(`the scan is ${scan?.state ?? 'not there'}`);
  return scan;
}

const states = (outcome: Outcome<Finds>) => scansOf(outcome).map(({ platform, state }) => `${platform} ${state}`);

describe('a scan by the real Trivy', () => {
  it('of a Debian image shows each finding with status, grades and package URL', async () => {
    const scan = evaluated(await judge(subject('debian'), await trivy.scan(reference('debian', ':1'))));
    expect(scan).toMatchObject({ scanner: 'trivy 0.74.0', signer: null, endOfLife: false, databaseUpdatedAt: null });
    expect(scan.counts).toEqual({ CRITICAL: 1, HIGH: 0, MEDIUM: 1, LOW: 0, UNKNOWN: 1 });
    expect(scan.findings.map(({ id, severity, status, fixed }) => [id, severity, status, fixed]).sort()).toEqual([
      ['CVE-2026-1001', 'MEDIUM', 'fixed', '3.0.2-1'],
      ['CVE-2026-1002', 'CRITICAL', 'will_not_fix', null],
      ['CVE-2026-1003', 'UNKNOWN', 'affected', null],
    ]);
    expect(scan.findings.find(({ id }) => id === 'CVE-2026-1001')).toMatchObject({
      package: 'libssl3',
      purl: 'pkg:deb/debian/libssl3@3.0.1-1?arch=amd64&distro=debian-12.8',
      severities: { debian: 'MEDIUM', nvd: 'CRITICAL' },
    });
  });

  it.each([
    ['an image without findings', 'debianClean', 'evaluated'],
    ['packages of a language alone, with a finding', 'node', 'evaluated'],
    ['an image from scratch', 'scratch', 'inconclusive'],
    ['an unknown operating system', 'unknown', 'inconclusive'],
  ] as const)('of %s is %s: %s', async (_name, root, state) => {
    expect(states(await judge(subject(root), await trivy.scan(reference(root, ':1'))))).toEqual([`linux/amd64 ${state}`]);
  });

  it('of a distribution past its end says so, though it finds nothing', async () => {
    expect(evaluated(await judge(subject('debianOld'), await trivy.scan(reference('debianOld', ':1'))))).toMatchObject({ endOfLife: true, findings: [] });
  });

  it('that could not happen leaves no report', async () => {
    await expect(trivy.scan(reference('debian', ':gone'))).rejects.toThrow();
  });

  it('for secrets alone leaves no mark either, where there are packages', async () => {
    const [secrets, vulnerabilities] = [
      await trivy.scan(reference('debianClean', ':1'), '--scanners', 'secret'),
      await trivy.scan(reference('debianClean', ':1')),
    ];
    expect(property(secrets, 'Results')).toEqual(property(vulnerabilities, 'Results'));
    expect(states(await judge(subject('debian'), await trivy.scan(reference('debian', ':1'), '--scanners', 'secret')))).toEqual(['linux/amd64 evaluated']);
  });

  it('that was told to leave out a severity leaves no mark: who makes reports is trusted for that', async () => {
    const scan = evaluated(await judge(subject('debian'), await trivy.scan(reference('debian', ':1'), '--severity', 'CRITICAL')));
    expect(scan.findings.map(({ id }) => id)).toEqual(['CVE-2026-1002']);
  });

  it('by a client of its server tells the age of the database', async () => {
    const report = await trivy.scan(reference('debian', ':1'), '--server', await trivy.serve(), '--cache-backend', 'memory');
    expect(evaluated(await judge(subject('debian'), report))).toMatchObject({
      databaseUpdatedAt: new Date(databaseTime).toISOString(),
      counts: { CRITICAL: 1 },
    });
  });

  it('can be graded by another source', async () => {
    const source = await directory(await trivy.scan(reference('debian', ':1')));
    const graded = async (severitySource: 'nvd' | 'maximum') =>
      evaluated(await refine(source, { severitySource, vex: [], ignore: null, clock: Date.now }).look(subject('debian'), AbortSignal.timeout(5000))).counts;
    expect(await graded('nvd')).toEqual({ CRITICAL: 2, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 1 });
    expect(await graded('maximum')).toEqual({ CRITICAL: 2, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 1 });
  });
});

describe('a report is bound by the image ID', () => {
  const reader = () => createContentReader(client);

  /** The image as the line reads it. */
  async function read(digest: Digest): Promise<Subject> {
    const at = { registry: registry.host, repository: place('debian').repository };
    const image = { ...at, tag: null, digest };
    const signal = AbortSignal.timeout(5_000);
    const manifest = await reader().manifest([at], image, ownAccess, signal);
    if (!manifest.ok) throw new Error(manifest.fault.message);
    const platforms = await reader().platforms([at], manifest.value, ['linux/amd64'], ownAccess, signal);
    if (!platforms.ok) throw new Error(platforms.fault.message);
    return { image, repositories: [at], manifest: manifest.value, platforms: platforms.value, access: ownAccess };
  }

  it('and to the layers, which it names as the manifest does', async () => {
    const { descriptor } = pushed('debian');
    const report = await trivy.scan(reference('debian', `@${descriptor.digest}`));
    expect(property(property(report, 'Metadata'), 'Layers')).toMatchObject([{ Digest: expect.any(String), DiffID: expect.any(String) }]);
    expect(states(await judge(await read(descriptor.digest), report))).toEqual(['linux/amd64 evaluated']);
  });

  it('and not to another manifest that names the same configuration and other layers', async () => {
    const report = await trivy.scan(reference('debian', ':1'));
    const harmful = await pushBlob(place('debian'), gzipSync('something else'), 'application/vnd.oci.image.layer.v1.tar+gzip');
    const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: pushed('debian').imageId, size: pushed('debian').configSize };
    const twin = await pushManifest(place('debian'), { schemaVersion: 2, mediaType: ociManifest, config, layers: [harmful] }, ociManifest);
    expect(states(await judge(await read(twin.digest), report))).toEqual(['linux/amd64 mismatch']);
    const longer = await pushManifest(place('debian'), { schemaVersion: 2, mediaType: ociManifest, config, layers: [harmful, harmful] }, ociManifest);
    await expect(read(longer.digest)).rejects.toThrow('has 2 layers, and its configuration names 1');
  });

  it('and not to another image of the same name', async () => {
    const report = await trivy.scan(reference('debian', ':1'));
    expect(states(await judge(subject('debianClean'), report))).toEqual(['linux/amd64 missing']);
  });

  it('of an index covers the child that was scanned, whatever digests it names', async () => {
    const [amd64, arm64] = [pushed('debian'), await pushRoot(place('debian'), files.alpine, { architecture: 'arm64' })];
    const index = await pushIndexOf(place('debian'), [amd64, arm64], 'multi');
    const base = subject('debian', platformOf(amd64), platformOf(arm64, 'linux/arm64'));
    const of = { ...base, image: { ...base.image, digest: index.digest } };
    const first = await trivy.scan(reference('debian', ':multi'), '--platform', 'linux/amd64');
    const second = await trivy.scan(reference('debian', ':multi'), '--platform', 'linux/arm64');
    const digests = (report: unknown) => property(property(report, 'Metadata'), 'RepoDigests');
    expect(digests(first)).toEqual(digests(second));
    expect(states(await judge(of, first))).toEqual(['linux/amd64 evaluated', 'linux/arm64 otherPlatform']);
    expect(states(await judge(of, first, second))).toEqual(['linux/amd64 evaluated', 'linux/arm64 evaluated']);
  });
});

/** Attaches a document as Trivy's referrer plugin does, by go-containerregistry: its type is that of the configuration. */
async function attach(name: Root, document: unknown): Promise<RegistryDescriptor> {
  const at = place(name);
  const bytes = Buffer.from(JSON.stringify(document));
  const layer = await pushBlob(at, bytes, 'application/json');
  const config = await pushBlob(at, Buffer.from('{}'), 'application/json');
  const { mediaType, digest, size } = pushed(name).descriptor;
  return pushManifest(at, { schemaVersion: 2, mediaType: ociManifest, config, layers: [layer], subject: { mediaType, digest, size } }, ociManifest);
}

async function referrers(settings: Readonly<Record<string, unknown>>, more: Partial<ScanParts> = {}): Promise<ScanSource> {
  const entry = scanKinds.referrer.settings.parse({ name: 'attached', kind: 'referrer', ...settings });
  const created = await scanKinds.referrer.create(entry, parts(more));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

describe('a report attached as a referrer', () => {
  it('in the form cosign-vuln counts where unsigned ones are trusted, and is untrusted elsewhere', async () => {
    await attach('alpine', await trivy.scan(reference('alpine', ':1'), '--format', 'cosign-vuln'));
    const look = async (source: ScanSource) => source.look(subject('alpine'), AbortSignal.timeout(5000));
    expect(evaluated(await look(await referrers({ unsigned: 'trusted' })))).toMatchObject({ signer: null, counts: { HIGH: 1 } });
    expect(states(await look(await referrers({})))).toEqual(['linux/amd64 untrusted']);
  });

  it('keeps the time of its scan when it is converted later', async () => {
    const report = await trivy.scan(reference('debianClean', ':1'));
    const old = { ...Object(report), CreatedAt: '2026-01-01T00:00:00Z' };
    const converted = await trivy.convert(old, 'cosign-vuln');
    expect(property(property(converted, 'metadata'), 'scanFinishedOn')).not.toContain('2026-01-01');
    await attach('debianClean', converted);
    const source = await referrers({ unsigned: 'trusted' });
    expect(evaluated(await source.look(subject('debianClean'), AbortSignal.timeout(5000))).scannedAt).toBe('2026-01-01T00:00:00.000Z');
  });

  it('as SARIF is refused with the reason', async () => {
    await attach('node', await trivy.scan(reference('node', ':1'), '--format', 'sarif'));
    const source = await referrers({ unsigned: 'trusted' });
    const outcome = await source.look(subject('node'), AbortSignal.timeout(5000));
    expect(states(outcome)).toEqual(['linux/amd64 invalid']);
    expect(outcome).toMatchObject({ value: { rejected: [{ message: expect.stringContaining('SARIF') }] } });
  });

  it('counts by the signer who signed it with cosign', async () => {
    const cosign = await startCosign();
    tidy.push(() => cosign.close());
    const key = makeKey();
    const signed = await attach('debian', await trivy.scan(reference('debian', ':1')));
    await attach('debian', { ...Object(await trivy.scan(reference('debian', ':1'))), Results: [{ Class: 'os-pkgs' }] });
    await cosign.sign(reference('debian', `@${signed.digest}`), key, 'bundle');
    const signer = await createSigner(key.publicPem);
    const more: Partial<ScanParts> = { signatures: (_names, of, signal) => signer.look(of, signal) };
    const source = await referrers({ signers: ['ci'] }, more);
    expect(evaluated(await source.look(subject('debian'), AbortSignal.timeout(5000)))).toMatchObject({ signer: 'ci', counts: { CRITICAL: 1 } });
  }, 60_000);
});

async function createSigner(key: string): Promise<Signer> {
  const kind: SignerKind = signerKinds['cosign-key'];
  const entry = kind.settings.parse({ name: 'ci', kind: 'cosign-key', images: [`${registry.host}/**`], key });
  const file = async () => ({ ok: false, fault: { code: 'CONFIG_INVALID', message: 'there is none', transient: false } }) as const;
  const trustRoots = createTrustRoots({ file, directory: join(folder, 'tuf'), log: console, clock: Date.now });
  const revoked = { digests: [], keys: [], identities: [] };
  const created = await kind.create(entry, {
    file,
    layouts: createLayouts(client),
    registry: client,
    revoked,
    trustRoots,
    proving: createProving(),
    ...asking(),
  });
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

describe('VEX beside what Trivy itself makes of it', () => {
  const purl = 'pkg:deb/debian/libssl3@3.0.1-1?arch=amd64&distro=debian-12.8';
  const product = (more = '') =>
    `pkg:oci/debian@${pushed('debian').descriptor.digest.replace(':', '%3A')}?repository_url=${encodeURIComponent(`${registry.host}/acme/debian`)}${more}`;
  const statement = (changes: object) => ({
    vulnerability: { name: 'CVE-2026-1002' },
    status: 'not_affected',
    justification: 'vulnerable_code_not_present',
    timestamp: '2026-11-01T00:00:00Z',
    ...changes,
  });
  const products = (id: string, subcomponent?: string) => [{ '@id': id, ...(subcomponent === undefined ? {} : { subcomponents: [{ '@id': subcomponent }] }) }];

  /** Statements, whether Trivy suppresses by them, and whether we do. */
  const cases: readonly (readonly [string, () => readonly object[], boolean, boolean])[] = [
    ['a product with digest and the package', () => [statement({ products: products(product(), purl) })], true, true],
    ['a product with digest, whole', () => [statement({ products: products(product()) })], true, true],
    ['another package', () => [statement({ products: products(product(), 'pkg:deb/debian/other@1') })], false, false],
    ['another digest', () => [statement({ products: products(`pkg:oci/debian@sha256%3A${'1'.repeat(64)}`, purl) })], false, false],
    [
      'a product without a digest',
      () => [statement({ products: products(`pkg:oci/debian?repository_url=${encodeURIComponent(`${registry.host}/acme/debian`)}`, purl) })],
      true,
      false,
    ],
    ['a package for a product', () => [statement({ products: products(purl) })], true, false],
    ['no reason', () => [statement({ products: products(product(), purl), justification: undefined })], true, false],
    ['the status fixed', () => [statement({ products: products(product(), purl), status: 'fixed', justification: undefined })], true, false],
    [
      'the status under_investigation',
      () => [statement({ products: products(product(), purl), status: 'under_investigation', justification: undefined })],
      false,
      false,
    ],
    [
      'an impact statement for a reason',
      () => [statement({ products: products(product(), purl), justification: undefined, impact_statement: 'never called' })],
      true,
      true,
    ],
    ['an alias', () => [statement({ products: products(product(), purl), vulnerability: { name: 'GHSA-1', aliases: ['CVE-2026-1002'] } })], true, true],
    ['another vulnerability', () => [statement({ products: products(product(), purl), vulnerability: { name: 'CVE-2026-1001' } })], false, false],
    ['another repository', () => [statement({ products: products(product().replace('acme%2Fdebian', 'acme%2Fother'), purl) })], false, false],
    ['another architecture', () => [statement({ products: products(product('&arch=arm64'), purl) })], false, false],
    ['its architecture', () => [statement({ products: products(product('&arch=amd64'), purl) })], true, true],
    ['no repository', () => [statement({ products: products(product().replace(/\?.*/, ''), purl) })], true, true],
    ['the package without a version', () => [statement({ products: products(product(), 'pkg:deb/debian/libssl3') })], true, true],
    [
      'the package with its qualifiers in another order',
      () => [statement({ products: products(product(), 'pkg:deb/debian/libssl3@3.0.1-1?distro=debian-12.8&arch=amd64') })],
      true,
      true,
    ],
    [
      'the package in another distribution',
      () => [statement({ products: products(product(), 'pkg:deb/debian/libssl3@3.0.1-1?distro=debian-11') })],
      false,
      false,
    ],
    ['the package in another version', () => [statement({ products: products(product(), 'pkg:deb/debian/libssl3@3.0.2-1') })], false, false],
    [
      'a newer statement that takes it back, standing last',
      () => [
        statement({ products: products(product(), purl) }),
        statement({ products: products(product(), purl), status: 'affected', justification: undefined, timestamp: '2026-11-02T00:00:00Z' }),
      ],
      false,
      false,
    ],
    [
      'a newer statement that takes it back, standing first',
      () => [
        statement({ products: products(product(), purl), status: 'affected', justification: undefined, timestamp: '2026-11-02T00:00:00Z' }),
        statement({ products: products(product(), purl) }),
      ],
      false,
      false,
    ],
    ['a time in the future', () => [statement({ products: products(product(), purl), timestamp: '2999-01-01T00:00:00Z' })], true, false],
    ['the status affected', () => [statement({ products: products(product(), purl), status: 'affected', justification: undefined })], false, false],
  ];

  it.each(cases)('%s', async (_name, statements, byTrivy, byUs) => {
    const document = {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': 'https://example.test/vex',
      author: 'Example',
      timestamp: '2026-11-01T00:00:00Z',
      version: 1,
      statements: statements(),
    };
    const open = (outcome: EvaluatedScan) => outcome.findings.filter(({ id, suppressed }) => id === 'CVE-2026-1002' && suppressed === null).length;
    const theirs = await trivy.scan(reference('debian', ':1'), '--vex', trivy.write('vex.json', document), '--show-suppressed');
    expect(open(evaluated(await judge(subject('debian'), theirs))) === 0).toBe(byTrivy);
    const path = mkdtempSync(join(folder, 'vex-'));
    writeFileSync(join(path, 'vex.json'), JSON.stringify(document));
    const vex = await vexKinds.folder.create({ name: 'notes', kind: 'folder', path }, parts());
    tidy.push(() => vex.close());
    const source = refine(await directory(await trivy.scan(reference('debian', ':1'))), {
      severitySource: 'reported',
      vex: [vex],
      ignore: null,
      clock: Date.now,
    });
    const ours = evaluated(await source.look(subject('debian'), AbortSignal.timeout(5000)));
    expect(open(ours) === 0).toBe(byUs);
    expect(ours.counts.CRITICAL).toBe(byUs ? 0 : 1);
  });

  it('shows what Trivy suppressed, and by what', async () => {
    const document = {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': 'https://example.test/vex',
      author: 'Example',
      timestamp: '2026-11-01T00:00:00Z',
      version: 1,
      statements: [statement({ products: products(product()) })],
    };
    const report = await trivy.scan(reference('debian', ':1'), '--vex', trivy.write('shown.json', document), '--show-suppressed');
    const found = evaluated(await judge(subject('debian'), report)).findings.find(({ id }) => id === 'CVE-2026-1002');
    expect(found?.suppressed?.by).toMatch(/^trivy /);
  });
});
