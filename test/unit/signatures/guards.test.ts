import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import { decodeBundle } from '../../../src/signatures/decode.ts';
import { readPublicKey } from '../../../src/signatures/keys.ts';
import { createKeyVerifier } from '../../../src/signatures/keyVerifier.ts';
import {
  appendLayers,
  attest,
  bundleOf,
  envelope,
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
} from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { attestationsWith, lookWith, makeSigner, openRegistry, subjectOf } from './support.ts';

const key = makeKey();
const other = makeKey();
const signType = 'https://sigstore.dev/cosign/sign/v1';
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const simpleSigning = 'application/vnd.dev.cosign.simplesigning.v1+json';
const v1 = { type: 'https://in-toto.io/Statement/v1' };

let registry: FakeRegistry;
let client: Registry;
let count = 0;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
});
afterAll(() => registry.close());

const publish = (): Promise<PublishedImage> => {
  count += 1;
  return publishImage({ registry: registry.origin, repository: 'acme/web', content: `image ${count}` });
};
const tagOf = (image: PublishedImage, suffix: string): string => `${image.digest.replace(':', '-')}.${suffix}`;
const ownName = (): string => `${registry.host}/acme/web`;

async function pushLegacy(image: PublishedImage, payload: Uint8Array, more: { by?: KeyPair; mediaType?: string; annotations?: Record<string, string> } = {}) {
  const layer = await pushBlob(image.place, payload, more.mediaType ?? simpleSigning);
  const annotations = { 'dev.cosignproject.cosign/signature': signBytes(more.by ?? key, payload).toString('base64'), ...more.annotations };
  await appendLayers(image.place, tagOf(image, 'sig'), [{ ...layer, annotations }]);
}

async function pushBundle(image: PublishedImage, bundle: object | Buffer, annotations: Readonly<Record<string, string>> = {}) {
  const layer = await pushBlob(image.place, bundle instanceof Buffer ? bundle : Buffer.from(JSON.stringify(bundle)), bundleType);
  await pushReferrer(image.place, image.descriptor, [layer], bundleType, annotations);
}

const look = async (image: PublishedImage, entry: Readonly<Record<string, unknown>> = {}): Promise<Finds> =>
  lookWith(await makeSigner(client, { key, ...entry }), subjectOf(image));

function expectRefused(finds: Finds, reason: string): void {
  expect(finds.signatures).toEqual([]);
  expect(finds.attestations).toEqual([]);
  expect(finds.rejected).toMatchObject([{ code: 'SIGNATURE_INVALID', message: expect.stringContaining(reason) }]);
}

