import { createHash, createPublicKey } from 'node:crypto';
import { Tagged } from 'cborg';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import type { Signer } from '../../../src/signatures/index.ts';
import { decodeEnvelope } from '../../../src/signatures/notation/decode.ts';
import { codeSigning, type IssueOptions, issue, issueRoot, pemOf, timeStamping, uses } from '../../fakes/notation/authority.ts';
import {
  authenticSigningTime,
  cose,
  envelopeOf,
  expiry,
  formats,
  jws,
  notaryType,
  payloadOf,
  pushSignature,
  scheme,
  signAs,
  signingTime,
} from '../../fakes/notation/sign.ts';
import { pushBlob } from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { identity, makeScene, type Scene, subjectIn, trusting } from './notationSupport.ts';
import { lookWith, openRegistry, patience } from './support.ts';

let registry: FakeRegistry;
let client: Registry;
let scene: Scene;
let strict: Signer;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
  scene = await makeScene(registry.origin);
  strict = await trusting(client, scene.root);
});
afterAll(() => registry.close());

const day = 86_400_000;
const hence = (days: number): Date => new Date(Date.now() + days * day);
const reasonOf = ({ signatures, rejected }: Finds): string => {
  expect(signatures).toEqual([]);
  expect(rejected).toHaveLength(1);
  return `${rejected[0]?.code}: ${rejected[0]?.message.replace(/^the signature \S+ does not count: /, '')}`;
};
const isTrusted = (finds: Finds): boolean => {
  expect(finds.rejected).toEqual([]);
  return finds.signatures.length === 1;
};

