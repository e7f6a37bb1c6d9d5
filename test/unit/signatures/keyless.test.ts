import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import { decodeBundle } from '../../../src/signatures/decode.ts';
import { createKeylessVerifier } from '../../../src/signatures/keylessVerifier.ts';
import { proverOf } from '../../../src/signatures/proving/proof.ts';
import { parseRoot } from '../../../src/signatures/trustRoots/root.ts';
import { makeKey, type PublishedImage, publishImage, signBundle } from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import {
  type CertificateRequest,
  certify,
  type Holder,
  type KeylessOptions,
  makeSigstore,
  type Sigstore,
  signKeyless,
  utf8String,
  writeTrustedRoot,
  x509,
} from '../../fakes/sigstore.ts';
import { attestationsWith, lookWith, makeSigner, openRegistry, type SignerOptions, subjectOf } from './support.ts';

const me = 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main';
const evil = 'https://github.com/acme-evil/app/.github/workflows/release.yml@refs/heads/main';
const issuer = 'https://token.actions.githubusercontent.com';
const named = (value: string): CertificateRequest => ({ names: [{ type: 'url', value }], issuer });
const minute = 60_000;

let registry: FakeRegistry;
let client: Registry;
let sigstore: Sigstore;
let stranger: Sigstore;
let holder: Holder;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
  [sigstore, stranger] = [await makeSigstore(), await makeSigstore('https://other.example.com')];
  holder = await certify(sigstore, named(me));
});
afterAll(() => registry.close());

let count = 0;
function publish(): Promise<PublishedImage> {
  count += 1;
  return publishImage({ registry: registry.origin, repository: 'acme/web', content: `keyless ${count}` });
}

interface Asked extends SignerOptions {
  readonly entry?: Readonly<Record<string, unknown>>;
  readonly root?: string;
}

async function look(image: PublishedImage, { entry = { identity: me }, root = sigstore.trustedRoot, ...more }: Asked = {}): Promise<Finds> {
  const settings = { kind: 'cosign-keyless', issuer, trustedRoot: { file: 'root.json' }, ...entry };
  return lookWith(await makeSigner(client, settings, { ...more, files: { 'root.json': root } }), subjectOf(image));
}

/** What comes of an image that a certificate's holder signed. */
async function signedBy(request: CertificateRequest, options: KeylessOptions = {}, asked: Asked = {}): Promise<Finds> {
  const image = await publish();
  await signKeyless(image, sigstore, await certify(sigstore, request), options);
  return look(image, asked);
}

async function signed(options: KeylessOptions, asked: Asked = {}): Promise<Finds> {
  const image = await publish();
  await signKeyless(image, sigstore, holder, options);
  return look(image, asked);
}

const refused = (reason: string, code = 'SIGNATURE_INVALID') => ({
  signatures: [],
  attestations: [],
  rejected: [{ code, message: expect.stringContaining(reason) }],
});
const accepted = (more: object = {}) => ({ signatures: [{ issuer, identity: me, keyId: null, ...more }], rejected: [] });

const layouts: readonly (readonly [string, KeylessOptions])[] = [
  ['the legacy layout', { layout: 'legacy' }],
  ['a bundle v0.1', { version: '0.1' }],
  ['a bundle v0.2', { version: '0.2' }],
  ['a bundle v0.3', { version: '0.3' }],
];

