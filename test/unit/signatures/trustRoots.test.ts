import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Log } from '../../../src/domain/log.ts';
import { createTrustRoots } from '../../../src/signatures/index.ts';
import { type TrustRoot, trustedRootSettings } from '../../../src/signatures/trustRoots/index.ts';
import { openTuf } from '../../../src/signatures/trustRoots/tuf.ts';
import { makeKey, publishImage, signBundle } from '../../fakes/publish.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { certify, makeSigstore, type Sigstore, signKeyless, signLogged, startTufRepository, type TufRepository } from '../../fakes/sigstore.ts';
import { filesOf, lookWith, makeSigner, openRegistry, patience, quiet, subjectOf } from './support.ts';

const hour = 3_600_000;
let first: Sigstore;
let second: Sigstore;
beforeAll(async () => {
  [first, second] = [await makeSigstore(), await makeSigstore()];
});

let folder: string;
let tuf: TufRepository;
let now: number;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'roots-'));
  tuf = await startTufRepository(first.trustedRoot);
  now = Date.now();
});
afterEach(async () => {
  await tuf.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Line {
  readonly level: string;
  readonly message: string;
  readonly fields: object;
}

async function open(more: { readonly maxAge?: string; readonly lines?: Line[]; readonly root?: string } = {}): Promise<TrustRoot> {
  const write = (level: string) => (fields: object, message: string) => void more.lines?.push({ level, message, fields });
  const log: Log = { info: write('info'), warn: write('warn'), error: write('error') };
  const roots = createTrustRoots({ file: filesOf({ 'root.json': more.root ?? tuf.root }), directory: folder, log, clock: () => now });
  const settings = trustedRootSettings.parse({ tuf: { mirror: tuf.url, root: 'root.json', ...(more.maxAge === undefined ? {} : { maxAge: more.maxAge }) } });
  const root = await roots.open(settings);
  if (!root.ok) throw new Error(root.fault.message);
  return root.value;
}

const settled = (root: TrustRoot): Promise<unknown> => root.current(patience());
/** The refresh goes on in the background: it is over when the repository was asked and the root answers anew. */
const until = async (condition: () => boolean): Promise<void> => {
  for (let i = 0; i < 500 && !condition(); i += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(condition()).toBe(true);
};

describe('a trusted root from a TUF repository', () => {
  it('is fetched, verified and parsed once', async () => {
    const root = await open();
    const [one, other] = [await root.current(patience()), await root.current(patience())];
    expect(one).toMatchObject({ ok: true, value: { hash: root.hash() } });
    expect(one.ok && other.ok && one.value === other.value).toBe(true);
    expect(tuf.requests.filter((url) => url.includes('trusted_root'))).toHaveLength(1);
  });

  it('that can not be fetched is a transient fault, never "found none"', async () => {
    tuf.fail('unavailable');
    const lines: Line[] = [];
    const root = await open({ lines });
    expect(await root.current(patience())).toMatchObject({
      ok: false,
      fault: { code: 'TRUST_ROOT_UNAVAILABLE', transient: true, message: expect.stringContaining('could not be fetched from 127.0.0.1') },
    });
    expect(root.hash()).toBeNull();
    expect(lines).toMatchObject([{ level: 'error' }]);
  });

  it('does not keep anybody waiting longer than his signal', async () => {
    tuf.fail('silent');
    const root = await open();
    expect(await root.current(AbortSignal.timeout(20))).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE' } });
    await tuf.close();
    await settled(root);
  });

  it.each([
    ['is signed by somebody else', () => tuf.betray(), () => tuf.publish(second.trustedRoot)],
    ['is no metadata at all', () => tuf.fail('wrong'), () => {}],
  ])('is not believed when it %s', async (_, change, publish) => {
    change();
    publish();
    expect(await (await open()).current(patience())).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE' } });
  });

  it('is not believed when its metadata is expired', async () => {
    const expired = await startTufRepository(first.trustedRoot, { expires: '2020-01-01T00:00:00Z' });
    await tuf.close();
    tuf = expired;
    expect(await (await open()).current(patience())).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE' } });
  });

  it('is taken from the disk at once by a later process, though the repository is down', async () => {
    const before = await open();
    await settled(before);
    await tuf.close();
    now += 2 * hour;
    const lines: Line[] = [];
    const root = await open({ lines });
    expect(await root.current(patience())).toMatchObject({ ok: true, value: { hash: before.hash() } });
    await until(() => lines.length > 0);
    expect(lines).toMatchObject([{ level: 'warn', fields: { ageSeconds: 7200 }, message: expect.stringContaining('from before') }]);
    expect(await root.current(patience())).toMatchObject({ ok: true });
  });

  it('is refused once it is older than maxAge, and the fault says how old it is', async () => {
    const root = await open({ maxAge: '24h' });
    await settled(root);
    tuf.fail('unavailable');
    now += 30 * hour;
    expect(await root.current(patience())).toMatchObject({
      ok: false,
      fault: { code: 'TRUST_ROOT_UNAVAILABLE', transient: true, message: expect.stringMatching(/30 hours ago.*24 hours/) },
    });
    expect(root.hash()).toBeNull();
  });

  it('comes back as soon as the repository does', async () => {
    const root = await open({ maxAge: '24h' });
    await settled(root);
    tuf.fail('unavailable');
    now += 30 * hour;
    await settled(root);
    tuf.fail(null);
    now += hour;
    expect(await root.current(patience())).toMatchObject({ ok: true });
  });

  it('is refreshed in the background, and gets another hash when it changed', async () => {
    const root = await open();
    await settled(root);
    const before = root.hash();
    tuf.publish(second.trustedRoot);
    expect(root.hash()).toBe(before);
    now += 7 * hour;
    expect(await root.current(patience())).toMatchObject({ ok: true, value: { hash: before } });
    await until(() => root.hash() !== before);
    expect(await root.current(patience())).toMatchObject({ ok: true, value: { hash: root.hash() } });
  });

  it('is not asked for again and again while the repository is down', async () => {
    tuf.fail('unavailable');
    const root = await open();
    await settled(root);
    const asked = tuf.requests.length;
    for (let i = 0; i < 50; i += 1) await root.current(patience());
    expect(tuf.requests.length).toBe(asked);
  });

  it('is not rolled back', async () => {
    tuf.publish(second.trustedRoot);
    const lines: Line[] = [];
    const root = await open({ lines });
    await settled(root);
    const newest = root.hash();
    tuf.rollBack();
    now += 7 * hour;
    await settled(root);
    await until(() => lines.some(({ level }) => level === 'warn'));
    expect(root.hash()).toBe(newest);
  });

  it.each(['not json', '{"confirmedAt":"2999-01-01T00:00:00Z","trustedRoot":"{}"}', '{"confirmedAt":"x"}'])(
    'is not taken from a file that is none: %s',
    async (content) => {
      await settled(await open());
      const [inner] = readdirSync(folder);
      writeFileSync(join(folder, inner ?? '', 'confirmed.json'), content);
      tuf.fail('unavailable');
      expect(await (await open()).current(patience())).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE' } });
    },
  );

  it('works without a disk to write to, and says so', async () => {
    const lines: Line[] = [];
    const log: Log = { ...quiet, warn: (fields, message) => void lines.push({ level: 'warn', fields, message }) };
    const root = await openTuf({ mirror: tuf.url, firstRoot: Buffer.from(tuf.root), maxAge: hour, directory: '/dev/null/roots', log, clock: () => now });
    expect(await root.current(patience())).toMatchObject({ ok: true });
    await until(() => lines.length > 0);
    expect(lines).toMatchObject([{ message: expect.stringContaining('can not be kept') }]);
  });
});

describe('trust roots', () => {
  it('are one for each setting, however many signers share it', async () => {
    const roots = createTrustRoots({ file: filesOf({ a: first.trustedRoot, b: second.trustedRoot }), directory: folder, log: quiet, clock: Date.now });
    const [one, same, other] = [await roots.open({ file: 'a' }), await roots.open({ file: 'a' }), await roots.open({ file: 'b' })];
    expect(one).toBe(same);
    expect(one.ok && other.ok && one.value.hash() !== other.value.hash()).toBe(true);
  });

  it.each([
    ['two sources', { file: 'a', tuf: {} }],
    ['no source', {}],
    ['a mirror without a first root', { tuf: { mirror: 'https://tuf.example.com' } }],
    ['a mirror that is no address', { tuf: { mirror: 'file:///etc/passwd', root: 'r' } }],
    ['a password in the address', { tuf: { mirror: 'https://u:p@tuf.example.com', root: 'r' } }],
    ['an age of no time', { tuf: { maxAge: '0m' } }],
    ['an age that is none', { tuf: { maxAge: 'soon' } }],
    ['an unknown key', { tuf: { url: 'x' } }],
  ])('are refused with %s', (_, settings) => {
    expect(trustedRootSettings.safeParse(settings).success).toBe(false);
  });

  it('are those of the public-good instance for a week, unless said otherwise', () => {
    expect(trustedRootSettings.parse({ tuf: {} })).toEqual({ tuf: { mirror: 'https://tuf-repo-cdn.sigstore.dev', maxAge: 7 * 24 * hour } });
  });
});

describe('signers with a root from TUF', () => {
  const me = 'https://example.com/me';
  const issuer = 'https://idp.example.com';
  let registry: Awaited<ReturnType<typeof startRegistry>>;
  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.close());

  const roots = () => createTrustRoots({ file: filesOf({ 'root.json': tuf.root }), directory: folder, log: quiet, clock: () => now });
  const trustedRoot = () => ({ tuf: { mirror: tuf.url, root: 'root.json', maxAge: '24h' } });

  it('verify by it, and forget what the one before established', async () => {
    const image = await publishImage({ registry: registry.origin, repository: 'acme/tuf', content: 'one' });
    await signKeyless(image, first, await certify(first, { names: [{ type: 'url', value: me }], issuer }));
    const client = openRegistry(registry.host);
    const signer = await makeSigner(client, { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: trustedRoot() }, { trustRoots: roots() });
    const unset = signer.trust;
    expect((await lookWith(signer, subjectOf(image))).signatures).toHaveLength(1);
    const before = signer.trust;
    expect(before).not.toBe(unset);
    tuf.publish(second.trustedRoot);
    now += 7 * hour;
    await until(() => signer.trust !== before);
    expect(await lookWith(signer, subjectOf(image))).toMatchObject({ signatures: [], rejected: [{ code: 'SIGNATURE_INVALID' }] });
  });

  it('verify what a key signed and a log of that root recorded', async () => {
    const key = makeKey();
    const image = await publishImage({ registry: registry.origin, repository: 'acme/tuf', content: 'key' });
    await signBundle(image, key);
    const entry = { key, transparencyLog: true, trustedRoot: trustedRoot() };
    const signer = await makeSigner(openRegistry(registry.host), entry, { trustRoots: roots() });
    expect(await lookWith(signer, subjectOf(image))).toMatchObject({ signatures: [], rejected: [{ message: expect.stringContaining('transparency log') }] });
    await signLogged(image, first, key);
    expect((await lookWith(await makeSigner(openRegistry(registry.host), entry, { trustRoots: roots() }), subjectOf(image))).signatures).toHaveLength(1);
  });

  it('can not look while there is none, be they keyless or by a key that must be in a log', async () => {
    tuf.fail('unavailable');
    const image = await publishImage({ registry: registry.origin, repository: 'acme/tuf', content: 'two' });
    const client = openRegistry(registry.host);
    const trustRoots = roots();
    for (const entry of [
      { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: trustedRoot() },
      { key: makeKey(), transparencyLog: true, trustedRoot: trustedRoot() },
    ]) {
      const signer = await makeSigner(client, entry, { trustRoots });
      expect(await signer.look(subjectOf(image), patience())).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE', transient: true } });
      expect(await signer.attestations(subjectOf(image), image.digest, patience())).toMatchObject({ ok: false, fault: { code: 'TRUST_ROOT_UNAVAILABLE' } });
    }
  });
});