describe.each(formats)('a signature as %s', (format) => {
  it('counts when it is by the trusted authority, and says by whom, how and what was signed with it', async () => {
    const finds = await scene.lookAt(strict, format, { agent: 'signer/1.0', target: { annotations: { env: 'prod' } } });
    expect(finds).toMatchObject({ rejected: [], faults: [], attestations: [] });
    expect(finds.signatures).toEqual([
      {
        signer: 'partner',
        kind: 'notation',
        layout: 'notation',
        keyId: null,
        issuer: null,
        identity: 'C=US,ST=WA,L=Seattle,O=Partner,CN=Signer',
        claims: { signingScheme: 'notary.x509', verificationLevel: 'strict', signingAgent: 'signer/1.0', failures: '' },
        signedAt: null,
        subject: 'manifest',
        annotations: { env: 'prod' },
        signedRepository: null,
      },
    ]);
  });

  it('is refused by another root', async () => {
    const finds = await scene.lookAt(await trusting(client, await issueRoot()), format);
    expect(reasonOf(finds)).toBe('SIGNER_MISMATCH: none of its certificates is in the trust store');
  });

  it('is refused when its chain names the trusted root and is not issued by it', async () => {
    const stranger = await issue({ issuer: await issueRoot() });
    const finds = await scene.lookAt(strict, format, { leaf: stranger, chain: [stranger.der, scene.root.der] });
    expect(reasonOf(finds)).toContain('do not sign each other');
  });

  it('is refused when a root follows that issued nothing of it', async () => {
    const finds = await scene.lookAt(strict, format, { chain: [scene.leaf.der, scene.root.der, (await issueRoot('CN=Other, O=Other, ST=WA, C=US')).der] });
    expect(reasonOf(finds)).toContain('do not sign each other');
  });

  it('is refused when the chain does not reach its root', async () => {
    const store = await issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer: scene.root, basic: { ca: true }, usage: { flags: uses.keyCertSign } });
    const leaf = await issue({ issuer: store });
    const finds = await scene.lookAt(await trusting(client, store), format, { leaf, chain: [leaf.der, store.der] });
    expect(reasonOf(finds)).toContain('do not sign each other');
  });

  it.each([
    ['digest', { digest: `sha256:${'0'.repeat(64)}` }, 'about another image'],
    ['size', { size: 1 }, 'of another size'],
    ['size as text', { size: '1' }, 'of another size'],
    ['media type', { mediaType: 'application/vnd.oci.image.index.v1+json' }, 'of another media type'],
  ])('is refused when it names another %s', async (_, target, why) => {
    expect(reasonOf(await scene.lookAt(strict, format, { target }))).toContain(why);
  });

  it('is refused when it was made for another image and is attached to this one', async () => {
    const image = await scene.publish();
    const other = await scene.publish();
    await pushSignature(image.place, image.descriptor, await envelopeOf(format, scene.leaf, other.descriptor), format);
    expect(reasonOf(await lookWith(strict, subjectIn(image)))).toContain('about another image');
  });

  it.each([
    ['nothing', { crit: undefined }, 'nothing as critical'],
    ['an empty list', { crit: [] }, 'nothing as critical'],
    ['something unknown', { crit: [scheme, 'com.example.unknown'], 'com.example.unknown': 'x' }, 'com.example.unknown as critical, which is not understood'],
    ['what it does not have', { crit: [scheme, expiry] }, 'does not have it'],
    ['no signing scheme', { crit: [expiry], [expiry]: hence(1) }, `does not mark ${scheme} as critical`],
    ['no expiry although it has one', { [expiry]: hence(1) }, `does not mark ${expiry} as critical`],
  ])('is refused when it marks %s as critical', async (_, header, why) => {
    expect(reasonOf(await scene.lookAt(strict, format, { header }))).toContain(why);
  });

  it.each([
    ['of an unknown scheme', { [scheme]: 'notary.x509.other' }, 'signing scheme is not known'],
    ['without a signing time', { [signingTime]: undefined }, 'has no valid io.cncf.notary.signingTime'],
    ['with a signing time of the wrong form', { [signingTime]: 'yesterday' }, 'has no valid io.cncf.notary.signingTime'],
    ['with the time of another scheme', { [authenticSigningTime]: new Date() }, 'which is not for its signing scheme'],
    ['that expired before it was made', { crit: [scheme, expiry], [expiry]: hence(-1) }, 'expired before it was made'],
    ['that needs a plugin', { 'io.cncf.notary.verificationPlugin': 'x' }, 'by a plugin only'],
    ['with another content type', { cty: 'text/plain' }, 'not of the type'],
    ['without a content type', { cty: undefined }, 'not of the type'],
  ])('is refused %s', async (_, header, why) => {
    expect(reasonOf(await scene.lookAt(strict, format, { header }))).toContain(why);
  });

  it.each(['none', 'HS256', 'RS256', 'ES384', 'PS256', 'EdDSA'])('is refused with the algorithm %s, by a P-256 key', async (alg) => {
    expect(reasonOf(await scene.lookAt(strict, format, { header: { alg } }))).toContain('algorithm');
  });

  it('is refused when the signature is left out', async () => {
    expect(reasonOf(await scene.lookAt(strict, format, { header: { alg: 'none' }, signWith: () => Buffer.alloc(0) }))).toContain('SIGNATURE_INVALID');
    expect(reasonOf(await scene.lookAt(strict, format, { signWith: () => Buffer.alloc(0) }))).toContain('holds no signature');
  });

  it('is refused when an HMAC with the public key stands for it', async () => {
    const header = { alg: 'HS256' };
    expect(reasonOf(await scene.lookAt(strict, format, { header, signWith: (signed) => createHash('sha256').update(signed).digest() }))).toContain('algorithm');
  });

  it('is refused when another key signed it', async () => {
    const other = await issue({ issuer: scene.root });
    expect(reasonOf(await scene.lookAt(strict, format, { signWith: (signed) => signAs(other, signed) }))).toContain('does not fit what is signed');
  });

  it('is refused when any byte of its signature or payload is flipped', async () => {
    const finds = await scene.lookAt(strict, format, {
      signWith: (signed) => {
        const signature = signAs(scene.leaf, signed);
        signature[5] = (signature[5] ?? 0) ^ 1;
        return signature;
      },
    });
    expect(reasonOf(finds)).toContain('does not fit what is signed');
  });

  it('expires', async () => {
    const header = { crit: [scheme, expiry], [signingTime]: hence(-2), [expiry]: hence(-1) };
    expect(reasonOf(await scene.lookAt(strict, format, { header }))).toContain('it expired at');
    expect(isTrusted(await scene.lookAt(strict, format, { header: { ...header, [expiry]: hence(1) } }))).toBe(true);
  });

  it('is refused when its payload is no JSON, or names nothing', async () => {
    expect(reasonOf(await scene.lookAt(strict, format, { payload: Buffer.from('no') }))).toContain('can not be verified');
    expect(reasonOf(await scene.lookAt(strict, format, { payload: Buffer.from('{}') }))).toContain('about another image');
    expect(reasonOf(await scene.lookAt(strict, format, { payload: Buffer.alloc(0) }))).toContain('no payload');
  });

  it('is refused without certificates, with too many, and with something else in their place', async () => {
    expect(reasonOf(await scene.lookAt(strict, format, { chain: [] }))).toContain('1 to 10 certificates');
    expect(reasonOf(await scene.lookAt(strict, format, { chain: Array.from({ length: 11 }, () => scene.root.der) }))).toContain('1 to 10 certificates');
    expect(reasonOf(await scene.lookAt(strict, format, { chain: [Buffer.alloc(20_000), scene.root.der] }))).toContain('longer than 16384 bytes');
    expect(reasonOf(await scene.lookAt(strict, format, { chain: [Buffer.from('x'), scene.root.der] }))).toContain('can not be verified');
    expect(reasonOf(await scene.lookAt(strict, format, { chain: [Buffer.from(pemOf(scene.leaf)), scene.root.der] }))).toContain('can not be verified');
  });

  it('never crashes the reader, whatever bytes come as an envelope', () => {
    const deep = format === jws ? Buffer.from('['.repeat(100_000)) : Buffer.alloc(100_000, 0x81);
    expect(decodeEnvelope(format, deep).ok).toBe(false);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(decodeEnvelope(format, bytes).ok).toBe(false);
      }),
    );
  });

  it('is refused or unchanged, whichever of its bytes is changed', async () => {
    const image = await scene.publish();
    const envelope = await envelopeOf(format, scene.leaf, image.descriptor);
    const place = fc.nat({ max: envelope.length - 1 });
    await fc.assert(
      fc.asyncProperty(place, fc.integer({ min: 1, max: 255 }), async (at, mask) => {
        const changed = Buffer.from(envelope);
        changed[at] = (changed[at] ?? 0) ^ mask;
        const decoded = decodeEnvelope(format, changed);
        if (!decoded.ok) return;
        const before = decodeEnvelope(format, envelope);
        if (!before.ok) throw new Error('the original is good');
        const sameBytes = decoded.value.payload.equals(before.value.payload) && decoded.value.signature.equals(before.value.signature);
        const verified = await decoded.value.verify(createPublicKey(scene.leaf.key)).catch(() => false);
        expect(verified && !sameBytes).toBe(false);
      }),
      { numRuns: 60 },
    );
  });
});