describe('a keyless signer', () => {
  describe.each(layouts)('of a signature in %s', (_, options) => {
    it('refuses another identity that only begins the same', async () => {
      expect(await signedBy(named(evil), options)).toMatchObject(refused('acme-evil', 'SIGNER_MISMATCH'));
    });

    it('refuses another issuer', async () => {
      expect(await signedBy({ ...named(me), issuer: `${issuer}.evil.com` }, options)).toMatchObject(refused('evil.com', 'SIGNER_MISMATCH'));
    });

    it('refuses one that the log recorded after the certificate had expired', async () => {
      expect(await signed({ ...options, time: Date.now() + 20 * minute })).toMatchObject(refused('not valid at the time'));
    });

    it('refuses a promise of the log that was tampered with', async () => {
      const forge: KeylessOptions['forge'] = (entry) => ({ ...entry, integratedTime: entry.integratedTime + 1 });
      // Where there is a proof of inclusion as well, it does not help.
      expect(await signed({ ...options, forge })).toMatchObject(refused('transparency log'));
    });

    it('refuses an authority that the root does not name', async () => {
      const image = await publish();
      await signKeyless(image, { ...sigstore, authority: stranger.authority }, await certify(stranger, named(me)), options);
      expect(await look(image)).toMatchObject(refused('trusted root does not prove its certificate'));
    });

    it('refuses a log that the root does not name', async () => {
      const image = await publish();
      await signKeyless(image, { ...sigstore, log: stranger.log }, holder, options);
      expect(await look(image)).toMatchObject(refused('no transparency log of the trusted root'));
    });

    it('refuses a certificate that no certificate transparency log vouches for', async () => {
      expect(await signedBy({ ...named(me), logged: false }, options)).toMatchObject(refused('certificate transparency log'));
    });

    it('refuses a log entry that names another certificate, be it of the same key', async () => {
      const twin = await certify(sigstore, named(evil), holder.key);
      expect(await signed({ ...options, named: twin })).toMatchObject(refused('names another signer'));
      expect(await signed({ ...options, named: await certify(sigstore, named(me)) })).toMatchObject(refused('names another signer'));
    });

    it('accepts the one it asks for, with the time that the log vouches for', async () => {
      const time = Math.floor(Date.now() / 1000) * 1000 + minute;
      const finds = await signed({ ...options, time });
      expect(finds).toMatchObject(accepted({ layout: options.layout ?? 'bundle', signedAt: new Date(time).toISOString() }));
    });

    it('accepts an attestation, which is no signature', async () => {
      const finds = await signed({ ...options, attest: { type: 'https://example.com/t', predicate: { fine: true } } });
      expect(finds).toMatchObject({ signatures: [], attestations: [{ predicateType: 'https://example.com/t', predicate: { fine: true } }], rejected: [] });
    });

    it('is not misled by the timestamp of an unknown authority beside a good promise', async () => {
      expect(await signed({ ...options, stamps: [stranger] })).toMatchObject(accepted());
      expect(await signed({ ...options, stamps: [Buffer.from('no timestamp')] })).toMatchObject(accepted());
    });

    it('accepts a timestamp in place of the log, where it asks for no log, and then believes no time of the log', async () => {
      const entry = { identity: me, transparencyLog: false };
      expect(await signed({ ...options, stamps: [sigstore] }, { entry })).toMatchObject(accepted());
      expect(await signed(options, { entry })).toMatchObject(refused('tells when it was made'));
      expect(await signed({ ...options, stamps: [stranger] }, { entry })).toMatchObject(refused('timestamp is not of an authority'));
    });

    it('refuses the timestamp of something else', async () => {
      const other = await sigstore.stamps.stamp(Buffer.from('something else'));
      expect(await signed({ ...options, stamps: [other] }, { entry: { identity: me, transparencyLog: false } })).toMatchObject(refused('timestamp'));
    });

    it('accepts no signature of a revoked identity or for a revoked digest', async () => {
      const image = await publish();
      await signKeyless(image, sigstore, holder, options);
      expect(await look(image, { revoked: { identities: [me] } })).toMatchObject(refused('identity is revoked'));
      expect(await look(image, { revoked: { digests: [image.digest] } })).toMatchObject(refused('digest is revoked'));
      expect(await look(image, { revoked: { identities: [evil] } })).toMatchObject(accepted());
    });
  });

  describe('with Rekor v2, which tells no time', () => {
    it('refuses a bundle without a timestamp', async () => {
      expect(await signed({ log: 2 })).toMatchObject(refused('tells when it was made'));
    });

    it('refuses one whose time is only claimed', async () => {
      const change: KeylessOptions['change'] = (bundle) => {
        const text = JSON.stringify(bundle).replace('"inclusionProof"', `"integratedTime":"${Math.floor(Date.now() / 1000)}","inclusionProof"`);
        return JSON.parse(text);
      };
      expect(await signed({ log: 2, change })).toMatchObject(refused('tells when it was made'));
    });

    it('refuses one that names another certificate', async () => {
      expect(await signed({ log: 2, stamps: [sigstore], named: await certify(sigstore, named(evil), holder.key) })).toMatchObject(
        refused('names another signer'),
      );
    });

    it('accepts one with a timestamp, of two be it the second', async () => {
      expect(await signed({ log: 2, stamps: [sigstore] })).toMatchObject(accepted({ signedAt: expect.stringMatching(/^20/) }));
      expect(await signed({ log: 2, stamps: [stranger, sigstore] })).toMatchObject(accepted());
    });

    it.each([1, 2] as const)('refuses a log (Rekor v%s) that was not used any more', async (log) => {
      const parts = { authorities: [sigstore.authority], logs: [sigstore.log], stampAuthorities: [sigstore.stamps] };
      const ended = (logsUntil: string): Asked => ({ root: writeTrustedRoot({ ...parts, logsUntil }) });
      expect(await signed({ log, stamps: [sigstore] }, ended('2025-01-01T00:00:00Z'))).toMatchObject(refused('not in force'));
      expect(await signed({ log, stamps: [sigstore] }, ended('2099-01-01T00:00:00Z'))).toMatchObject(accepted());
    });

    it('refuses a certificate that had expired when the timestamp was made', async () => {
      const old = { ...named(me), notBefore: Date.now() - 60 * minute };
      expect(await signedBy(old, { log: 2, stamps: [sigstore] })).toMatchObject(refused('not valid at the time'));
    });
  });

  describe('of what certificates say', () => {
    it('refuses one for other purposes than signing code, and takes one without any purpose', async () => {
      expect(await signedBy({ ...named(me), usages: [x509.ExtendedKeyUsage.serverAuth] })).toMatchObject(refused('not for signing code'));
      expect(await signedBy({ ...named(me), usages: ['2.5.29.37.0'] })).toMatchObject(refused('not for signing code'));
      expect(await signedBy({ ...named(me), usages: null })).toMatchObject(accepted());
    });

    it('refuses one that is an authority', async () => {
      expect(await signedBy({ ...named(me), authority: true })).toMatchObject(refused('is an authority'));
    });

    it.each([
      ['an extension twice', [new x509.Extension('1.2.3.4', false, utf8String('a')), new x509.Extension('1.2.3.4', false, utf8String('b'))]],
      ['a critical extension nobody knows', [new x509.Extension('1.2.3.4', true, utf8String('a'))]],
      ['the poison of a precertificate', [new x509.Extension('1.3.6.1.4.1.11129.2.4.3', true, Buffer.from([5, 0]))]],
    ])('refuses one with %s', async (_, more) => {
      expect(await signedBy({ ...named(me), more })).toMatchObject(refused('an extension'));
    });

    it('refuses one that names two issuers, and takes either of the two extensions alone', async () => {
      const [older, newer] = ['1.3.6.1.4.1.57264.1.1', '1.3.6.1.4.1.57264.1.8'] as const;
      const other = new x509.Extension(older, false, Buffer.from('https://other.example.com'));
      const more = [other, new x509.Extension(newer, false, utf8String(issuer))];
      expect(await signedBy({ ...named(me), without: [older] })).toMatchObject(accepted());
      expect(await signedBy({ ...named(me), without: [newer] })).toMatchObject(accepted());
      expect(await signedBy({ ...named(me), issuer: null, more })).toMatchObject(refused('two different issuers'));
    });

    it('refuses one without issuer or name', async () => {
      const without = ['1.3.6.1.4.1.57264.1.1', '1.3.6.1.4.1.57264.1.8'];
      expect(await signedBy({ ...named(me), without })).toMatchObject(refused('(none)', 'SIGNER_MISMATCH'));
      expect(await signedBy({ names: [], issuer })).toMatchObject(refused('nobody', 'SIGNER_MISMATCH'));
    });

    it('does not read other bytes as letters', async () => {
      // With the highest bit cut off, as sigstore-js reads it, this is "me@example.com".
      const forged = Buffer.concat([Buffer.from([0x30, 16, 0x81, 14]), Buffer.from('me@example.com').map((byte, i) => (i === 0 ? byte | 0x80 : byte))]);
      const more = [new x509.Extension('2.5.29.17', true, forged)];
      expect(await signedBy({ names: [], issuer, more }, {}, { entry: { identity: 'me@example.com' } })).toMatchObject(refused('nobody', 'SIGNER_MISMATCH'));
    });

    it('reads every name, whichever comes first', async () => {
      const names = [
        { type: 'email', value: 'me@example.com' } as const,
        { type: 'url', value: me } as const,
        { type: 'dns', value: 'build.example.com' } as const,
      ];
      for (const identity of ['me@example.com', me, 'build.example.com']) {
        expect(await signedBy({ names, issuer }, {}, { entry: { identity } })).toMatchObject({ signatures: [{ identity }] });
      }
      const asked = { entry: { identity: me }, revoked: { identities: ['me@example.com'] } };
      expect(await signedBy({ names, issuer }, {}, asked)).toMatchObject(refused('identity is revoked'));
    });

    it("reads Fulcio's user names", async () => {
      const oid = Buffer.from([0x06, 0x0a, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x83, 0xbf, 0x30, 0x01, 0x07]);
      const value = utf8String('foo!example.com');
      const wrapped = Buffer.concat([Buffer.from([0xa0, value.length]), value]);
      const name = Buffer.concat([Buffer.from([0xa0, oid.length + wrapped.length]), oid, wrapped]);
      const more = [new x509.Extension('2.5.29.17', true, Buffer.concat([Buffer.from([0x30, name.length]), name]))];
      const finds = await signedBy({ names: [], issuer, more }, {}, { entry: { identity: 'foo!example.com' } });
      expect(finds.signatures).toMatchObject([{ identity: 'foo!example.com' }]);
    });

    it('hands on what Fulcio wrote of the workflow, by its documented names', async () => {
      const claims = {
        2: 'push',
        6: 'refs/heads/main',
        11: 'github-hosted',
        12: 'https://github.com/acme/app',
        21: 'https://github.com/acme/app/actions/runs/1/attempts/1',
      };
      expect((await signedBy({ ...named(me), claims })).signatures).toMatchObject([
        {
          claims: {
            githubWorkflowTrigger: 'push',
            githubWorkflowRef: 'refs/heads/main',
            runnerEnvironment: 'github-hosted',
            sourceRepositoryURI: 'https://github.com/acme/app',
            runInvocationURI: 'https://github.com/acme/app/actions/runs/1/attempts/1',
          },
        },
      ]);
    });

    it('takes a key on P-384', async () => {
      const image = await publish();
      await signKeyless(image, sigstore, await certify(sigstore, named(me), makeKey('p384')));
      expect(await look(image)).toMatchObject(accepted());
    });

    it('refuses one longer than 16 KB, unparsed', async () => {
      const long = { key: holder.key, certificate: Buffer.concat([holder.certificate, Buffer.alloc(16 * 1024)]) };
      const images = [await publish(), await publish()] as const;
      await signKeyless(images[0], sigstore, long);
      await signKeyless(images[1], sigstore, long, { layout: 'legacy' });
      expect(await look(images[0])).toMatchObject(refused('longer than'));
      expect(await look(images[1])).toMatchObject(refused('no certificate', 'SIGNER_MISMATCH'));
    });

    it('refuses what a key signed', async () => {
      const image = await publish();
      await signBundle(image, makeKey());
      expect(await look(image)).toMatchObject(refused('signed by a key', 'SIGNER_MISMATCH'));
    });

    it('refuses a signature by another key than that of the certificate', async () => {
      const image = await publish();
      await signKeyless(image, sigstore, { ...holder, key: makeKey() });
      expect(await look(image)).toMatchObject(refused('not signed by the key of its certificate'));
    });
  });

  it('matches a pattern against the whole of a name, * within a segment and ** across', async () => {
    const image = await publish();
    await signKeyless(image, sigstore, holder);
    const matches = async (identityPattern: string): Promise<boolean> => (await look(image, { entry: { identityPattern } })).signatures.length > 0;
    for (const yes of ['https://github.com/acme/**', 'https://github.com/acme/*/.github/workflows/*@refs/heads/main', me])
      expect(await matches(yes)).toBe(true);
    for (const no of ['https://github.com/acm*', 'https://github.com/acme/*', 'github.com/acme/**', me.slice(0, -1), me.replaceAll('.', '?')]) {
      expect(await matches(no)).toBe(false);
    }
  });

  it.each([
    ['no identity', {}],
    ['two identities', { identity: me, identityPattern: me }],
    ['a pattern that matches everybody', { identityPattern: '**/*' }],
    ['a pattern with three stars', { identityPattern: 'a***' }],
    ['no issuer', { identity: me, issuer: undefined }],
    ['a key', { identity: me, keyFile: 'a.pub' }],
  ])('is refused with %s', async (_, entry) => {
    await expect(look(await publish(), { entry })).rejects.toThrow();
  });

  it.each([
    ['no certificate authority', { authorities: [] }, {}],
    ['no transparency log', { logs: [] }, {}],
    ['no certificate transparency log', { ctLogs: false }, {}],
    ['no timestamp authority', { stampAuthorities: [] }, { transparencyLog: false }],
  ])('is refused with a root that names %s, where it must', async (what, lacking, entry) => {
    const parts = { authorities: [sigstore.authority], logs: [sigstore.log], stampAuthorities: [sigstore.stamps] };
    const root = writeTrustedRoot({ ...parts, ...lacking });
    await expect(look(await publish(), { root, entry: { identity: me, ...entry } })).rejects.toThrow(what);
  });

  it('does without a certificate transparency log where it is told to', async () => {
    const root = writeTrustedRoot({ authorities: [sigstore.authority], logs: [sigstore.log], stampAuthorities: [], ctLogs: false });
    expect(await signedBy({ ...named(me), logged: false }, {}, { root, entry: { identity: me, certificateLog: false } })).toMatchObject(accepted());
  });

  it('keeps its root apart from those of others', async () => {
    const image = await publish();
    await signKeyless(image, sigstore, holder);
    await signKeyless(image, stranger, await certify(stranger, named(me)));
    for (const { trustedRoot } of [sigstore, stranger]) {
      expect(await look(image, { root: trustedRoot })).toMatchObject({ signatures: [{ identity: me }], rejected: [{ code: 'SIGNATURE_INVALID' }] });
    }
  });

  it('does not let a worse copy of a signature hide the good one', async () => {
    const image = await publish();
    await signKeyless(image, sigstore, holder);
    await signKeyless(image, sigstore, holder, { change: (bundle) => ({ ...bundle, verificationMaterial: { publicKey: { hint: '' } } }) });
    expect((await look(image)).signatures).toHaveLength(1);
  });

  it('finds attestations of a platform', async () => {
    const image = await publish();
    await signKeyless(image, sigstore, holder, { attest: { type: 'https://example.com/t', predicate: 1 } });
    const settings = { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: { file: 'root.json' } };
    const signer = await makeSigner(client, settings, { files: { 'root.json': sigstore.trustedRoot } });
    expect((await attestationsWith(signer, subjectOf(image), image.digest)).attestations).toHaveLength(1);
  });

  it('lets others have the event loop between signatures', async () => {
    const image = await publish();
    for (let i = 0; i < 12; i += 1) await signKeyless(image, sigstore, holder);
    const settings = { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: { file: 'root.json' } };
    const signer = await makeSigner(client, settings, { files: { 'root.json': sigstore.trustedRoot } });
    await signer.look(subjectOf(image), AbortSignal.timeout(10_000));
    // Read before: what is left to do is verifying alone.
    const again = await makeSigner(client, { ...settings, certificateLog: false }, { files: { 'root.json': sigstore.trustedRoot } });
    let turns = 0;
    let over = false;
    const turn = (): void => {
      turns += 1;
      if (!over) setImmediate(turn);
    };
    setImmediate(turn);
    const finds = await lookWith(again, subjectOf(image));
    over = true;
    expect(finds.signatures).toHaveLength(12);
    expect(turns).toBeGreaterThan(6);
  });
});

