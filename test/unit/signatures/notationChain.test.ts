import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../../src/signatures/notation/certificate.ts';
import { findChainFault } from '../../../src/signatures/notation/chain.ts';
import { crlAt, type Issued, type IssueOptions, issue, issueRoot, pemOf, uses } from '../../fakes/notation/authority.ts';

const faultOf = (...chain: readonly Issued[]): string | null =>
  findChainFault(
    chain.map(({ der }) => readCertificate(der)),
    'codeSigning',
  );
const middleOf = (issuer: Issued, more: IssueOptions = {}): Promise<Issued> =>
  issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer, basic: { ca: true }, usage: { flags: uses.keyCertSign }, ...more });

describe('a chain', () => {
  it('is in order from the leaf to its root', async () => {
    const root = await issueRoot();
    const middle = await middleOf(root);
    const leaf = await issue({ issuer: middle });
    expect(faultOf(leaf, middle, root)).toBeNull();
    expect(faultOf()).toBe('it has no certificate');
    expect(faultOf(leaf, root)).toBe('the signing certificate is not issued by the next one of the chain');
    expect(faultOf(leaf, middle)).toBe('the root certificate is not signed by itself: the chain does not end in a root');
    expect(faultOf(leaf, root, middle)).toContain('the signing certificate is not issued by');
    expect(faultOf(leaf, middle, root, root)).toContain('an intermediate certificate is signed by itself');
  });

  it('is linked by names too: one key under two names is not one authority', async () => {
    const root = await issueRoot();
    const renamed = await issueRoot('CN=Other, O=Other, ST=WA, C=US', { keys: root.keys });
    const leaf = await issue({ issuer: root });
    expect(faultOf(leaf, root)).toBeNull();
    expect(faultOf(leaf, renamed)).toContain('not issued by the next one');
  });

  it('holds no certificate with a short key, and none that is not DER or has an extension twice', async () => {
    const { publicKey, privateKey } = await crypto.subtle.generateKey(
      { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]) },
      true,
      ['sign', 'verify'],
    );
    const root = await issueRoot();
    expect(faultOf(await issue({ issuer: root, keys: { publicKey, privateKey } }), root)).toContain('too short');
    expect(() => readCertificate(Buffer.from(pemOf(root)))).toThrow('not the DER form');
    expect(() => readCertificate(Buffer.concat([root.der, Buffer.from([0])]))).toThrow();
    expect(() => readCertificate(Buffer.alloc(17_000))).toThrow('too long');
    const twice = await issue({ issuer: root, extensions: [crlAt('http://a.example'), crlAt('http://b.example')] });
    expect(() => readCertificate(twice.der)).toThrow('an extension twice');
  });
});
