import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/domain/fault.ts';
import { type Signer, signerKinds } from '../../../src/signatures/index.ts';
import { hasIdentity, parseIdentity, readSubject } from '../../../src/signatures/notation/subject.ts';
import { constrainNames, type Issued, issue, issueRoot, pemOf, unknownExtension } from '../../fakes/notation/authority.ts';
import { createNotation, identity, type NotationOptions } from './notationSupport.ts';
import { openRegistry } from './support.ts';

let root: Issued;
let leaf: Issued;
beforeAll(async () => {
  root = await issueRoot();
  leaf = await issue({ issuer: root });
});

const entry = { trustStoreFile: 'ca.pem', identities: [identity] };
const make = (more: object, options: NotationOptions = {}): Promise<Outcome<Signer>> =>
  createNotation(openRegistry(), { ...entry, ...more }, { ...options, files: { 'ca.pem': pemOf(root), ...options.files } });
const faultOf = async (more: object, files: Readonly<Record<string, string>> = {}): Promise<string> => {
  const made = await make(more, { files });
  return made.ok ? 'good' : `${made.fault.code}: ${made.fault.message}`;
};
const trustOf = async (more: object, options: NotationOptions = {}): Promise<string> => {
  const made = await make(more, options);
  if (!made.ok) throw new Error(made.fault.message);
  return made.value.trust;
};

describe('the settings', () => {
  const parse = (more: object) => signerKinds.notation.settings.safeParse({ name: 'partner', images: ['**'], kind: 'notation', ...entry, ...more });

  it('are strict by default', () => {
    expect(parse({}).data).toMatchObject({ level: 'strict', trustStoreType: 'ca', verifyTimestamp: 'always' });
  });

  it.each<[string, object]>([
    ['an unknown key', { keyFile: 'x' }],
    ['an unknown level', { level: 'lax' }],
    ['no trust store', { trustStoreFile: undefined }],
    ['no identities', { identities: undefined }],
    ['an empty list of identities', { identities: [] }],
    ['* beside an identity', { identities: ['*', identity] }],
    ['an unknown type of store', { trustStoreType: 'tsa' }],
    ['an address as the host of a responder', { revocationHosts: ['http://ocsp.example'] }],
    ['a path there', { revocationHosts: ['ocsp.example/x'] }],
    ['every host there', { revocationHosts: ['*'] }],
    ['a user there', { revocationHosts: ['a@ocsp.example'] }],
  ])('refuse %s', (_, more) => {
    expect(parse(more).success).toBe(false);
  });

  it('take hosts of responders as registries are named', () => {
    expect(parse({ revocationHosts: ['ocsp.example', 'crl.example:8080', '*.pki.example', '[::1]:80', '10.0.0.1'] }).success).toBe(true);
  });

  it('need neither store nor identities to skip', () => {
    expect(parse({ level: 'skip', trustStoreFile: undefined, identities: undefined }).success).toBe(true);
  });
});

describe('the trust store', () => {
  it('is refused when it is missing, empty, no PEM, holds a key, or a certificate of nobody who may vouch', async () => {
    expect(await faultOf({ trustStoreFile: 'none.pem' })).toContain('there is no file none.pem');
    for (const content of ['', 'hello', pemOf(root).replace('CERTIFICATE', 'CERT'), `${pemOf(root)}-----BEGIN CERTIFICATE-----\nAAAA`]) {
      expect(await faultOf({}, { 'ca.pem': content })).toContain('CONFIG_INVALID: the trust store does not hold');
    }
    expect(await faultOf({}, { 'ca.pem': pemOf(root) + root.privatePem })).toContain('holds a private key');
    expect(await faultOf({}, { 'ca.pem': pemOf(root, leaf) })).toBe(
      'CONFIG_INVALID: certificate 2 of the trust store is neither that of an authority nor signed by itself',
    );
    expect(await faultOf({}, { 'ca.pem': '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n' })).toContain(
      'certificate 1 of the trust store can not be read',
    );
  });

  it('is refused with an authority under which nothing could count', async () => {
    const demanding = await issueRoot(undefined, { extensions: [unknownExtension('1.2.3.4', true)] });
    expect(await faultOf({}, { 'ca.pem': pemOf(root, demanding) })).toBe(
      'CONFIG_INVALID: certificate 2 of the trust store has a critical extension that is not processed here (1.2.3.4): no signature under it could count',
    );
    const constrained = await issueRoot(undefined, { extensions: [constrainNames(true)] });
    expect(await faultOf({ tsaTrustStoreFile: 'tsa.pem' }, { 'tsa.pem': pemOf(constrained) })).toContain(
      'certificate 1 of the trust store has name constraints',
    );
  });

  it('of timestamp authorities holds roots only', async () => {
    const middle = await issue({ subject: 'CN=Middle, O=Time', issuer: root, basic: { ca: true } });
    expect(await faultOf({ tsaTrustStoreFile: 'tsa.pem' }, { 'tsa.pem': pemOf(middle) })).toContain('is no root');
    expect(await faultOf({ tsaTrustStoreFile: 'tsa.pem' }, { 'tsa.pem': pemOf(root) })).toBe('good');
  });
});