describe('an envelope in another form', () => {
  const made = async (format: typeof jws | typeof cose, header: Readonly<Record<string, unknown>> = {}): Promise<Buffer> =>
    envelopeOf(format, scene.leaf, {}, { header });
  const reads = (format: typeof jws | typeof cose, bytes: Buffer): boolean => decodeEnvelope(format, bytes).ok;

  it('is refused as JWS in compact or general form, with another alphabet, and with a payload that is not encoded', async () => {
    const text = (await made(jws)).toString();
    const { payload, protected: header, signature, header: loose } = JSON.parse(text);
    expect(reads(jws, Buffer.from(text))).toBe(true);
    expect(reads(jws, Buffer.from(`${header}.${payload}.${signature}`))).toBe(false);
    expect(reads(jws, Buffer.from(JSON.stringify({ payload, signatures: [{ protected: header, header: loose, signature }] })))).toBe(false);
    for (const changed of [`${signature}=`, `${signature} `, `.${signature}`, `+${signature.slice(1)}`, null]) {
      expect(reads(jws, Buffer.from(JSON.stringify({ payload, protected: header, signature: changed, header: loose })))).toBe(false);
    }
    const chain = [`${loose.x5c[0].slice(0, 64)}\n${loose.x5c[0].slice(64)}`];
    expect(reads(jws, Buffer.from(JSON.stringify({ payload, protected: header, signature, header: { x5c: chain } })))).toBe(false);
    expect(reads(jws, await made(jws, { b64: false }))).toBe(false);
  });

  it('is refused as COSE without its tag, with another, with a time without or under another tag, and with a header twice', async () => {
    const bytes = await made(cose, { xa: 1, xb: 1 });
    expect(reads(cose, bytes)).toBe(true);
    expect(reads(cose, bytes.subarray(1))).toBe(false);
    for (const tag of [0xc1, 0xd1]) expect(reads(cose, Buffer.concat([Buffer.from([tag]), bytes.subarray(1)]))).toBe(false);
    expect(reads(cose, Buffer.concat([bytes, Buffer.from([0])]))).toBe(false);
    expect(reads(cose, await made(cose, { [signingTime]: 1_790_000_000 }))).toBe(false);
    expect(reads(cose, await made(cose, { [signingTime]: new Tagged(18, 1_790_000_000) }))).toBe(false);
    expect(reads(cose, Buffer.from(bytes.toString('latin1').replace('bxb', 'bxa'), 'latin1'))).toBe(false);
  });
});

