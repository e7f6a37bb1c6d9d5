import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { CompactSign } from 'jose';
import { describe, expect, it } from 'vitest';
import { type BundleVerification, readSigningKey, readVerificationKey, signBundle, verifyBundle } from '../../../src/policy/bundleSignature.ts';

const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const now = Date.parse('2026-11-25T00:00:00Z');
const trusting = (key: KeyObject, more: Partial<BundleVerification> = {}): BundleVerification => ({ key, keyId: null, scope: '', ...more });
const files = (): Map<string, Buffer> =>
  new Map([
    ['policy.wasm', Buffer.from([0, 1, 2])],
    ['data.json', Buffer.from('{ "b": [1.0, 1e2],\n "a": "\u2028é" }')],
    ['tidewaiter.json', Buffer.from('{}')],
  ]);

async function signed(more: { keyId?: string; scope?: string; key?: KeyObject } = {}): Promise<Map<string, Buffer>> {
  const bundle = files();
  const { key = ec.privateKey, keyId = null, scope = '' } = more;
  bundle.set('.signatures.json', await signBundle(bundle, { key, keyId, scope, now }));
  return bundle;
}

/** A signature over a payload and header of the test's choice. */
async function handmade(payload: unknown, header: { alg: string; kid?: string } = { alg: 'ES256' }, key: KeyObject = ec.privateKey): Promise<Buffer> {
  const token = await new CompactSign(Buffer.from(JSON.stringify(payload))).setProtectedHeader(header).sign(key);
  return Buffer.from(JSON.stringify({ signatures: [token] }));
}

async function payloadOf(bundle: ReadonlyMap<string, Buffer>): Promise<{ files: { name: string; hash: string; algorithm: string }[] }> {
  const { signatures } = JSON.parse(String(bundle.get('.signatures.json'))) as { signatures: string[] };
  return JSON.parse(Buffer.from(signatures[0]?.split('.')[1] ?? '', 'base64url').toString()) as { files: { name: string; hash: string; algorithm: string }[] };
}

describe('a signed bundle is taken', () => {
  it.each([
    ['an EC key', ec],
    ['an RSA key', rsa],
  ])('by %s, with the time of its signature', async (_name, { privateKey, publicKey }) => {
    expect(await verifyBundle(await signed({ key: privateKey }), trusting(publicKey))).toEqual({ ok: true, value: now });
  });

  it('with the key id and the scope that are asked for', async () => {
    expect((await verifyBundle(await signed({ keyId: 'k1', scope: 'prod' }), trusting(ec.publicKey, { keyId: 'k1', scope: 'prod' }))).ok).toBe(true);
  });

  it('whatever spaces its data have: they are not what is signed', async () => {
    const bundle = await signed();
    bundle.set('data.json', Buffer.from('{"a":"\\u2028é","b":[1.0,1e2]}'));
    expect((await verifyBundle(bundle, trusting(ec.publicKey))).ok).toBe(true);
  });
});

type Change = (bundle: Map<string, Buffer>) => unknown;

const refused: readonly (readonly [string, Change, RegExp])[] = [
  ['without a signature', (bundle) => bundle.delete('.signatures.json'), /it is not signed/],
  ['with changed Wasm', (bundle) => bundle.set('policy.wasm', Buffer.from([0, 1, 3])), /policy\.wasm was changed/],
  ['with changed data', (bundle) => bundle.set('data.json', Buffer.from('{"b":[1.0,1e2],"a":"x"}')), /data\.json was changed/],
  [
    'with a number of the same value, written otherwise',
    (bundle) => bundle.set('data.json', Buffer.from('{"b":[1,1e2],"a":"\u2028é"}')),
    /data\.json was changed/,
  ],
  ['with data that are no JSON', (bundle) => bundle.set('data.json', Buffer.from('{')), /data\.json was changed/],
  ['with data nested without end', (bundle) => bundle.set('data.json', Buffer.from('['.repeat(100_000))), /data\.json was changed/],
  ['with a file that is not listed', (bundle) => bundle.set('more.rego', Buffer.from('package policies.more')), /more\.rego is not covered/],
  ['without a file that is listed', (bundle) => bundle.delete('policy.wasm'), /policy\.wasm, which its signature lists, is missing/],
  ['with two signatures', (bundle) => bundle.set('.signatures.json', Buffer.from('{"signatures":["a","b"]}')), /exactly one signature/],
  ['with none in its list', (bundle) => bundle.set('.signatures.json', Buffer.from('{"signatures":[]}')), /exactly one signature/],
  [
    'with a verifier of its own choice',
    (bundle) => bundle.set('.signatures.json', Buffer.from('{"signatures":["a"],"plugin":"mine"}')),
    /exactly one signature/,
  ],
  ['with a signature that is no JSON', (bundle) => bundle.set('.signatures.json', Buffer.from('nonsense')), /exactly one signature/],
  ['with a token that is none', (bundle) => bundle.set('.signatures.json', Buffer.from('{"signatures":["nonsense"]}')), /not by the configured key/],
  [
    'with a token that nobody signed (alg none)',
    (bundle) => {
      const { signatures } = JSON.parse(String(bundle.get('.signatures.json'))) as { signatures: string[] };
      const header = Buffer.from('{"alg":"none"}').toString('base64url');
      bundle.set('.signatures.json', Buffer.from(JSON.stringify({ signatures: [`${header}.${signatures[0]?.split('.')[1]}.`] })));
    },
    /not by the configured key/,
  ],
  ['signed with the public key as a secret (HS256)', async (bundle) => bundle.set('.signatures.json', await hmac(bundle)), /not by the configured key/],
  ['whose signature is of something else', async (bundle) => bundle.set('.signatures.json', await handmade({ hello: 1 })), /not what OPA signs/],
  ['that lists a file twice', async (bundle) => bundle.set('.signatures.json', await handmade(await twice(bundle))), /lists policy\.wasm twice/],
  ['with hashes that are weak', async (bundle) => bundle.set('.signatures.json', await handmade(await weak(bundle))), /uses the hash SHA-1/],
];