describe('a legacy signature, though its key is right, does not count', () => {
  const altered = (image: PublishedImage, from: string, to: string): Buffer =>
    Buffer.from(legacyPayload(image.digest, ownName()).toString('utf8').replace(from, to));

  it('when its payload is of another type', async () => {
    const image = await publish();
    await pushLegacy(image, altered(image, 'cosign container image signature', 'other'));
    expectRefused(await look(image), 'critical.type');
  });

  it('when its layer is of another media type', async () => {
    const image = await publish();
    await pushLegacy(image, legacyPayload(image.digest, ownName()), { mediaType: 'application/json' });
    expectRefused(await look(image), 'media type');
  });

  it('when it names another digest, or none', async () => {
    const [image, another, third] = [await publish(), await publish(), await publish()];
    await pushLegacy(image, legacyPayload(another.digest, ownName()));
    expectRefused(await look(image), 'about another image');
    await pushLegacy(third, altered(third, third.digest, 'latest'));
    expectRefused(await look(third), 'no image digest');
  });

  it('when it was made for another repository, whether on this registry or another', async () => {
    for (const name of [`${registry.host}/acme/other`, 'example.com/acme/web', `${registry.host}/acme/web/evil`, `${registry.host}/acme/we`]) {
      const image = await publish();
      await pushLegacy(image, legacyPayload(image.digest, name));
      expectRefused(await look(image), `made for the repository ${name}`);
    }
  });

  it('when it names no repository, or a digest that contradicts', async () => {
    const [image, another] = [await publish(), await publish()];
    await pushLegacy(image, legacyPayload(image.digest, ''));
    expectRefused(await look(image), 'docker-reference');
    await pushLegacy(another, legacyPayload(another.digest, `${ownName()}@${image.digest}`));
    expectRefused(await look(another), 'two different digests');
  });

  it('when the annotations asked for were not signed, have other values, or are only inherited', async () => {
    for (const annotations of [{ env: 'prod' }, { constructor: 'x' }, { toString: 'y' }]) {
      const image = await publish();
      await signLegacy(image, key, { annotations: { env: 'test' } });
      expectRefused(await look(image, { annotations }), 'were not signed');
    }
  });

  it('when only the layer, and not the payload, has the annotations', async () => {
    const image = await publish();
    await pushLegacy(image, legacyPayload(image.digest, ownName()), { annotations: { env: 'prod' } });
    expectRefused(await look(image, { annotations: { env: 'prod' } }), 'were not signed');
  });

  it('when it is no JSON, or too deep', async () => {
    const image = await publish();
    await pushLegacy(image, Buffer.from('{'));
    expectRefused(await look(image), 'no JSON');
    const deep = await publish();
    await pushLegacy(deep, Buffer.from(`${'['.repeat(50_000)}${']'.repeat(50_000)}`));
    expectRefused(await look(deep), 'nested');
  });

  it('when the layer carries no signature', async () => {
    const image = await publish();
    await pushLegacy(image, legacyPayload(image.digest, ownName()), { annotations: { 'dev.cosignproject.cosign/signature': '' } });
    expectRefused(await look(image), 'no signature');
  });
});

describe('the repository that a legacy signature names', () => {
  it("may be the image's logical one, looked up in a mirror", async () => {
    const image = await publish();
    await pushLegacy(image, legacyPayload(image.digest, 'index.docker.io/library/nginx'));
    const subject = subjectOf(image, { logical: { registry: 'docker.io', repository: 'library/nginx' } });
    expect((await lookWith(await makeSigner(client, { key }), subject)).signatures).toMatchObject([{ signedRepository: 'docker.io/library/nginx' }]);
  });

  it('may be the mirror that was looked in, or the repository of the signer', async () => {
    const image = await publish();
    await pushLegacy(image, legacyPayload(image.digest, ownName()));
    const subject = subjectOf(image, { logical: { registry: 'docker.io', repository: 'library/nginx' } });
    expect((await lookWith(await makeSigner(client, { key }), subject)).signatures).toHaveLength(1);
    const elsewhere = { registry: registry.origin, repository: 'signatures' };
    const second = await publish();
    await signLegacy(second, key, { place: elsewhere, dockerReference: `${registry.host}/signatures` });
    expect((await look(second, { repository: `${registry.host}/signatures` })).signatures).toHaveLength(1);
  });
});