describe('the chain of certificates', () => {
  const lookBy = async (options: IssueOptions): Promise<Finds> => scene.lookAt(strict, jws, { leaf: await issue({ issuer: scene.root, ...options }) });

  it.each<[string, IssueOptions, string]>([
    ['of an authority', { basic: { ca: true } }, 'is that of a certificate authority'],
    ['without key usage', { usage: null }, 'has no critical key usage'],
    ['whose key usage is not critical', { usage: { flags: uses.digitalSignature, critical: false } }, 'has no critical key usage'],
    ['that is not for signatures', { usage: { flags: uses.nonRepudiation } }, 'is not for digital signatures'],
    ['that may sign certificates too', { usage: { flags: uses.digitalSignature | uses.keyCertSign } }, 'is for keyCertSign too'],
    ['that may encipher too', { usage: { flags: uses.digitalSignature | uses.keyEncipherment } }, 'is for keyEncipherment too'],
    ['that may only decipher too', { usage: { flags: uses.digitalSignature | uses.decipherOnly } }, 'is for decipherOnly too'],
    ['of a server', { extended: { purposes: ['1.3.6.1.5.5.7.3.1'] } }, 'is for another purpose'],
    ['of a client', { extended: { purposes: [codeSigning, '1.3.6.1.5.5.7.3.2'] } }, 'is for another purpose'],
    ['for mail', { extended: { purposes: ['1.3.6.1.5.5.7.3.4'] } }, 'is for another purpose'],
    ['for time stamping', { extended: { purposes: [timeStamping] } }, 'is for another purpose'],
    ['for any purpose', { extended: { purposes: ['2.5.29.37.0'] } }, 'is for another purpose'],
    ['signed with SHA-1', { hash: 'SHA-1' }, 'is signed with an algorithm that is not believed'],
    ['that has expired', { notAfter: hence(-0.5) }, 'not valid now'],
    ['that is not valid yet', { notBefore: hence(1) }, 'not valid now'],
  ])('is refused with a signing certificate %s', async (_, options, why) => {
    expect(reasonOf(await lookBy(options))).toContain(why);
  });

  it('may say that it is for signing code', async () => {
    expect(isTrusted(await lookBy({ extended: { purposes: [codeSigning] }, basic: { ca: false } }))).toBe(true);
  });

  it.each<[string, IssueOptions, string]>([
    ['that is no authority', { basic: { ca: false } }, 'is not that of a certificate authority'],
    ['whose basic constraints are not critical', { basic: { ca: true, critical: false } }, 'is not that of a certificate authority'],
    ['without basic constraints', { basic: null }, 'is not that of a certificate authority'],
    ['that may not sign certificates', { usage: { flags: uses.cRLSign } }, 'is not for signing certificates'],
    ['without key usage', { usage: null }, 'has no critical key usage'],
    ['that has expired', { notAfter: hence(-0.5) }, 'not valid now'],
  ])('is refused with an intermediate certificate %s', async (_, options, why) => {
    const middle = await issue({
      subject: 'CN=Middle, O=Partner, ST=WA, C=US',
      issuer: scene.root,
      basic: { ca: true },
      usage: { flags: uses.keyCertSign },
      ...options,
    });
    expect(reasonOf(await scene.lookAt(strict, jws, { leaf: await issue({ issuer: middle }) }))).toContain(why);
  });

  it('is as long as the path length allows', async () => {
    const root = await issueRoot(undefined, { basic: { ca: true, pathLength: 0 } });
    const middle = await issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer: root, basic: { ca: true }, usage: { flags: uses.keyCertSign } });
    const signer = await trusting(client, root);
    expect(isTrusted(await scene.lookAt(signer, jws, { leaf: await issue({ issuer: root }) }))).toBe(true);
    expect(reasonOf(await scene.lookAt(signer, jws, { leaf: await issue({ issuer: middle }) }))).toContain('path length');
  });

  it('may be trusted by an intermediate certificate that is in the store', async () => {
    const middle = await issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer: scene.root, basic: { ca: true }, usage: { flags: uses.keyCertSign } });
    const signer = await trusting(client, middle);
    expect(isTrusted(await scene.lookAt(signer, jws, { leaf: await issue({ issuer: middle }) }))).toBe(true);
    expect(reasonOf(await scene.lookAt(signer, jws))).toContain('none of its certificates is in the trust store');
  });

  it('may be one certificate that signs itself', async () => {
    const alone = await issue();
    expect(isTrusted(await scene.lookAt(await trusting(client, alone), jws, { leaf: alone }))).toBe(true);
    expect(reasonOf(await scene.lookAt(await trusting(client, scene.root), jws, { leaf: scene.root }))).toContain('is that of a certificate authority');
  });
});