describe('whatever is in a bundle', () => {
  it.each(['validity', 'first time', 'second time'])('does not spoil a good signature beside it: a certificate without a readable %s', async (what) => {
    const image = await publish();
    await signKeyless(image, sigstore, holder);
    const change: KeylessOptions['change'] = (bundle) => {
      const [, encoded = ''] = /"certificate":\{"rawBytes":"([^"]+)"/.exec(JSON.stringify(bundle)) ?? [];
      const der = Buffer.from(encoded, 'base64');
      // UTCTime, 13 bytes: https://www.rfc-editor.org/rfc/rfc5280#section-4.1.2.5
      const first = der.indexOf(Buffer.from([0x17, 13]));
      if (what === 'validity') der.writeUInt8(0x04, first - 2);
      else der.write('O', what === 'first time' ? first + 4 : first + 19);
      return JSON.parse(JSON.stringify(bundle).replace(encoded, der.toString('base64')));
    };
    await signKeyless(image, sigstore, holder, { change });
    expect(await look(image)).toMatchObject({ signatures: [{ identity: me }], faults: [], rejected: [{ code: 'SIGNATURE_INVALID' }] });
  });

  it('nothing is thrown, and nothing but the signed bytes counts', async () => {
    const image = await publish();
    let bytes = Buffer.alloc(0);
    const change: KeylessOptions['change'] = (bundle) => {
      bytes = Buffer.from(JSON.stringify(bundle));
      return bundle;
    };
    await signKeyless(image, sigstore, holder, { change, stamps: [sigstore] });
    const root = parseRoot(Buffer.from(sigstore.trustedRoot));
    if (!root.ok) throw new Error('no root');
    const prove = proverOf(root.value.material, { transparencyLog: true, certificateLog: true });
    const verify = createKeylessVerifier({ issuer, identity: (each) => each === me, revoked: new Set() }, async (claim, certificate) =>
      prove(claim, certificate),
    );
    const honest = decodeBundle(image.digest, bytes, 'signature');
    expect(honest.ok && (await verify(honest.value)).ok).toBe(true);
    const edit = fc.record({ at: fc.nat(bytes.length - 1), to: fc.integer({ min: 32, max: 126 }), drop: fc.nat(3) });
    await fc.assert(
      fc.asyncProperty(edit, async ({ at, to, drop }) => {
        const edited = Buffer.concat([bytes.subarray(0, at), Buffer.from([to]), bytes.subarray(at + drop)]);
        const claim = decodeBundle(image.digest, edited, 'signature');
        if (!claim.ok || !(await verify(claim.value)).ok) return;
        expect(honest.ok && claim.value.signed.equals(honest.value.signed)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