describe('a bundle, though its key is right, is no signature', () => {
  it('when its predicate is any other: an attestation is not a signature', async () => {
    const image = await publish();
    await attest(image, key, 'https://slsa.dev/provenance/v1', {}, 'bundle');
    expect(await look(image)).toMatchObject({ signatures: [], attestations: [{ predicateType: 'https://slsa.dev/provenance/v1' }], rejected: [] });
  });

  it('nor is the same statement under the legacy attestation tag', async () => {
    const image = await publish();
    await attest(image, key, signType, {}, 'legacy');
    expect((await look(image)).signatures).toEqual([]);
  });

  it('when its payload type is not that of a statement', async () => {
    const image = await publish();
    await pushBundle(image, bundleOf(envelope(statement(image.digest, signType, {}, v1), key, 'application/json'), key));
    expectRefused(await look(image), 'no in-toto statement');
  });

  it.each([
    [
      'its statement is of an unknown version',
      (image: PublishedImage) => statement(image.digest, signType, {}, { type: 'https://in-toto.io/Statement/v2' }),
      'known version',
    ],
    ['its statement has no predicate type', (image: PublishedImage) => statement(image.digest, '', {}, v1), 'no predicate type'],
    ['its statement has no subject', () => ({ _type: v1.type, predicateType: signType, subject: [], predicate: {} }), 'about another image'],
    ['its subjects are no list', () => ({ _type: v1.type, predicateType: signType, subject: 'x', predicate: {} }), 'subjects'],
    ['its statement is no object', () => ['x'], 'known version'],
  ])('when %s', async (_, make, reason) => {
    const image = await publish();
    await pushBundle(image, bundleOf(envelope(make(image), key), key));
    expectRefused(await look(image), reason);
  });

  it('when its statement is about another image', async () => {
    const [image, another] = [await publish(), await publish()];
    await pushBundle(image, bundleOf(envelope(statement(another.digest, signType, {}, v1), key), key));
    expectRefused(await look(image), 'about another image');
  });

  it('when the annotations asked for were not signed, or only beside another subject', async () => {
    const [image, another] = [await publish(), await publish()];
    const said = {
      _type: v1.type,
      subject: [
        { digest: { sha256: image.digest.slice(7) }, annotations: { env: 'test' } },
        { digest: { sha256: another.digest.slice(7) }, annotations: { env: 'prod' } },
      ],
      predicateType: signType,
      predicate: {},
    };
    await pushBundle(image, bundleOf(envelope(said, key), key));
    expectRefused(await look(image, { annotations: { env: 'prod' } }), 'were not signed');
    expect((await look(image, { annotations: { env: 'test' } })).signatures).toMatchObject([{ annotations: { env: 'test' } }]);
  });

  it('when it holds a message signature, or an envelope with several signatures', async () => {
    const image = await publish();
    const bundle = { mediaType: bundleType, verificationMaterial: { publicKey: { hint: '' } } };
    const messageSignature = {
      messageDigest: { algorithm: 'SHA2_256', digest: image.digest.slice(7) },
      signature: signBytes(key, Buffer.from('x')).toString('base64'),
    };
    await pushBundle(image, { ...bundle, messageSignature });
    expectRefused(await look(image), 'no DSSE envelope');
    const second = await publish();
    const dsse = envelope(statement(second.digest, signType, {}, v1), key) as { signatures: object[] };
    await pushBundle(second, { ...bundle, dsseEnvelope: { ...dsse, signatures: [...dsse.signatures, ...dsse.signatures] } });
    expectRefused(await look(second), 'no Sigstore bundle');
  });

  it('when it holds a certificate or a timestamp of more than 16 KiB, which nobody parses', async () => {
    const large = Buffer.alloc(100_000, 0x30).toString('base64');
    for (const material of [
      { certificate: { rawBytes: large } },
      { publicKey: { hint: '' }, timestampVerificationData: { rfc3161Timestamps: [{ signedTimestamp: large }] } },
    ]) {
      const image = await publish();
      const dsseEnvelope = envelope(statement(image.digest, signType, {}, v1), key);
      await pushBundle(image, { mediaType: bundleType, verificationMaterial: material, dsseEnvelope });
      expectRefused(await look(image), 'longer than 16384 bytes');
    }
  });
});

