import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../src/domain/evidence.ts';
import { type PublishedImage, publishImage } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { type KeylessCosign, type Services, startKeylessCosign } from '../fakes/sigstore/cosign.ts';
import { certify, type KeylessOptions, makeSigstore, type ServedSigstore, serveSigstore, signKeyless, writeTrustedRoot, x509 } from '../fakes/sigstore.ts';
import { lookWith, makeSigner, openRegistry, subjectOf } from '../unit/signatures/support.ts';

const me = 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main';
const evil = 'https://github.com/acme-evil/app/.github/workflows/release.yml@refs/heads/main';
const issuer = 'https://token.actions.githubusercontent.com';
const who = ['--certificate-identity', me, '--certificate-oidc-issuer', issuer];
const stamped = ['--use-signed-timestamps'];
const type = 'https://example.com/checked/v1';
const request = { names: [{ type: 'url', value: me } as const], issuer };
type Layout = 'legacy' | 'bundle';

let sigstore: ServedSigstore;
let cosign: KeylessCosign;
beforeAll(async () => {
  sigstore = await serveSigstore();
  cosign = await startKeylessCosign(sigstore);
});
afterAll(async () => {
  cosign.close();
  await sigstore.close();
});

let count = 0;
function publish(registry: RealRegistry, platforms: readonly string[] = ['linux/amd64']): Promise<PublishedImage> {
  count += 1;
  return publishImage({ registry: registry.url, repository: `acme/keyless-${count}`, content: `image ${count}`, platforms });
}
const refer = (image: PublishedImage): string => `${new URL(image.place.registry).host}/${image.place.repository}@${image.digest}`;

async function look(image: PublishedImage, entry: object = {}): Promise<Finds> {
  const settings = { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: { file: 'root.json' }, ...entry };
  const files = { 'root.json': sigstore.trustedRoot };
  return lookWith(await makeSigner(openRegistry(new URL(image.place.registry).host), settings, { files }), subjectOf(image));
}

/** Every way in which cosign signs without a key. */
const ways: readonly (readonly [Layout, Services])[] = [
  ['bundle', 'v1'],
  ['bundle', 'v1+tsa'],
  ['bundle', 'v2+tsa'],
  ['legacy', 'v1'],
  ['legacy', 'v1+tsa'],
];

describe.each([true, false])('with the real cosign, a private Sigstore, and a registry with the referrers API: %s', (referrers) => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry({ referrers });
  });
  afterAll(() => registry.stop());

  it.each(ways)('verifies what cosign signs, %s with Rekor %s', async (layout, services) => {
    const image = await publish(registry, services === 'v2+tsa' ? ['linux/amd64', 'linux/arm64'] : undefined);
    await cosign.sign(refer(image), { sub: me, iss: issuer, repository: 'acme/app', ref: 'refs/heads/main' }, layout, services);
    const finds = await look(image);
    expect(finds.rejected).toEqual([]);
    expect(finds.signatures).toMatchObject([
      { layout, issuer, identity: me, keyId: null, claims: { sourceRepositoryURI: 'https://github.com/acme/app', sourceRepositoryRef: 'refs/heads/main' } },
    ]);
    expect(finds.signatures[0]?.signedAt).toMatch(/^20\d\d-/);
  });

  it.each(ways)('verifies what cosign attests, %s with Rekor %s', async (layout, services) => {
    const image = await publish(registry);
    await cosign.attest(refer(image), { sub: me, iss: issuer }, layout, services, { checked: true });
    const finds = await look(image);
    expect(finds).toMatchObject({ signatures: [], rejected: [], attestations: [{ predicateType: type, predicate: { checked: true }, subject: image.digest }] });
  });

  it('verifies by a timestamp alone what cosign has timestamped', async () => {
    const entry = { transparencyLog: false };
    for (const layout of ['bundle', 'legacy'] as const) {
      const image = await publish(registry);
      await cosign.sign(refer(image), { sub: me, iss: issuer }, layout, 'v1+tsa');
      await cosign.attest(refer(image), { sub: me, iss: issuer }, layout, 'v1+tsa', {});
      const finds = await look(image, entry);
      expect([finds.signatures.length, finds.attestations.length]).toEqual([1, 1]);
    }
  });

  const made: readonly (readonly [string, KeylessOptions, readonly string[]])[] = [
    ['a legacy signature', { layout: 'legacy' }, []],
    ['a legacy signature with a timestamp', { layout: 'legacy', stamps: [] }, stamped],
    ['a bundle with Rekor v1', {}, []],
    ['a bundle with Rekor v1 and a timestamp', { stamps: [] }, stamped],
    ['a bundle with Rekor v2 and a timestamp', { log: 2, stamps: [] }, stamped],
  ];
  it.each(made)('signs what cosign verifies: %s', async (_, options, more) => {
    const layout = options.layout ?? 'bundle';
    const all = options.stamps === undefined ? options : { ...options, stamps: [sigstore] };
    const holder = await certify(sigstore, request);
    const image = await publish(registry);
    await signKeyless(image, sigstore, holder, all);
    expect(await cosign.verify(refer(image), who, layout, more)).toBe(true);
    await signKeyless(image, sigstore, holder, { ...all, attest: { type, predicate: {} } });
    expect(await cosign.verifyAttestation(refer(image), who, layout, more)).toBe(true);
    const finds = await look(image);
    expect([finds.signatures.length, finds.attestations.length, finds.rejected]).toEqual([1, 1, []]);
  });
});

