import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../src/domain/evidence.ts';
import {
  appendLayers,
  attest,
  bundleOf,
  envelope,
  type KeyKind,
  type KeyPair,
  legacyPayload,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  pushReferrer,
  signBundle,
  signBytes,
  signLegacy,
  statement,
  vulnPredicateType,
} from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { lookWith, makeSigner, openRegistry, subjectOf } from '../unit/signatures/support.ts';
import { type Cosign, type Form, startCosign } from './cosignTool.ts';

const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa2048'];
const forms: readonly Form[] = ['legacy', 'bundle'];
const type = 'https://example.com/checked/v1';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
const signatureAnnotation = 'dev.cosignproject.cosign/signature';

let cosign: Cosign;
beforeAll(async () => {
  cosign = await startCosign();
});
afterAll(() => cosign.close());

let count = 0;
function publish(registry: RealRegistry, platforms: readonly string[] = ['linux/amd64']): Promise<PublishedImage> {
  count += 1;
  return publishImage({ registry: registry.url, repository: `acme/image-${count}`, content: `image ${count}`, platforms });
}
const refer = (image: PublishedImage): string => `${new URL(image.place.registry).host}/${image.place.repository}@${image.digest}`;
const tagOf = (image: PublishedImage, suffix: string): string => `${image.digest.replace(':', '-')}.${suffix}`;

async function look(image: PublishedImage, key: KeyPair, annotations: Readonly<Record<string, string>> = {}): Promise<Finds> {
  return lookWith(await makeSigner(openRegistry(new URL(image.place.registry).host), { key, annotations }), subjectOf(image));
}
const isSigned = async (image: PublishedImage, key: KeyPair, annotations?: Readonly<Record<string, string>>): Promise<boolean> =>
  (await look(image, key, annotations)).signatures.length > 0;