describe('identities', () => {
  const asks = async (identities: readonly string[], subject?: string): Promise<Finds> =>
    scene.lookAt(await trusting(client, scene.root, { identities }), cose, {
      leaf: await issue({ issuer: scene.root, ...(subject === undefined ? {} : { subject }) }),
    });

  it.each([[identity], ['x509.subject:O=Partner,S=WA,C=US'], ['x509.subject: c=US, st=WA, o=Partner, CN=Signer']])(
    'are a part of the subject: %s',
    async (asked) => {
      expect(isTrusted(await asks(['x509.subject: C=DE, ST=BY, O=Else', asked]))).toBe(true);
    },
  );

  it.each([
    ['x509.subject: C=US, ST=WA, O=partner'],
    ['x509.subject: C=US, ST=WA, O=Partner, OU=Release'],
    ['x509.subject: C=US, ST=WA, O=Part'],
    ['x509.subject: C=US, ST=WA, O=Partner, CN=Sign'],
  ])('that ask for something else refuse: %s', async (asked) => {
    expect(reasonOf(await asks([asked]))).toContain('SIGNER_MISMATCH: it is by C=US,ST=WA,L=Seattle,O=Partner,CN=Signer, which is none of the identities');
  });

  it.each([
    ['an attribute twice', 'O=Partner, O=Other, ST=WA, C=US'],
    ['an attribute twice, the right one last', 'O=Other, O=Partner, ST=WA, C=US'],
    ['an attribute that is not known', 'O=Partner, ST=WA, C=US, 1.2.3.4=#0c0178'],
    ['an attribute too few', 'O=Partner, C=US'],
    ['several attributes in one place', 'O=Partner+CN=x, ST=WA, C=US'],
  ])('never match a subject with %s', async (_, subject) => {
    expect(reasonOf(await asks([identity], subject))).toContain('which is none of the identities');
  });

  it('are compared after unescaping, so that a comma in a value is no end of it', async () => {
    const subject = 'CN=Signer, O=Partner\\, O\\=Evil, ST=WA, C=US';
    expect(isTrusted(await asks(['x509.subject: C=US, ST=WA, O=Partner\\, O\\=Evil'], subject))).toBe(true);
    expect(reasonOf(await asks([identity], subject))).toContain('none of the identities');
  });
});

