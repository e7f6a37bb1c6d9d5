/** Policy bundles that the real opa signs, and that it accepts; and bundles in a real registry, pushed by the real crane and signed by the real cosign. */
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { good } from '../../src/domain/fault.ts';
import { openBundle } from '../../src/policy/bundle.ts';
import { buildPolicyBundle, createPolicies, readSigningKey, readVerificationKey } from '../../src/policy/index.ts';
import { readTarGz, writeTarGz } from '../../src/policy/tar.ts';
import { installTool } from '../../tools/install.ts';
import { makeKey } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { podWith } from '../integration/calls.ts';
import { type Stage, setStage, usualConfiguration, type Webhook } from '../integration/stage.ts';
import { waitFor } from '../rig/wait.ts';
import { type Cosign, startCosign } from './cosignTool.ts';

let folder: string;
let opa: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'tidewaiter-bundles-'));
  opa = await installTool('opa');
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Whether the tool is content, and what it said. */
function run(tool: string, ...args: readonly string[]): Promise<{ readonly ok: boolean; readonly said: string }> {
  return new Promise((resolve) => {
    execFile(tool, [...args], { cwd: folder, timeout: 30_000 }, (error, stdout, stderr) => resolve({ ok: error === null, said: stdout + stderr }));
  });
}

async function must(tool: string, ...args: readonly string[]): Promise<void> {
  const { ok, said } = await run(tool, ...args);
  if (!ok) throw new Error(said);
}

const saying = (word: string): string =>
  `# METADATA\n# title: Says ${word}\npackage policies.p\n\ndeny contains data.words.${word} if input.review.namespace != "free"\n`;
// Numbers and texts that JSON writes in more ways than one.
const data = `{"words":{"one":"one","two":"two"},"n":[1.0,1e2,-0.0,12345678901234567890,1E+3],"s":"é\\u2028<&>\\u0001\\b😀","😀":1,"￿":2,"a":{}}`;

function writeSources(name: string, word: string): string {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'p.rego'), saying(word));
  writeFileSync(join(folder, name, 'data.json'), data);
  return name;
}

const pairs = {
  ES256: generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }),
  ES384: generateKeyPairSync('ec', {
    namedCurve: 'P-384',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }),
  RS256: generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  }),
};
type Algorithm = keyof typeof pairs;
const algorithms: readonly Algorithm[] = ['ES256', 'ES384', 'RS256'];

function keyFiles(algorithm: Algorithm): { readonly privateFile: string; readonly publicFile: string } {
  const { privateKey, publicKey } = pairs[algorithm];
  writeFileSync(join(folder, `${algorithm}.key`), privateKey);
  writeFileSync(join(folder, `${algorithm}.pub`), publicKey);
  return { privateFile: `${algorithm}.key`, publicFile: `${algorithm}.pub` };
}

function checksOf(algorithm: Algorithm) {
  const key = readVerificationKey(pairs[algorithm].publicKey);
  if (!key.ok) throw new Error(key.fault.message);
  return { verification: { key: key.value, keyId: null, scope: '' }, revoked: new Set<string>() };
}

/** Changes one file of a bundle, and leaves its signature. */
async function tamper(file: string, name: string, change: (content: string) => string): Promise<string> {
  const files = await readTarGz(readFileSync(join(folder, file)), 2 ** 26);
  if (!files.ok) throw new Error(files.fault.message);
  const changed = new Map([...files.value].map(([path, content]) => [path, path.endsWith(name) ? Buffer.from(change(content.toString())) : content]));
  expect(changed).not.toEqual(files.value);
  writeFileSync(join(folder, `tampered-${file}`), await writeTarGz(changed));
  return `tampered-${file}`;
}

describe.each(algorithms)('a bundle that opa builds and signs with %s', (algorithm) => {
  const file = `opa-${algorithm}.tar.gz`;
  beforeAll(async () => {
    const { privateFile } = keyFiles(algorithm);
    await must(opa, 'build', '-b', writeSources('sources', 'one'), '--revision', 'r1', '--signing-key', privateFile, '--signing-alg', algorithm, '-o', file);
  });

  it('is verified, and judges', async () => {
    const room = await createPolicies({
      source: { bundle: join(folder, file), checks: checksOf(algorithm) },
      opa: async () => good(opa),
      required: [],
      modes: {},
      data: {},
      recordedAnnotations: [],
      timeout: 1_000,
      workers: 1,
      log: () => {},
    });
    if (!room.ok) throw new Error(room.fault.message);
    const { fault, policies } = room.value.status();
    await room.value.close();
    expect({ fault, policies }).toMatchObject({ fault: null, policies: [{ name: 'p', title: 'Says one' }] });
  });

  it('is verified whatever values its data have', async () => {
    const { privateFile } = keyFiles(algorithm);
    const name = writeSources('random', 'one');
    const random = fc.sample(fc.jsonValue({ stringUnit: 'binary', maxDepth: 4 }), 300);
    writeFileSync(join(folder, name, 'data.json'), JSON.stringify({ words: { one: 'one' }, random }));
    await must(opa, 'build', '-b', name, '--signing-key', privateFile, '--signing-alg', algorithm, '-o', 'random.tar.gz');
    const opened = await openBundle(readFileSync(join(folder, 'random.tar.gz')), checksOf(algorithm));
    expect(opened.ok ? null : { why: opened.fault.message, random: JSON.stringify(random) }).toBeNull();
  });

  it('is refused once a policy or a value was changed, as opa refuses it', async () => {
    const { publicFile } = keyFiles(algorithm);
    const changes: readonly (readonly [string, (content: string) => string])[] = [
      ['p.rego', (content) => content.replace('!= "free"', '== "free"')],
      ['data.json', (content) => content.replace('1.0', '1.5')],
      ['.manifest', (content) => content.replace('r1', 'r2')],
    ];
    for (const [name, change] of changes) {
      const tampered = await tamper(file, name, change);
      const verifying = ['build', '-b', tampered, '--verification-key', publicFile, '--signing-alg', algorithm, '-o', 'out.tar.gz'];
      expect({ name, ...(await run(opa, ...verifying)) }).toMatchObject({ name, ok: false });
      expect(await openBundle(readFileSync(join(folder, tampered)), checksOf(algorithm))).toMatchObject({ ok: false, fault: { code: 'SIGNATURE_INVALID' } });
    }
  });

  it('made by `policy build --sign` is accepted by opa, and no longer once it was changed', async () => {
    const { publicFile } = keyFiles(algorithm);
    const signing = readSigningKey(pairs[algorithm].privateKey);
    if (!signing.ok) throw new Error(signing.fault.message);
    const ours = `ours-${algorithm}.tar.gz`;
    const sources = join(folder, writeSources('sources', 'one'));
    const built = await buildPolicyBundle(sources, join(folder, ours), opa, AbortSignal.timeout(30_000), {
      signing: { key: signing.value, keyId: null, scope: '' },
    });
    expect(built).toEqual({ ok: true, value: ['p'] });
    expect((await openBundle(readFileSync(join(folder, ours)), checksOf(algorithm))).ok).toBe(true);
    const verify = (name: string) => run(opa, 'build', '-b', name, '--verification-key', publicFile, '--signing-alg', algorithm, '-o', 'out.tar.gz');
    expect(await verify(ours)).toMatchObject({ ok: true });
    expect((await verify(await tamper(ours, 'data.json', (content) => content.replace('"one"', '"won"')))).ok).toBe(false);
  });
});

