import { describe, expect, it } from 'vitest';
import { readCertificate } from '../../../src/signatures/notation/certificate.ts';
import { findChainFault } from '../../../src/signatures/notation/chain.ts';
import {
  codeSigning,
  constrainNames,
  crlAt,
  type Issued,
  type IssueOptions,
  issue,
  issueRoot,
  pemOf,
  unknownExtension,
  uses,
} from '../../fakes/notation/authority.ts';

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

  describe('is refused when a certificate demands what is not honoured:', () => {
    const demand = (oid: string, critical = true): IssueOptions => ({ extensions: [unknownExtension(oid, critical)] });
    const chains: readonly [string, (more: IssueOptions) => Promise<readonly Issued[]>][] = [
      [
        'the signing certificate',
        async (more) => {
          const root = await issueRoot();
          return [await issue({ issuer: root, ...more }), root];
        },
      ],
      [
        'an intermediate certificate',
        async (more) => {
          const root = await issueRoot();
          const middle = await middleOf(root, more);
          return [await issue({ issuer: middle }), middle, root];
        },
      ],
      [
        'the root certificate',
        async (more) => {
          const root = await issueRoot(undefined, more);
          return [await issue({ issuer: root }), root];
        },
      ],
    ];

    describe.each(chains)('%s', (which, make) => {
      it('an unknown critical extension', async () => {
        expect(faultOf(...(await make(demand('1.2.3.4'))))).toBe(`${which} has a critical extension that is not processed here (1.2.3.4)`);
        expect(faultOf(...(await make(demand('1.2.3.4', false))))).toBeNull();
      });

      it.each([
        ['a policy', '2.5.29.32'],
        ['policy constraints', '2.5.29.36'],
        ['an inhibited policy', '2.5.29.54'],
        ['places of lists', '2.5.29.31'],
        ['alternative names', '2.5.29.17'],
      ])('%s, if critical', async (_name, oid) => {
        expect(faultOf(...(await make(demand(oid))))).toContain(`(${oid})`);
      });

      it('name constraints, critical or not', async () => {
        expect(faultOf(...(await make({ extensions: [constrainNames(true)] })))).toBe(`${which} has name constraints, which are not honoured here`);
        expect(faultOf(...(await make({ extensions: [constrainNames(false)] })))).toBe(`${which} has name constraints, which are not honoured here`);
      });
    });
  });

  it('is refused for the uses, lengths and keys that the specification does not allow', async () => {
    const root = await issueRoot();
    const short = await issueRoot(undefined, { basic: { ca: true, pathLength: 0 } });
    const middle = await middleOf(short);
    expect(faultOf(await issue({ issuer: middle }), middle, short)).toContain('too many authorities below it');
    expect(faultOf(await issue({ issuer: short }), short)).toBeNull();
    const unmarked = await middleOf(root, { usage: { flags: uses.keyCertSign, critical: false } });
    expect(faultOf(await issue({ issuer: unmarked }), unmarked, root)).toBe('an intermediate certificate has no critical key usage');
    const listing = await middleOf(root, { usage: { flags: uses.cRLSign } });
    expect(faultOf(await issue({ issuer: listing }), listing, root)).toContain('is not for signing certificates');
    const plain = await middleOf(root, { basic: { ca: false } });
    expect(faultOf(await issue({ issuer: plain }), plain, root)).toContain('not that of a certificate authority');
    expect(faultOf(await issue({ issuer: root, basic: { ca: true } }), root)).toBe('the signing certificate is that of a certificate authority');
    for (const purpose of ['2.5.29.37.0', '1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.4', '1.3.6.1.5.5.7.3.8', '1.3.6.1.5.5.7.3.9']) {
      expect(faultOf(await issue({ issuer: root, extended: { purposes: [codeSigning, purpose] } }), root)).toContain('for another purpose');
    }
  });
});