describe('what is attached to a bundle without being signed', () => {
  const signed = (image: PublishedImage): object => envelope(statement(image.digest, signType, {}, v1), key);

  it('decides nothing: neither a foreign hint nor a forged one', async () => {
    const image = await publish();
    await pushBundle(image, { mediaType: bundleType, verificationMaterial: { publicKey: { hint: 'not ours' } }, dsseEnvelope: signed(image) });
    expect((await look(image)).signatures).toHaveLength(1);
    const forged = await publish();
    await pushBundle(forged, bundleOf(envelope(statement(forged.digest, signType, {}, v1), other), key));
    expect(await look(forged)).toMatchObject({ signatures: [], rejected: [{ code: 'SIGNER_MISMATCH' }] });
  });

  it('decides nothing: a forged time of a log entry is not believed', async () => {
    const image = await publish();
    const entry = {
      logIndex: '1',
      logId: { keyId: Buffer.alloc(32).toString('base64') },
      kindVersion: { kind: 'dsse', version: '0.0.1' },
      integratedTime: '1700000000',
      inclusionPromise: { signedEntryTimestamp: 'AAAA' },
      inclusionProof: { logIndex: '0', rootHash: 'AAAA', treeSize: '1', hashes: [], checkpoint: { envelope: 'x' } },
      canonicalizedBody: 'e30=',
    };
    const material = { publicKey: { hint: '' }, tlogEntries: [entry] };
    await pushBundle(image, { mediaType: bundleType, verificationMaterial: material, dsseEnvelope: signed(image) });
    const legacy = { Payload: { body: 'e30=', integratedTime: 1_700_000_000, logIndex: 1, logID: '00' }, SignedEntryTimestamp: 'AAAA' };
    await pushLegacy(image, legacyPayload(image.digest, ownName()), { annotations: { 'dev.sigstore.cosign/bundle': JSON.stringify(legacy) } });
    expect((await look(image)).signatures.map(({ signedAt }) => signedAt)).toEqual([null, null]);
  });

  it('does not hide a good signature: a timestamp of an unknown authority, a receipt that is no JSON', async () => {
    const image = await publish();
    const timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp: 'AAAA' }] };
    await pushBundle(image, {
      mediaType: bundleType,
      verificationMaterial: { publicKey: { hint: '' }, timestampVerificationData },
      dsseEnvelope: signed(image),
    });
    await pushLegacy(image, legacyPayload(image.digest, ownName()), {
      annotations: { 'dev.sigstore.cosign/bundle': '{', 'dev.sigstore.cosign/certificate': 'x' },
    });
    expect((await look(image)).signatures).toHaveLength(2);
  });

  it('does not decide what it is: a signature presented as an attestation is still one', async () => {
    const image = await publish();
    await pushBundle(image, bundleOf(signed(image), key), { 'dev.sigstore.bundle.predicateType': 'https://example.com/other' });
    expect((await look(image)).signatures).toHaveLength(1);
  });
});

describe('what is revoked beats everything', () => {
  it('a key, whatever it signed', async () => {
    const image = await publish();
    await signLegacy(image, key);
    await signBundle(image, key);
    await attest(image, key, 'https://example.com/x', {}, 'bundle');
    const [known] = (await look(image)).signatures;
    const keyId = known?.keyId ?? '';
    expect(keyId).toMatch(/^[0-9a-f]{64}$/);
    const finds = await lookWith(await makeSigner(client, { key }, { revoked: { keys: [keyId.toUpperCase()] } }), subjectOf(image));
    expect(finds).toMatchObject({ signatures: [], attestations: [] });
    expect(finds.rejected.map(({ message }) => message.includes('its key is revoked'))).toEqual([true, true, true]);
  });

  it('a digest, and an index that has it for a platform', async () => {
    const image = await publishImage({ registry: registry.origin, repository: 'acme/web', platforms: ['linux/amd64', 'linux/arm64'], content: 'revoked' });
    await signBundle(image, key);
    for (const digest of [image.digest, image.platforms[1]?.digest ?? '']) {
      const signer = await makeSigner(client, { key }, { revoked: { digests: [digest] } });
      expectRefused(await lookWith(signer, subjectOf(image)), 'this digest is revoked');
      if (digest === image.digest) expectRefused(await attestationsWith(signer, subjectOf(image), image.digest), 'revoked');
    }
  });

  it('and a fact from before the revocation is not one of the signer after it', async () => {
    const before = await makeSigner(client, { key });
    const after = await makeSigner(client, { key }, { revoked: { digests: ['sha256:x'] } });
    expect(after.trust).not.toBe(before.trust);
  });
});