describe('what is revoked', () => {
  it('beats a signature by digest, by key of any certificate of the chain, and by identity', async () => {
    const keyId = createHash('sha256').update(Buffer.from(scene.root.certificate.publicKey.rawData)).digest('hex');
    const byKey = await trusting(client, scene.root, {}, { revoked: { keys: [keyId] } });
    expect(reasonOf(await scene.lookAt(byKey, jws))).toContain('a key that is revoked');
    const byIdentity = await trusting(client, scene.root, {}, { revoked: { identities: ['C=US,ST=WA,L=Seattle,O=Partner,CN=Signer'] } });
    expect(reasonOf(await scene.lookAt(byIdentity, jws))).toContain('its identity is revoked');
    const image = await scene.publish();
    const byDigest = await trusting(client, scene.root, {}, { revoked: { digests: [image.digest] } });
    expect(reasonOf(await lookWith(byDigest, subjectIn(image)))).toContain('this digest is revoked');
  });
});

describe('what is attached', () => {
  it('is found under either way of naming its type, and beside other things', async () => {
    const image = await scene.publish();
    const config = await pushBlob(image.place, Buffer.from('{}'), 'application/vnd.oci.empty.v1+json');
    const envelope = await envelopeOf(jws, scene.leaf, image.descriptor);
    await pushSignature(image.place, image.descriptor, Buffer.from('{}'), 'application/json', { artifactType: 'application/vnd.example' });
    await pushSignature(image.place, image.descriptor, envelope, jws, { artifactType: notaryType, config });
    expect(isTrusted(await lookWith(strict, subjectIn(image)))).toBe(true);
  });

  it('is no signature of another type, whatever the layer says', async () => {
    const image = await scene.publish();
    await pushSignature(image.place, image.descriptor, await envelopeOf(jws, scene.leaf, image.descriptor), jws, { artifactType: 'application/vnd.example' });
    expect(await lookWith(strict, subjectIn(image))).toEqual({ signatures: [], attestations: [], scans: [], rejected: [], faults: [] });
  });

  it('is refused with another configuration, with two layers, with none, and with a layer of another type', async () => {
    const other = await pushBlob((await scene.publish()).place, Buffer.from('{}'), 'application/vnd.oci.image.config.v1+json');
    expect(reasonOf(await scene.lookAt(strict, jws, { manifest: { artifactType: notaryType, config: other } }))).toContain(
      'a configuration that no signature has',
    );
    expect(reasonOf(await scene.lookAt(strict, jws, { manifest: { layers: [] } }))).toContain('exactly one layer');
    expect(reasonOf(await scene.lookAt(strict, jws, { manifest: { layers: [other, other] } }))).toContain('exactly one layer');
    expect(reasonOf(await scene.lookAt(strict, jws, { manifest: { layers: [other] } }))).toContain('its layer is neither');
  });

  it('does not count for a referrer whose manifest has another subject', async () => {
    const [image, other] = [await scene.publish(), await scene.publish()];
    const envelope = await envelopeOf(jws, scene.leaf, image.descriptor);
    const pushed = await pushSignature(other.place, other.descriptor, envelope, jws);
    registry.addToFallbackTag('acme/web', image.digest, pushed);
    expect((await lookWith(strict, subjectIn(image))).signatures).toEqual([]);
  });

  it('is looked at up to a number of attempts, and the rest is a fault', async () => {
    const image = await scene.publish();
    const junk = await issue({ issuer: await issueRoot() });
    for (let i = 0; i < 51; i += 1) await pushSignature(image.place, image.descriptor, await envelopeOf(cose, junk, { ...image.descriptor, i }), cose);
    const finds = await lookWith(strict, subjectIn(image));
    expect(finds.rejected).toHaveLength(50);
    expect(finds.faults).toMatchObject([{ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('more than 50 Notary Project signatures') }]);
  });

  it('is left out when it is too long, with a fault', async () => {
    const image = await scene.publish();
    await pushSignature(image.place, image.descriptor, Buffer.alloc(128 * 1024 + 1), jws);
    expect(await lookWith(strict, subjectIn(image))).toMatchObject({ rejected: [], faults: [{ code: 'LIMIT_EXCEEDED' }] });
  });

  it('counts beside one that does not, and once although it lies in two repositories', async () => {
    const image = await scene.publish();
    const copy = await scene.publish({ repository: 'acme/copy', content: 'the same' });
    const original = await scene.publish({ content: 'the same' });
    expect(copy.digest).toBe(original.digest);
    const envelope = await envelopeOf(jws, scene.leaf, original.descriptor);
    for (const { place, descriptor } of [copy, original]) await pushSignature(place, descriptor, envelope, jws);
    const places = [copy, original].map(({ place }) => ({ registry: registry.host, repository: place.repository }));
    expect((await lookWith(strict, subjectIn(original, { repositories: places }))).signatures).toHaveLength(1);
    await pushSignature(image.place, image.descriptor, Buffer.from('{}'), jws);
    await pushSignature(image.place, image.descriptor, await envelopeOf(jws, scene.leaf, image.descriptor), jws);
    expect(await lookWith(strict, subjectIn(image))).toMatchObject({ signatures: [{ signer: 'partner' }], rejected: [{ code: 'SIGNATURE_INVALID' }] });
  });

  it('can not be looked at while the registry fails, and that is never "found none"', async () => {
    const image = await scene.publish();
    const undo = registry.inject({ match: '/v2/', does: { kind: 'status', status: 503 } });
    const fresh = await trusting(openRegistry(registry.host), scene.root);
    expect(await fresh.look(subjectIn(image), patience())).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
    undo();
    expect(await lookWith(fresh, subjectIn(image))).toMatchObject({ faults: [] });
  });

  it('of an index covers the index', async () => {
    const image = await scene.publish({ platforms: ['linux/amd64', 'linux/arm64'] });
    await pushSignature(image.place, image.descriptor, await envelopeOf(cose, scene.leaf, image.descriptor), cose);
    expect((await lookWith(strict, subjectIn(image))).signatures).toMatchObject([{ subject: 'index' }]);
  });

  it('holds no attestations', async () => {
    const image = await scene.publish();
    expect(await strict.attestations(subjectIn(image), image.digest, patience())).toMatchObject({ ok: true, value: { attestations: [], signatures: [] } });
  });
});

it('reads a payload with more beside the artifact', async () => {
  const image = await scene.publish();
  const payload = Buffer.from(JSON.stringify({ ...JSON.parse(payloadOf(image.descriptor).toString()), more: true }));
  await pushSignature(image.place, image.descriptor, await envelopeOf(jws, scene.leaf, image.descriptor, { payload }), jws);
  expect(isTrusted(await lookWith(strict, subjectIn(image)))).toBe(true);
});