describe.each([true, false])('with the real cosign, and a registry with the referrers API: %s', (referrers) => {
  let registry: RealRegistry;
  beforeAll(async () => {
    registry = await startRealRegistry({ referrers });
  });
  afterAll(() => registry.stop());

  describe.each(kinds)('a key of kind %s', (kind) => {
    const key = makeKey(kind);

    it.each(forms)('verifies what cosign signs in the %s form', async (form) => {
      const image = await publish(registry);
      await cosign.sign(refer(image), key, form, { env: 'prod' });
      const finds = await look(image, key, { env: 'prod' });
      expect(finds.rejected).toEqual([]);
      expect(finds.signatures).toMatchObject([{ layout: form, annotations: { env: 'prod' } }]);
    });

    it.each(forms)('verifies what cosign attests in the %s form', async (form) => {
      const image = await publish(registry);
      await cosign.attest(refer(image), key, form, type, { checked: true });
      const finds = await look(image, key);
      expect(finds.signatures).toEqual([]);
      expect(finds.attestations).toMatchObject([{ predicateType: type, predicate: { checked: true }, subject: image.digest }]);
    });

    it('signs what cosign verifies, in both forms', async () => {
      const image = await publish(registry);
      await signLegacy(image, key);
      await attest(image, key, type, { checked: true }, 'legacy');
      expect(await cosign.verify(refer(image), key, 'legacy')).toBe(true);
      await signBundle(image, key);
      await attest(image, key, type, { checked: true }, 'bundle');
      expect(await cosign.verify(refer(image), key, 'bundle')).toBe(true);
      // verify-attestation can't be told the hash, and takes SHA-256.
      if (kind === 'p256' || kind === 'rsa2048') {
        expect(await cosign.verifyAttestation(refer(image), key, 'legacy', type)).toBe(true);
        expect(await cosign.verifyAttestation(refer(image), key, 'bundle', type)).toBe(true);
      }
      const finds = await look(image, key);
      expect(finds.signatures).toHaveLength(2);
      expect(finds.attestations).toHaveLength(2);
    });
  });

  it("reads cosign's vulnerability attestation", async () => {
    const key = makeKey();
    const image = await publish(registry);
    await cosign.attest(refer(image), key, 'bundle', 'vuln', { invocation: {}, scanner: { result: { SchemaVersion: 2 } }, metadata: {} });
    expect((await look(image, key)).attestations).toMatchObject([
      { predicateType: vulnPredicateType, predicate: { scanner: { result: { SchemaVersion: 2 } } } },
    ]);
  });

  describe('what cosign refuses is refused', () => {
    const key = makeKey();
    const other = makeKey();
    const refused = async (image: PublishedImage, form: Form, annotations: Readonly<Record<string, string>> = {}): Promise<void> => {
      const asked = Object.entries(annotations).flatMap(([name, value]) => ['-a', `${name}=${value}`]);
      expect(await cosign.verify(refer(image), key, form, asked)).toBe(false);
      expect(await isSigned(image, key, annotations)).toBe(false);
    };

    it.each(forms)('an unsigned image (%s)', async (form) => refused(await publish(registry), form));

    it.each(forms)('a signature by another key (%s)', async (form) => {
      const image = await publish(registry);
      await cosign.sign(refer(image), other, form);
      await refused(image, form);
    });

    it.each(forms)('a signature without the annotations asked for (%s)', async (form) => {
      const image = await publish(registry);
      await cosign.sign(refer(image), key, form, { env: 'test' });
      await refused(image, form, { env: 'prod' });
    });

    it.each(forms)('a signature of one platform, where the index is asked about (%s)', async (form) => {
      const image = await publish(registry, ['linux/amd64', 'linux/arm64']);
      const child = image.platforms[0]?.digest ?? '';
      await cosign.sign(`${registry.host}/${image.place.repository}@${child}`, key, form);
      await refused(image, form);
    });

    it('a legacy signature of another image, put under the tag of this one', async () => {
      const [image, another] = [await publish(registry), await publish(registry)];
      const payload = legacyPayload(another.digest, `${registry.host}/${image.place.repository}`);
      const layer = await pushBlob(image.place, payload, simpleSigning);
      await appendLayers(image.place, tagOf(image, 'sig'), [{ ...layer, annotations: { [signatureAnnotation]: signBytes(key, payload).toString('base64') } }]);
      await refused(image, 'legacy');
    });

    it('a bundle about another image, referring to this one', async () => {
      const [image, another] = [await publish(registry), await publish(registry)];
      const said = statement(another.digest, 'https://sigstore.dev/cosign/sign/v1', {}, { type: 'https://in-toto.io/Statement/v1' });
      const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(bundleOf(envelope(said, key), key))), bundleType);
      await pushReferrer(image.place, image.descriptor, [layer], bundleType);
      await refused(image, 'bundle');
    });

    it('a legacy payload that was altered after it was signed', async () => {
      const image = await publish(registry);
      const signature = signBytes(key, legacyPayload(image.digest, 'example.com/other')).toString('base64');
      const layer = await pushBlob(image.place, legacyPayload(image.digest, `${registry.host}/${image.place.repository}`), simpleSigning);
      await appendLayers(image.place, tagOf(image, 'sig'), [{ ...layer, annotations: { [signatureAnnotation]: signature } }]);
      await refused(image, 'legacy');
    });

    it.each(forms)('Ed25519 as cosign itself signs it, which is Ed25519ph (%s)', async (form) => {
      const ed25519 = makeKey('ed25519');
      const image = await publish(registry);
      await cosign.sign(refer(image), ed25519, form);
      expect(await cosign.verify(refer(image), ed25519, form)).toBe(false);
      expect(await isSigned(image, ed25519)).toBe(false);
    });
  });

  it('verifies pure Ed25519, as cosign does', async () => {
    const key = makeKey('ed25519');
    const image = await publish(registry);
    await signLegacy(image, key);
    expect(await cosign.verify(refer(image), key, 'legacy')).toBe(true);
    await signBundle(image, key);
    expect(await cosign.verify(refer(image), key, 'bundle')).toBe(true);
    expect((await look(image, key)).signatures).toHaveLength(2);
  });

  describe('deliberate differences', () => {
    const key = makeKey();
    const other = makeKey();
    const pushLegacy = async (image: PublishedImage, payload: Uint8Array, mediaType = simpleSigning): Promise<void> => {
      const layer = await pushBlob(image.place, payload, mediaType);
      await appendLayers(image.place, tagOf(image, 'sig'), [{ ...layer, annotations: { [signatureAnnotation]: signBytes(key, payload).toString('base64') } }]);
    };

    it('an attestation is no signature, though cosign verify takes it for one', async () => {
      const image = await publish(registry);
      await cosign.attest(refer(image), key, 'bundle', type, {});
      expect(await cosign.verify(refer(image), key, 'bundle')).toBe(true);
      expect(await isSigned(image, key)).toBe(false);
    });

    it('a bundle by a foreign key does not hide a good legacy signature, though it does from cosign', async () => {
      const image = await publish(registry);
      await cosign.sign(refer(image), key, 'legacy');
      await cosign.sign(refer(image), other, 'bundle');
      expect(await cosign.verify(refer(image), key, 'bundle')).toBe(false);
      expect(await isSigned(image, key)).toBe(true);
    });

    it('a signature made for another repository does not count, though cosign ignores docker-reference', async () => {
      const image = await publish(registry);
      await pushLegacy(image, legacyPayload(image.digest, `${registry.host}/evil/copy`));
      expect(await cosign.verify(refer(image), key, 'legacy')).toBe(true);
      expect(await look(image, key)).toMatchObject({ signatures: [], rejected: [{ message: expect.stringContaining('evil/copy') }] });
    });

    it('a payload of another type does not count, though cosign ignores critical.type', async () => {
      const image = await publish(registry);
      const payload = legacyPayload(image.digest, `${registry.host}/${image.place.repository}`).toString('utf8');
      await pushLegacy(image, Buffer.from(payload.replace('cosign container image signature', 'atomic container signature')));
      expect(await cosign.verify(refer(image), key, 'legacy')).toBe(true);
      expect(await look(image, key)).toMatchObject({ signatures: [], rejected: [{ message: expect.stringContaining('critical.type') }] });
    });

    it('a layer of another media type does not count, though cosign does not look', async () => {
      const image = await publish(registry);
      await pushLegacy(image, legacyPayload(image.digest, `${registry.host}/${image.place.repository}`), 'application/octet-stream');
      expect(await cosign.verify(refer(image), key, 'legacy')).toBe(true);
      expect(await look(image, key)).toMatchObject({ signatures: [], rejected: [{ message: expect.stringContaining('media type') }] });
    });

    it("P-384 and P-521 verify by the curve's hash, by which cosign signs but verifies only when told", async () => {
      for (const kind of ['p384', 'p521'] as const) {
        const large = makeKey(kind);
        const image = await publish(registry);
        await cosign.sign(refer(image), large, 'legacy');
        expect(await cosign.verify(refer(image), large, 'legacy', [])).toBe(false);
        expect(await isSigned(image, large)).toBe(true);
      }
    });
  });
});