describe('attestations', () => {
  it('are asked for alone: signatures of others are not spoken of', async () => {
    const image = await publish();
    await signLegacy(image, other);
    await signBundle(image, other);
    await attest(image, other, 'https://example.com/x', {}, 'bundle');
    await attest(image, key, 'https://example.com/x', { mine: true }, 'legacy');
    const finds = await attestationsWith(await makeSigner(client, { key }), subjectOf(image), image.digest);
    expect(finds.attestations).toMatchObject([{ predicate: { mine: true } }]);
    expect(finds.rejected).toMatchObject([{ code: 'SIGNER_MISMATCH', message: expect.stringContaining('the attestation') }]);
  });

  it('whose statement names another digest do not count', async () => {
    const [image, another] = [await publish(), await publish()];
    await pushBundle(image, bundleOf(envelope(statement(another.digest, 'https://example.com/x', {}), key), key), {
      'dev.sigstore.bundle.predicateType': 'https://example.com/x',
    });
    expectRefused(await attestationsWith(await makeSigner(client, { key }), subjectOf(image), image.digest), 'about another image');
  });

  it('need no annotations', async () => {
    const image = await publish();
    await attest(image, key, 'https://example.com/x', {}, 'bundle');
    expect((await look(image, { annotations: { env: 'prod' } })).attestations).toHaveLength(1);
  });
});

it('counts a claim that lies in two repositories once', async () => {
  const image = await publish();
  const payload = legacyPayload(image.digest, ownName());
  const annotations = { 'dev.cosignproject.cosign/signature': signBytes(key, payload).toString('base64') };
  const places = ['acme/twice', 'mirror/twice'];
  for (const repository of places) {
    const layer = await pushBlob({ registry: registry.origin, repository }, payload, simpleSigning);
    await appendLayers({ registry: registry.origin, repository }, tagOf(image, 'sig'), [{ ...layer, annotations }]);
  }
  const repositories = places.map((repository) => ({ registry: registry.host, repository }));
  const logical = { registry: registry.host, repository: 'acme/web' };
  expect((await lookWith(await makeSigner(client, { key }), subjectOf(image, { repositories, logical }))).signatures).toHaveLength(1);
});

it('neither believes nor chokes on bundles that were altered anywhere', { timeout: 30_000 }, async () => {
  const image = await publish();
  const good = Buffer.from(JSON.stringify(bundleOf(envelope(statement(image.digest, signType, {}, v1), key), key)));
  const trusted = readPublicKey(key.publicPem);
  if (!trusted.ok) throw new Error('no key');
  const verify = createKeyVerifier([trusted.value], null);
  const honest = decodeBundle(image.digest, good, 'signature');
  if (!honest.ok) throw new Error('not decoded');
  const change = fc.record({ at: fc.nat(good.length - 1), to: fc.integer({ min: 0, max: 255 }), drop: fc.nat(3) });
  fc.assert(
    fc.property(change, ({ at, to, drop }) => {
      const bytes = Buffer.concat([good.subarray(0, at), Buffer.from([to]), good.subarray(at + drop)]);
      const claim = decodeBundle(image.digest, bytes, 'signature');
      if (!claim.ok || !verify(claim.value).ok) return;
      // Only what does not touch the signed bytes may pass.
      expect(claim.value.signed.equals(honest.value.signed)).toBe(true);
    }),
    { numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 500 }), fc.jsonValue(), (bytes, value) => {
      expect(decodeBundle(image.digest, bytes, 'signature').ok).toBe(false);
      expect(decodeBundle(image.digest, Buffer.from(JSON.stringify(value)), 'signature').ok).toBe(false);
    }),
    { numRuns: 500 },
  );
});