describe('a bundle in a real registry', () => {
  let registry: RealRegistry;
  let cosign: Cosign;
  let stage: Stage;
  let crane: string;
  let image: string;
  const release = makeKey('p256');
  const stranger = makeKey('p256');

  beforeAll(async () => {
    registry = await startRealRegistry();
    cosign = await startCosign();
    crane = await installTool('crane');
    stage = await setStage();
    image = `${stage.registry.host}/acme/web@${(await stage.publish('acme/web')).digest}`;
    writeFileSync(join(stage.folder, 'policies.pub'), release.publicPem);
  });
  afterAll(async () => {
    await stage.close();
    cosign.close();
    await registry.stop();
  });

  /** Builds and pushes a bundle as the guide says; its reference by digest. */
  async function push(word: string, built: string): Promise<string> {
    const file = join(folder, 'push.tar.gz');
    const made = await buildPolicyBundle(join(folder, writeSources(word, word)), file, opa, AbortSignal.timeout(30_000), { built: Date.parse(built) });
    if (!made.ok) throw new Error(made.fault.message);
    await must(crane, 'append', '--insecure', '--oci-empty-base', '-f', file, '-t', `${registry.host}/policies:stable`);
    const { said } = await run(crane, 'digest', '--insecure', `${registry.host}/policies:stable`);
    return `${registry.host}/policies@${said.trim()}`;
  }

  function serve(bundle: string): Promise<Webhook> {
    const usual = usualConfiguration(stage.registry.host);
    return stage.serve({
      registries: [...usual.registries, { host: registry.host, plainHTTP: true }],
      signers: [...[usual.signers].flat(), { name: 'policies', kind: 'cosign-key', images: [`${registry.host}/policies`], keyFile: 'policies.pub' }],
      policy: { bundle, signers: ['policies'], fetch: { every: '1s' } },
    });
  }

  async function said(webhook: Webhook): Promise<string> {
    const { status } = await webhook.validate(podWith([image]));
    return status?.message ?? '';
  }

  const saysSoon = (webhook: Webhook, text: string) => waitFor(`the answer ${text}`, async () => ((await said(webhook)).includes(text) ? true : null));
  const readySoon = (webhook: Webhook, text: string) =>
    waitFor(`the detail ${text}`, async () => ((await webhook.ops('/readyz')).body.includes(text) ? true : null));

  it('is in force once our signer signed it; one that nobody or a stranger signed, or an older one, changes nothing; by digest it may be older', async () => {
    const one = await push('one', '2026-11-01T00:00:00Z');
    const webhook = await serve(`oci://${registry.host}/policies:stable`);
    expect(await said(webhook)).toMatch(/POLICY_BROKEN: the policy bundle is refused: sha256:[0-9a-f]{64} is not signed by policies/);
    expect((await webhook.ops('/readyz')).status).toBe(503);
    await cosign.sign(one, release, 'bundle');
    await saysSoon(webhook, 'one');
    expect((await webhook.ops('/readyz')).status).toBe(200);

    const two = await push('two', '2026-11-02T00:00:00Z');
    await cosign.sign(two, stranger, 'bundle');
    await readySoon(webhook, 'is not signed by policies');
    expect(await said(webhook)).toContain('one');
    await cosign.sign(two, release, 'legacy');
    await saysSoon(webhook, 'two');

    await must(crane, 'tag', '--insecure', one, 'stable');
    await readySoon(webhook, 'was made at 2026-11-01');
    expect(await said(webhook)).toContain('two');
    await webhook.stop();
    // Nor after a start: what was in force is known.
    const again = await serve(`oci://${registry.host}/policies:stable`);
    await readySoon(again, 'was made at 2026-11-01');
    expect(await said(again)).toContain('two');
    await again.stop();

    const pinned = await serve(`oci://${one}`);
    expect(await said(pinned)).toContain('one');
    await pinned.stop();
  }, 60_000);
});