describe('what cosign refuses is refused', () => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry();
  });
  afterAll(() => registry.stop());

  describe.each(['legacy', 'bundle'] as const)('in the %s layout', (layout) => {
    const refused = async (image: PublishedImage): Promise<void> => {
      expect(await cosign.verify(refer(image), who, layout)).toBe(false);
      expect((await look(image)).signatures).toEqual([]);
    };

    it.each([
      ['another issuer', { sub: me, iss: 'https://idp.example.com' }],
      ['another identity', { sub: evil, iss: issuer }],
      ['an address that is no workflow', { email: 'me@example.com', email_verified: true, sub: me, iss: issuer }],
    ])('%s', async (_, claims) => {
      const image = await publish(registry);
      await cosign.sign(refer(image), claims, layout, 'v1');
      await refused(image);
    });

    it.each([
      ['a certificate that no transparency log vouches for', { ...request, logged: false }],
      ['a certificate for other purposes', { ...request, usages: [x509.ExtendedKeyUsage.serverAuth] }],
      ['a certificate that had expired', { ...request, notBefore: Date.now() - 3_600_000 }],
      ['a critical extension nobody knows', { ...request, more: [new x509.Extension('1.2.3.4', true, Buffer.from([5, 0]))] }],
    ])('%s', async (_, asked) => {
      const image = await publish(registry);
      await signKeyless(image, sigstore, await certify(sigstore, asked), { layout });
      await refused(image);
    });

    it('a promise of the log that was tampered with', async () => {
      const image = await publish(registry);
      const forge: KeylessOptions['forge'] = (entry) => ({ ...entry, integratedTime: entry.integratedTime + 1 });
      await signKeyless(image, sigstore, await certify(sigstore, request), { layout, forge });
      await refused(image);
    });

    it('an authority, and a log, of somebody else', async () => {
      const stranger = await makeSigstore('https://other.example.com');
      const images = [await publish(registry), await publish(registry)] as const;
      await signKeyless(images[0], { ...sigstore, authority: stranger.authority }, await certify(stranger, request), { layout });
      await signKeyless(images[1], { ...sigstore, log: stranger.log }, await certify(sigstore, request), { layout });
      for (const image of images) await refused(image);
    });
  });

  it('a bundle with nothing that tells its time', async () => {
    const image = await publish(registry);
    await signKeyless(image, sigstore, await certify(sigstore, request), { log: 2 });
    expect(await cosign.verify(refer(image), who, 'bundle')).toBe(false);
    expect((await look(image)).signatures).toEqual([]);
  });
});

describe('deliberate differences', () => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry();
  });
  afterAll(() => registry.stop());

  it('an attestation is no signature, though cosign verify takes it for one', async () => {
    const image = await publish(registry);
    await cosign.attest(refer(image), { sub: me, iss: issuer }, 'bundle', 'v1', {});
    expect(await cosign.verify(refer(image), who, 'bundle')).toBe(true);
    expect((await look(image)).signatures).toEqual([]);
  });

  it('cosign does not verify the timestamp of its own legacy attestation, which is over the signature', async () => {
    const image = await publish(registry);
    await cosign.attest(refer(image), { sub: me, iss: issuer }, 'legacy', 'v1+tsa', {});
    expect(await cosign.verifyAttestation(refer(image), who, 'legacy', stamped)).toBe(false);
    expect((await look(image, { transparencyLog: false })).attestations).toHaveLength(1);
  });

  it('a log entry that names another certificate of the same key does not count', async () => {
    const image = await publish(registry);
    const holder = await certify(sigstore, request);
    const twin = await certify(sigstore, { ...request, names: [{ type: 'url', value: evil }] }, holder.key);
    await signKeyless(image, sigstore, holder, { named: twin });
    expect((await look(image)).signatures).toEqual([]);
  });

  it('a root without a certificate transparency log is refused when it is read, and does when that is asked for', async () => {
    const root = writeTrustedRoot({ authorities: [sigstore.authority], logs: [sigstore.log], stampAuthorities: [], ctLogs: false });
    const image = await publish(registry);
    const settings = { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: { file: 'root.json' } };
    await signKeyless(image, sigstore, await certify(sigstore, { ...request, logged: false }));
    const client = openRegistry(registry.host);
    await expect(makeSigner(client, settings, { files: { 'root.json': root } })).rejects.toThrow('certificate transparency log');
    const signer = await makeSigner(client, { ...settings, certificateLog: false }, { files: { 'root.json': root } });
    expect((await lookWith(signer, subjectOf(image))).signatures).toHaveLength(1);
  });
});