async function hmac(bundle: ReadonlyMap<string, Buffer>): Promise<Buffer> {
  const secret = Buffer.from(ec.publicKey.export({ type: 'spki', format: 'pem' }));
  const token = await new CompactSign(Buffer.from(JSON.stringify(await payloadOf(bundle)))).setProtectedHeader({ alg: 'HS256' }).sign(secret);
  return Buffer.from(JSON.stringify({ signatures: [token] }));
}

async function twice(bundle: ReadonlyMap<string, Buffer>): Promise<unknown> {
  const { files: listed } = await payloadOf(bundle);
  return { files: [...listed, ...listed.map((file) => ({ ...file, name: `/${file.name}` }))] };
}

async function weak(bundle: ReadonlyMap<string, Buffer>): Promise<unknown> {
  const { files: listed } = await payloadOf(bundle);
  return { files: listed.map((file) => ({ ...file, algorithm: 'SHA-1' })) };
}

describe('a bundle is refused', () => {
  it.each(refused)('%s', async (_name, change, why) => {
    const bundle = await signed();
    await change(bundle);
    const verified = await verifyBundle(bundle, trusting(ec.publicKey));
    expect(verified).toMatchObject({ ok: false, fault: { code: 'SIGNATURE_INVALID', message: expect.stringMatching(why) } });
  });

  it.each<[string, Parameters<typeof signed>[0], BundleVerification, RegExp]>([
    ['signed by another key', {}, trusting(other.publicKey), /not by the configured key/],
    ['signed by a key of another kind', {}, trusting(rsa.publicKey), /not by the configured key/],
    ['that names another key', { keyId: 'k2' }, trusting(ec.publicKey, { keyId: 'k1' }), /does not name the key k1/],
    ['that names no key where one is asked for', {}, trusting(ec.publicKey, { keyId: 'k1' }), /does not name the key k1/],
    ['for another scope', { scope: 'test' }, trusting(ec.publicKey, { scope: 'prod' }), /for the scope test/],
    ['for no scope where one is asked for', {}, trusting(ec.publicKey, { scope: 'prod' }), /for no scope/],
    ['for a scope where none is asked for', { scope: 'test' }, trusting(ec.publicKey), /for the scope test/],
  ])('%s', async (_name, how, trusted, why) => {
    expect(await verifyBundle(await signed(how), trusted)).toMatchObject({ ok: false, fault: { message: expect.stringMatching(why) } });
  });
});

describe('a key is refused', () => {
  const pem = (key: KeyObject, type: 'spki' | 'pkcs8'): string => String(key.export(type === 'spki' ? { type, format: 'pem' } : { type, format: 'pem' }));
  const small = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const edwards = generateKeyPairSync('ed25519');

  it.each([
    ['a private key to verify with', readVerificationKey, pem(ec.privateKey, 'pkcs8')],
    ['what is no key', readVerificationKey, 'nonsense'],
    ['a short RSA key', readVerificationKey, pem(small.publicKey, 'spki')],
    ['a kind of key that OPA does not know', readVerificationKey, pem(edwards.publicKey, 'spki')],
    ['a public key to sign with', readSigningKey, pem(ec.publicKey, 'spki')],
    ['a short RSA key to sign with', readSigningKey, pem(small.privateKey, 'pkcs8')],
  ])('that is %s', (_name, read, text) => {
    expect(read(text)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });
});
