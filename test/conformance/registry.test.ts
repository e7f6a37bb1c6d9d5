import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createKeychain, credentialKinds } from '../../src/credentials/index.ts';
import { good, type Outcome } from '../../src/domain/fault.ts';
import { type Call, ownAccess, type Registry } from '../../src/domain/registry.ts';
import { createRegistry } from '../../src/registry/index.ts';
import { installTool } from '../../tools/install.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';

const run = promisify(execFile);
const repository = 'acme/app';
const artifactType = 'application/vnd.example.report.v1+json';
const tidy: (() => Promise<unknown> | undefined)[] = [];
let crane: string;
let folder: string;

beforeAll(async () => {
  crane = await installTool('crane');
  folder = await mkdtemp(join(tmpdir(), 'tidewaiter-registry-'));
  tidy.push(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'layer.tar'), Buffer.alloc(1024));
}, 600_000);
afterAll(async () => {
  for (const end of tidy.toReversed()) await end();
});

/** The real registry; the value is its host. */
async function startReal(...flags: string[]): Promise<string> {
  const child = spawn(await installTool('registry'), flags, { stdio: ['ignore', 'pipe', 'inherit'] });
  tidy.push(() => {
    child.kill();
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  return String(line);
}

function clientOf(host: string): Registry {
  const client = createRegistry({ hosts: [{ host, plainHTTP: true, ca: null, alsoHosts: [] }], keychain: createKeychain([]) });
  tidy.push(() => client.close());
  return client;
}

function call(): Call {
  return { signal: AbortSignal.timeout(10_000), access: ownAccess };
}

function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.fault.code}: ${outcome.fault.message}`);
  return outcome.value;
}

async function push(host: string, tag: string): Promise<string> {
  const image = `${host}/${repository}:${tag}`;
  await run(crane, ['append', '--insecure', '-f', join(folder, 'layer.tar'), '-t', image, '--set-base-image-annotations=false']);
  return (await run(crane, ['digest', '--insecure', image])).stdout.trim();
}

describe.each([
  ['with', ['-referrers=true']],
  ['without', ['-referrers=false']],
])('a real registry %s the referrers API', (_name, flags) => {
  let host: string;
  beforeAll(async () => {
    host = await startReal(...flags);
  });

  it('is read as crane reads it', async () => {
    const digest = await push(host, '1');
    const ours = clientOf(host);
    const at = { registry: host, repository };
    const manifest = unwrap(await ours.manifest(at, { tag: '1' }, call()));
    expect(manifest.digest).toBe(digest);
    expect(unwrap(await ours.manifest(at, { digest: manifest.digest }, call()))).toEqual(manifest);
    expect(unwrap(await ours.has(at, manifest.digest, call()))).toBe(true);
    if (manifest.config === null) throw new Error('an image has a configuration');
    const config = unwrap(await ours.blob(at, manifest.config, 100_000, call()));
    expect(Buffer.from(config).toString()).toBe((await run(crane, ['config', '--insecure', `${host}/${repository}:1`])).stdout.trimEnd());
    expect(await ours.manifest(at, { tag: 'gone' }, call())).toMatchObject({ fault: { code: 'MANIFEST_UNKNOWN' } });
    expect(await ours.manifest({ registry: host, repository: 'acme/gone' }, { tag: '1' }, call())).toMatchObject({ fault: { code: 'MANIFEST_UNKNOWN' } });
  });

  it('lists what a client of its kind attached', async () => {
    const at = { registry: host, repository };
    const ours = clientOf(host);
    await push(host, '2');
    const subject = unwrap(await ours.manifest(at, { tag: '2' }, call()));
    expect(unwrap(await ours.referrers(at, subject.digest, call()))).toEqual({ descriptors: [], faults: [] });
    const referrer = await attach(host, subject);
    if (flags[0] === '-referrers=false') await attachByTag(host, subject.digest, referrer);
    expect(unwrap(await ours.referrers(at, subject.digest, call()))).toMatchObject({ descriptors: [{ digest: referrer.digest }], faults: [] });
  });
});

describe('the registry of the tests', () => {
  let registry: FakeRegistry;
  beforeAll(async () => {
    registry = await startRegistry();
    tidy.push(() => registry.close());
  });

  it('takes what crane pushes, and gives it to crane and to us alike', async () => {
    const digest = await push(registry.host, '1');
    expect(unwrap(await clientOf(registry.host).manifest({ registry: registry.host, repository }, { tag: '1' }, call())).digest).toBe(digest);
    expect((await run(crane, ['ls', '--insecure', `${registry.host}/${repository}`])).stdout.trim()).toBe('1');
    await run(crane, ['validate', '--insecure', '--remote', `${registry.host}/${repository}:1`]);
  });

  it('gives crane and us the same for the same credentials, from the same file', async () => {
    const auth = { kind: 'token', username: 'pat', password: 'secret' } as const;
    const closed = await startRegistry({ auth });
    tidy.push(() => closed.close());
    const image = closed.pushImage({ repository, tag: '1' });
    const config = JSON.stringify({ auths: { [closed.host]: { auth: Buffer.from('pat:secret').toString('base64') } } });
    await writeFile(join(folder, 'config.json'), config);
    const seen = await run(crane, ['digest', '--insecure', `${closed.host}/${repository}:1`], { env: { ...process.env, DOCKER_CONFIG: folder } });
    const file = async () => good(Buffer.from(config));
    const keychain = unwrap(await credentialKinds.dockerconfig.create({ kind: 'dockerconfig', file: 'config.json' }, { file }));
    const ours = createRegistry({
      hosts: [{ host: closed.host, plainHTTP: true, ca: null, alsoHosts: [] }],
      keychain: createKeychain([{ host: closed.host, keychain }]),
    });
    tidy.push(() => ours.close());
    expect(unwrap(await ours.manifest({ registry: closed.host, repository }, { tag: '1' }, call())).digest).toBe(image.digest);
    expect(seen.stdout.trim()).toBe(image.digest);
    await expect(run(crane, ['digest', '--insecure', `${closed.host}/${repository}:1`], { env: { ...process.env, DOCKER_CONFIG: tmpdir() } })).rejects.toThrow(
      '401 Unauthorized',
    );
    expect(await clientOf(closed.host).manifest({ registry: closed.host, repository }, { tag: '1' }, call())).toMatchObject({
      fault: { code: 'REGISTRY_UNAUTHORIZED' },
    });
  });
});

interface Wire {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const indexType = 'application/vnd.oci.image.index.v1+json';

/** Uploads an artifact whose subject is an image, as the distribution specification has it. */
async function attach(host: string, { mediaType, digest, size }: Wire): Promise<Wire> {
  const scratch = await startRegistry();
  try {
    const blobs = [Buffer.from('{}'), Buffer.from('{"report":1}')].map((bytes) => ({ bytes, blob: scratch.pushBlob('x', bytes) }));
    for (const { bytes, blob } of blobs) {
      const begun = await fetch(`http://${host}/v2/${repository}/blobs/uploads/`, { method: 'POST' });
      const place = new URL(begun.headers.get('location') ?? '', `http://${host}`);
      place.searchParams.set('digest', blob.digest);
      expect((await fetch(place, { method: 'PUT', body: bytes })).status).toBe(201);
    }
    const [config, layer] = blobs.map(({ blob }) => blob);
    const document = {
      schemaVersion: 2,
      mediaType: manifestType,
      artifactType,
      config: { ...config, mediaType: 'application/vnd.oci.empty.v1+json' },
      layers: [{ ...layer, mediaType: artifactType }],
      subject: { mediaType, digest, size },
    };
    const made = scratch.pushManifest('x', document, manifestType);
    await put(host, made.digest, JSON.stringify(document), manifestType);
    return { mediaType: manifestType, digest: made.digest, size: made.size };
  } finally {
    await scratch.close();
  }
}

async function attachByTag(host: string, subject: string, { mediaType, digest, size }: Wire): Promise<void> {
  await put(host, subject.replace(':', '-'), JSON.stringify({ schemaVersion: 2, mediaType: indexType, manifests: [{ mediaType, digest, size }] }), indexType);
}

async function put(host: string, reference: string, body: string, type: string): Promise<void> {
  const answered = await fetch(`http://${host}/v2/${repository}/manifests/${reference}`, { method: 'PUT', body, headers: { 'content-type': type } });
  expect(answered.status).toBe(201);
}