describe('an identity', () => {
  it.each([
    'C=US, ST=WA, O=Partner',
    'x509.subject: C=US, O=Partner',
    'x509.subject: C=US, ST=WA, O=Partner, O=Other',
    'x509.subject: C=US, ST=WA, O=Partner+CN=x',
    'x509.subject: C=US, ST=WA, O=#0c0178',
    'x509.subject: C=US, ST=WA, O=',
    'x509.subject: C=US, ST=WA, O=Partner, DC=example',
    'x509.subject:',
    'x509.subject: C=US, ST=WA, O="Partner"',
    'x509.subject: C=US, ST=WA, O=\\ff',
    'x509.subject: C=US;ST=WA;O=Partner',
  ])('is refused as %s', (written) => {
    expect(parseIdentity(written)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it.each([
    ['O=A\\, B', 'A, B'],
    ['O=A\\2c B', 'A, B'],
    ['O=\\C3\\BC', 'ü'],
    ['O=ü', 'ü'],
    ['O=  Partner  ', 'Partner'],
    ['O=Partner\\ ', 'Partner '],
    ['O=A\\\\', 'A\\'],
    ['O=a%41', 'a%41'],
  ])('reads %s as RFC 4514 does', (written, value) => {
    const parsed = parseIdentity(`x509.subject: C=US, ST=WA, ${written}`);
    expect(parsed.ok ? parsed.value.get('O') : parsed.fault.message).toBe(value);
  });

  it('matches what a certificate with its very values says, whatever they are', async () => {
    const value = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' }).filter((each) => each.trim() === each);
    await fc.assert(
      fc.asyncProperty(value, async (organisation) => {
        const escaped = organisation.replace(/[\\",+;<>=#]/g, (character) => `\\${character}`);
        const parsed = parseIdentity(`x509.subject: C=US, ST=WA, O=${escaped}`);
        if (!parsed.ok) throw new Error(parsed.fault.message);
        expect(parsed.value.get('O')).toBe(organisation);
      }),
    );
    const parsed = parseIdentity(identity);
    expect(parsed.ok && hasIdentity(readSubject(Buffer.from(leaf.certificate.subjectName.toArrayBuffer())), parsed.value)).toBe(true);
  });
});

describe('the hash of trust', () => {
  it('covers store, identities, level, timestamps, revocation and what is revoked', async () => {
    const other = await issueRoot();
    const all = await Promise.all([
      trustOf({}),
      trustOf({}, { files: { 'ca.pem': pemOf(other) } }),
      trustOf({}, { files: { 'ca.pem': pemOf(root, other) } }),
      trustOf({ identities: ['*'] }),
      trustOf({ identities: [identity, 'x509.subject: C=DE, ST=BY, O=Else'] }),
      trustOf({ level: 'audit' }),
      trustOf({ level: 'permissive' }),
      trustOf({ level: 'skip' }),
      trustOf({ trustStoreType: 'signingAuthority' }),
      trustOf({ tsaTrustStoreFile: 'ca.pem' }),
      trustOf({ tsaTrustStoreFile: 'ca.pem', verifyTimestamp: 'afterCertExpiry' }),
      trustOf({ revocation: 'log' }),
      trustOf({ revocationHosts: ['ocsp.example'] }),
      trustOf({}, { revoked: { keys: ['a'.repeat(64)] } }),
      trustOf({}, { revoked: { digests: [`sha256:${'a'.repeat(64)}`] } }),
      trustOf({}, { revoked: { identities: ['O=Partner'] } }),
    ]);
    expect(new Set(all).size).toBe(all.length);
    expect(await trustOf({})).toBe(all[0]);
    expect(await trustOf({}, { files: { 'ca.pem': pemOf(other, root) } })).toBe(all[2]);
  });
});
