import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Registry } from '../../../src/domain/registry.ts';
import {
  attest,
  bundleOf,
  envelope,
  type KeyKind,
  type KeyPair,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  pushReferrer,
  signBundle,
  signLegacy,
  statement,
} from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { attestationsWith, lookWith, makeSigner, openRegistry, subjectOf } from './support.ts';

const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa2048', 'rsa3072', 'ed25519'];
const key = makeKey();
const other = makeKey();

describe.each([true, false])('signatures by key, with the referrers API: %s', (referrersApi) => {
  let registry: FakeRegistry;
  let client: Registry;
  let count = 0;
  beforeAll(async () => {
    registry = await startRegistry({ referrersApi });
    client = openRegistry(registry.host);
  });
  afterAll(() => registry.close());
  const publish = (more: { readonly platforms?: readonly string[] } = {}): Promise<PublishedImage> => {
    count += 1;
    return publishImage({ registry: registry.origin, repository: 'acme/web', content: `image ${count}`, ...more });
  };

  it('finds nothing on an unsigned image, and says that it looked', async () => {
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(await publish()));
    expect(finds).toMatchObject({ signatures: [], attestations: [], rejected: [], faults: [] });
  });

  it.each(kinds)('verifies what a key of kind %s signed, in every layout', async (kind) => {
    const image = await publish();
    const pair = makeKey(kind);
    await signLegacy(image, pair, { annotations: { env: 'prod' } });
    await signBundle(image, pair);
    await attest(image, pair, 'https://example.com/one', { n: 1 }, 'legacy');
    await attest(image, pair, 'https://example.com/two', { n: 2 }, 'bundle');
    const finds = await lookWith(await makeSigner(client, { key: pair }), subjectOf(image));
    expect(finds.rejected).toEqual([]);
    expect(finds.faults).toEqual([]);
    expect(finds.signatures).toMatchObject([
      {
        signer: 'release',
        kind: 'cosign-key',
        layout: 'legacy',
        annotations: { env: 'prod' },
        signedRepository: `${registry.host}/acme/web`,
        subject: 'manifest',
      },
      { layout: 'bundle', signedRepository: null, signedAt: null, identity: null },
    ]);
    expect(finds.attestations.map(({ predicateType, predicate, subject }) => ({ predicateType, predicate, subject }))).toEqual([
      { predicateType: 'https://example.com/one', predicate: { n: 1 }, subject: image.digest },
      { predicateType: 'https://example.com/two', predicate: { n: 2 }, subject: image.digest },
    ]);
  });

  it('refuses what another key signed, and says so for each candidate', async () => {
    const image = await publish();
    await signLegacy(image, other);
    await signBundle(image, other);
    await attest(image, other, 'https://example.com/one', {}, 'legacy');
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(image));
    expect(finds.signatures).toEqual([]);
    expect(finds.attestations).toEqual([]);
    expect(finds.rejected).toMatchObject([
      { stage: 'signatures', source: 'release', layout: 'legacy', code: 'SIGNER_MISMATCH' },
      { layout: 'legacy', code: 'SIGNER_MISMATCH', message: expect.stringContaining('the attestation sha256:') },
      { layout: 'bundle', code: 'SIGNER_MISMATCH', message: expect.stringContaining('signed by another key') },
    ]);
    const idOf = ({ publicKey }: KeyPair) =>
      createHash('sha256')
        .update(publicKey.export({ type: 'spki', format: 'der' }))
        .digest('hex');
    const [legacy, , bundle] = finds.rejected.map(({ message }) => message);
    expect(legacy).toMatch(new RegExp(`signed by another key than ${idOf(key)}$`));
    expect(bundle).toMatch(new RegExp(`signed by another key, by its own word ${idOf(other)}, and not by ${idOf(key)}$`));
  });

  it('tells a bundle that only says it is by the right key', async () => {
    const image = await publish();
    const said = statement(image.digest, 'https://sigstore.dev/cosign/sign/v1', {}, { type: 'https://in-toto.io/Statement/v1' });
    const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';
    const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(bundleOf(envelope(said, other), key))), type);
    await pushReferrer(image.place, image.descriptor, [layer], type, {});
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(image));
    expect(finds.rejected).toMatchObject([
      { code: 'SIGNER_MISMATCH', message: expect.stringMatching(/says that it is signed by the key [0-9a-f]{64}, and is not$/) },
    ]);
  });

  it('is not kept from a good legacy signature by a bundle of a foreign key, nor the reverse', async () => {
    const first = await publish();
    await signLegacy(first, key);
    await signBundle(first, other);
    const second = await publish();
    await signBundle(second, key);
    await signLegacy(second, other);
    const signer = await makeSigner(client, { key });
    expect((await lookWith(signer, subjectOf(first))).signatures).toMatchObject([{ layout: 'legacy' }]);
    expect((await lookWith(signer, subjectOf(second))).signatures).toMatchObject([{ layout: 'bundle' }]);
  });

  it('finds one good signature among several under one legacy tag and among several referrers', async () => {
    const image = await publish();
    for (const pair of [other, key, makeKey('rsa2048')]) {
      await signLegacy(image, pair);
      await signBundle(image, pair);
    }
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(image));
    expect(finds.signatures.map(({ layout }) => layout)).toEqual(['legacy', 'bundle']);
    expect(finds.rejected).toHaveLength(4);
  });

  it('counts a signature for exactly the digest it names: the index or one of its platforms', async () => {
    const image = await publish({ platforms: ['linux/amd64', 'linux/arm64'] });
    const child = image.platforms[0]?.descriptor;
    if (child === undefined) throw new Error('no platform');
    await signBundle(image, key, { subject: child });
    const signer = await makeSigner(client, { key }, { limits: { keepNoneFor: 1 } });
    expect((await lookWith(signer, subjectOf(image))).signatures).toEqual([]);
    await signBundle(image, key);
    await signLegacy(image, key);
    const again = await makeSigner(client, { key });
    expect((await lookWith(again, subjectOf(image))).signatures).toMatchObject([{ subject: 'index' }, { subject: 'index' }]);
  });

  it("finds the attestations on a platform's own manifest", async () => {
    const image = await publish({ platforms: ['linux/amd64', 'linux/arm64'] });
    const [amd64, arm64] = image.platforms;
    if (amd64 === undefined || arm64 === undefined) throw new Error('no platforms');
    await attest(image, key, 'https://example.com/scan', { of: 'amd64' }, 'bundle', { subject: amd64.descriptor });
    await attest(image, key, 'https://example.com/scan', { of: 'arm64' }, 'legacy', { subject: arm64.descriptor });
    const signer = await makeSigner(client, { key });
    const subject = subjectOf(image);
    expect((await lookWith(signer, subject)).attestations).toEqual([]);
    expect((await attestationsWith(signer, subject, amd64.digest)).attestations).toMatchObject([{ predicate: { of: 'amd64' }, subject: amd64.digest }]);
    expect((await attestationsWith(signer, subject, arm64.digest)).attestations).toMatchObject([{ predicate: { of: 'arm64' }, subject: arm64.digest }]);
  });

  it('looks where signatures live, if that is elsewhere, and only there', async () => {
    const image = await publish();
    const elsewhere = { registry: registry.origin, repository: 'signatures' };
    await signLegacy(image, key, { place: elsewhere });
    await signBundle(image, key, { place: elsewhere });
    expect((await lookWith(await makeSigner(client, { key }), subjectOf(image))).signatures).toEqual([]);
    const signer = await makeSigner(client, { key, repository: `${registry.host}/signatures` });
    expect((await lookWith(signer, subjectOf(image))).signatures).toHaveLength(2);
  });
});
