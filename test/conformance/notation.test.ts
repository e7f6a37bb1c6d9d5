/** Against the Notary Project's own library (notation-go), in both directions; each deliberate difference is named in its test. */
import { Null } from 'asn1js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Finds, noFinds } from '../../src/domain/evidence.ts';
import {
  constrainNames,
  crlAt,
  type Issued,
  type IssueOptions,
  issue,
  issueRoot,
  type KeyKind,
  pemOf,
  timeStamping,
  unknownExtension,
  uses,
} from '../fakes/notation/authority.ts';
import {
  type CrlOptions,
  deltaIndicator,
  extension,
  makeCrl,
  makeOcspAnswer,
  type OcspOptions,
  ocspAt,
  type RevocationServer,
  refuseOcsp,
  scope,
  serveRevocation,
} from '../fakes/notation/revocation.ts';
import {
  authenticSigningTime,
  cose,
  type EnvelopeOptions,
  envelopeOf,
  expiry,
  type Format,
  formats,
  jws,
  pushSignature,
  scheme,
  signAs,
  signingTime,
} from '../fakes/notation/sign.ts';
import { makeTimestampAuthority, serveTimestamps, type TimestampAuthority } from '../fakes/notation/timestamps.ts';
import { type PublishedImage, publishImage } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { trusting } from '../unit/signatures/notationSupport.ts';
import { lookWith, openRegistry, patience, subjectOf } from '../unit/signatures/support.ts';
import { type GoNotation, type GoTrust, startNotation } from './notationTool.ts';

const day = 86_400_000;
const hence = (days: number): Date => new Date(Date.now() + days * day);
const ocspSigning = '1.3.6.1.5.5.7.3.9';
const kinds: readonly KeyKind[] = ['p256', 'p384', 'p521', 'rsa2048', 'rsa3072', 'rsa4096'];

let go: GoNotation;
let registry: RealRegistry;
let root: Issued;
let leaf: Issued;
let tsa: TimestampAuthority;
let stamps: Awaited<ReturnType<typeof serveTimestamps>>;
beforeAll(async () => {
  [go, registry] = await Promise.all([startNotation(), startRealRegistry()]);
  root = await issueRoot();
  leaf = await issue({ issuer: root });
  tsa = await makeTimestampAuthority();
  stamps = await serveTimestamps(tsa);
});
afterAll(async () => {
  go.close();
  await Promise.all([registry.stop(), stamps.close()]);
});

let count = 0;
const publish = (at: RealRegistry = registry): Promise<PublishedImage> => {
  count += 1;
  return publishImage({ registry: at.url, repository: 'acme/web', content: `image ${count}` });
};
const targetOf = ({ descriptor: { mediaType, digest, size } }: PublishedImage) => ({ mediaType, digest, size });

interface Asked {
  readonly trusted?: Issued;
  readonly timestamps?: Issued;
  /** Settings of the signer, and the same for the library. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly trust?: Partial<GoTrust>;
}

interface Verdicts {
  /** null: it counts. */
  readonly ours: string | null;
  readonly theirs: string | null;
  readonly finds: Finds;
  readonly logged: readonly string[];
}

/** What both make of one envelope that is attached to an image. */
async function judge(
  image: PublishedImage,
  format: Format,
  envelope: Buffer,
  { trusted = root, timestamps, settings = {}, trust = {} }: Asked = {},
): Promise<Verdicts> {
  await pushSignature(image.place, image.descriptor, envelope, format);
  const signer = await trusting(openRegistry(registry.host), trusted, settings, timestamps === undefined ? {} : { timestamps });
  const outcome = await signer.look(subjectOf(image), patience());
  const finds = outcome.ok ? outcome.value : noFinds;
  expect(finds.faults).toEqual([]);
  expect(finds.signatures.length + finds.rejected.length).toBe(outcome.ok ? 1 : 0);
  const roots = timestamps === undefined ? {} : { tsaRoots: pemOf(timestamps) };
  const { refused, logged } = await go.verify(format, envelope, targetOf(image), { store: pemOf(trusted), ...roots, ...trust });
  return { ours: outcome.ok ? (finds.rejected[0]?.message ?? null) : outcome.fault.message, theirs: refused, finds, logged };
}

describe.each(formats)('as %s', (format) => {
  describe.each(kinds)('by a key of the kind %s', (kind) => {
    let signing: Issued;
    beforeAll(async () => {
      signing = await issue({ issuer: root, kind });
    });

    it.each([false, true])('what the library signs is verified; with a timestamp: %s', async (timestamped) => {
      const image = await publish();
      const more = timestamped ? { tsa: stamps.url, tsaRoots: pemOf(tsa.root) } : {};
      const envelope = await go.sign(format, signing, { ...targetOf(image), annotations: { env: 'prod' } }, { agent: 'go/1', ...more });
      const verdicts = await judge(image, format, envelope, timestamped ? { timestamps: tsa.root } : {});
      expect(verdicts).toMatchObject({ ours: null, theirs: null });
      expect(verdicts.finds.signatures).toMatchObject([{ annotations: { env: 'prod' }, claims: { signingAgent: 'go/1', failures: '' } }]);
      expect(verdicts.finds.signatures[0]?.signedAt === null).toBe(!timestamped);
    });

    it.each([false, true])('what is signed here is verified by the library; with a timestamp: %s', async (timestamped) => {
      const image = await publish();
      const timestamp: EnvelopeOptions = timestamped ? { timestamp: (signature) => tsa.stamp(signature) } : {};
      const envelope = await envelopeOf(format, signing, targetOf(image), timestamp);
      expect(await judge(image, format, envelope, timestamped ? { timestamps: tsa.root } : {})).toMatchObject({ ours: null, theirs: null });
    });
  });

  it.each([true, false])('what the library attaches is found; in a registry with the referrers API: %s', async (referrers) => {
    const other = await startRealRegistry({ referrers });
    try {
      const image = await publish(other);
      const envelope = await go.sign(format, leaf, targetOf(image));
      await go.push(`${other.host}/acme/web`, format, envelope, targetOf(image));
      const finds = await lookWith(await trusting(openRegistry(other.host), root), subjectOf(image));
      expect(finds).toMatchObject({ rejected: [], faults: [], signatures: [{ layout: 'notation', signer: 'partner' }] });
    } finally {
      await other.stop();
    }
  });

  it('the scheme of signing authorities is verified', async () => {
    const image = await publish();
    const at = hence(-0.5);
    const asked: Asked = { settings: { trustStoreType: 'signingAuthority' }, trust: { storeType: 'signingAuthority' } };
    const theirs = await go.sign(format, leaf, targetOf(image), { scheme: 'notary.x509.signingAuthority', signingTime: at });
    const verdicts = await judge(image, format, theirs, asked);
    expect(verdicts).toMatchObject({ ours: null, theirs: null });
    expect(verdicts.finds.signatures[0]?.signedAt?.slice(0, 19)).toBe(at.toISOString().slice(0, 19));
    expect(await judge(await publish(), format, theirs, asked)).toMatchObject({ ours: expect.any(String), theirs: expect.any(String) });
  });

  it('an expiry in the future is no hindrance', async () => {
    const image = await publish();
    expect(await judge(image, format, await go.sign(format, leaf, targetOf(image), { expiry: hence(1) }))).toMatchObject({ ours: null, theirs: null });
  });

  describe('both refuse', () => {
    const both = async (make: (image: PublishedImage) => Promise<Buffer>, asked: Asked = {}): Promise<void> => {
      const image = await publish();
      expect(await judge(image, format, await make(image), asked)).toMatchObject({ ours: expect.any(String), theirs: expect.any(String) });
    };
    const made =
      (options: EnvelopeOptions, target: object = {}, by: () => Issued = () => leaf) =>
      (image: PublishedImage): Promise<Buffer> =>
        envelopeOf(format, by(), { ...targetOf(image), ...target }, options);
    const signed = (image: PublishedImage): Promise<Buffer> => go.sign(format, leaf, targetOf(image));

    it('another root', async () => both(signed, { trusted: await issueRoot() }));
    it('another identity', () => {
      const identities = ['x509.subject: C=US, ST=WA, O=Else'];
      return both(signed, { settings: { identities }, trust: { identities } });
    });
    it('another digest', () => both(made({}, { digest: `sha256:${'0'.repeat(64)}` })));
    it('another size', () => both(made({}, { size: 1 })));
    it('another media type', () => both(made({}, { mediaType: 'application/vnd.oci.image.index.v1+json' })));
    it('a flipped byte in the signature', () =>
      both(
        made({
          signWith: (bytes) => {
            const signature = signAs(leaf, bytes);
            signature[7] = (signature[7] ?? 0) ^ 1;
            return signature;
          },
        }),
      ));
    it('a flipped byte in what the library signed', async () => {
      for (const part of [0.1, 0.5, 0.9]) {
        await both(async (image) => {
          const envelope = await signed(image);
          const at = Math.floor(envelope.length * part);
          envelope[at] = (envelope[at] ?? 0) ^ 1;
          return envelope;
        });
      }
    });
    it('alg none', () => both(made({ header: { alg: 'none' }, signWith: () => Buffer.alloc(0) })));
    it('alg none with a signature', () => both(made({ header: { alg: 'none' } })));
    it('HS256', () => both(made({ header: { alg: 'HS256' } })));
    it('an algorithm that does not fit the key', () => both(made({ header: { alg: 'ES384' } })));
    it('a critical header that is not there', () => both(made({ header: { crit: [scheme, 'com.example.unknown'] } })));
    it('no critical headers', () => both(made({ header: { crit: undefined } })));
    it('an expiry that is not critical', () => both(made({ header: { [expiry]: hence(1) } })));
    it('an expired signature', () => both(made({ header: { crit: [scheme, expiry], [signingTime]: hence(-2), [expiry]: hence(-1) } })));
    it('an unknown scheme', () => both(made({ header: { [scheme]: 'notary.other' } })));
    it('the time of another scheme', () => both(made({ header: { [signingTime]: undefined, [authenticSigningTime]: new Date() } })));
    it('an expired certificate without a timestamp', async () => {
      const expired = await issue({ issuer: root, notBefore: hence(-0.9), notAfter: hence(-0.5) });
      await both(made({}, {}, () => expired));
      await both(
        made({}, {}, () => expired),
        { timestamps: tsa.root },
      );
    });
    it('a timestamp by another authority', async () => {
      const other = await makeTimestampAuthority();
      await both(made({ timestamp: (signature) => other.stamp(signature) }), { timestamps: tsa.root });
    });
    it('a timestamp over something else', () =>
      both(made({ timestamp: (signature) => tsa.stamp(signature, { over: Buffer.from('x') }) }), { timestamps: tsa.root }));
    it('a timestamp that does not name its certificate', () =>
      both(made({ timestamp: (signature) => tsa.stamp(signature, { named: null }) }), { timestamps: tsa.root }));
    it('a timestamp from after the certificate expired', async () => {
      const expired = await issue({ issuer: root, notBefore: hence(-0.9), notAfter: hence(-0.5) });
      await both(
        made({ timestamp: (signature) => tsa.stamp(signature) }, {}, () => expired),
        { timestamps: tsa.root },
      );
    });
    it('a timestamp by a certificate that is for more', async () => {
      const other = await makeTimestampAuthority({ extended: { purposes: [timeStamping, '1.3.6.1.5.5.7.3.3'], critical: true } });
      await both(made({ timestamp: (signature) => other.stamp(signature) }), { timestamps: other.root });
    });
    it('a timestamp by a certificate with an unknown critical extension', async () => {
      const other = await makeTimestampAuthority({ extensions: [unknownExtension('1.2.3.4', true)] });
      await both(made({ timestamp: (signature) => other.stamp(signature) }), { timestamps: other.root });
    });
    it('a certificate without key usage', async () => {
      const other = await issue({ issuer: root, usage: null });
      await both(made({}, {}, () => other));
    });
    it('a certificate of a server', async () => {
      const other = await issue({ issuer: root, extended: { purposes: ['1.3.6.1.5.5.7.3.1'] } });
      await both(made({}, {}, () => other));
    });
    it('a certificate that signs certificates', async () => {
      const other = await issue({ issuer: root, usage: { flags: uses.digitalSignature | uses.keyCertSign } });
      await both(made({}, {}, () => other));
    });
    it('a certificate signed with SHA-1', async () => {
      const other = await issue({ issuer: root, hash: 'SHA-1' });
      await both(made({}, {}, () => other));
    });
    it('more authorities than the path length allows', async () => {
      const short = await issueRoot(undefined, { basic: { ca: true, pathLength: 0 } });
      const middle = await issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer: short, basic: { ca: true }, usage: { flags: uses.keyCertSign } });
      const other = await issue({ issuer: middle });
      await both(
        made({}, {}, () => other),
        { trusted: short },
      );
    });
    it('a chain that names the trusted root and is not issued by it', async () => {
      const stranger = await issue({ issuer: await issueRoot() });
      await both(made({ chain: [stranger.der, root.der] }, {}, () => stranger));
    });
    it('a subject with an attribute that has no short name, where identities are asked for', async () => {
      const identities = ['x509.subject: C=US, ST=WA, O=Partner'];
      const other = await issue({ issuer: root, subject: 'O=Partner, ST=WA, C=US, 1.2.3.4=#0c0178' });
      await both(
        made({}, {}, () => other),
        { settings: { identities }, trust: { identities } },
      );
    });
  });

  it('both only log at the level permissive what strict enforces', async () => {
    const image = await publish();
    const expired = await issue({ issuer: root, notBefore: hence(-0.9), notAfter: hence(-0.2) });
    const header = { crit: [scheme, expiry], [signingTime]: hence(-0.8), [expiry]: hence(-0.7) };
    const envelope = await envelopeOf(format, expired, targetOf(image), { header });
    const verdicts = await judge(image, format, envelope, { settings: { level: 'permissive' }, trust: { level: 'permissive' } });
    expect(verdicts).toMatchObject({ ours: null, theirs: null, logged: ['expiry', 'authenticTimestamp'] });
    expect(verdicts.finds.signatures[0]?.claims['failures']).toBe('expiry,authenticTimestamp');
  });
});

describe('deliberately stricter than the library', () => {
  const differ = async (format: Format, by: Issued, options: EnvelopeOptions = {}, asked: Asked = {}): Promise<void> => {
    const image = await publish();
    expect(await judge(image, format, await envelopeOf(format, by, targetOf(image), options), asked)).toMatchObject({ ours: expect.any(String), theirs: null });
  };

  it('at the level audit a stranger is no signer: the library logs it and goes on', async () => {
    const image = await publish();
    const envelope = await envelopeOf(jws, leaf, targetOf(image));
    const verdicts = await judge(image, jws, envelope, { trusted: await issueRoot(), settings: { level: 'audit' }, trust: { level: 'audit' } });
    expect(verdicts).toMatchObject({ ours: expect.stringContaining('trust store'), theirs: null, logged: ['authenticity'] });
  });

  it.each(formats)('a critical header that is not understood is refused in %s, as the specification says', async (format) => {
    await differ(format, leaf, { header: { crit: [scheme, 'com.example.unknown'], 'com.example.unknown': 'x' } });
  });

  it('a certificate for any purpose is refused, as the specification says', async () => {
    await differ(cose, await issue({ issuer: root, extended: { purposes: ['2.5.29.37.0'] } }));
  });

  it('an authority whose basic constraints are not critical is refused, as the specification says', async () => {
    const basic = { ca: true, critical: false };
    const middle = await issue({ subject: 'CN=Middle, O=Partner, ST=WA, C=US', issuer: root, basic, usage: { flags: uses.keyCertSign } });
    await differ(jws, await issue({ issuer: middle }));
  });

  it('a timestamp of the future is refused', async () => {
    await differ(jws, leaf, { timestamp: (signature) => tsa.stamp(signature, { at: hence(1) }) }, { timestamps: tsa.root });
  });

  it.each<[string, () => IssueOptions]>([
    ['an unknown critical extension', () => ({ extensions: [unknownExtension('1.2.3.4', true)] })],
    ['name constraints', () => ({ extensions: [constrainNames(true)] })],
  ])('a certificate with %s is refused, as RFC 5280 says, whichever of the chain it is', async (_, demand) => {
    const subject = 'CN=Middle, O=Partner, ST=WA, C=US';
    const middle = await issue({ subject, issuer: root, basic: { ca: true }, usage: { flags: uses.keyCertSign }, ...demand() });
    await differ(jws, await issue({ issuer: middle }));
    await differ(cose, await issue({ issuer: root, ...demand() }));
  });
});

describe('revocation', () => {
  let server: RevocationServer;
  let byOcsp: Issued;
  let byCrl: Issued;
  let byBoth: Issued;
  beforeAll(async () => {
    server = await serveRevocation();
    [byOcsp, byCrl, byBoth] = await Promise.all([
      issue({ issuer: root, extensions: [ocspAt(server.ocsp)] }),
      issue({ issuer: root, extensions: [crlAt(server.crl)] }),
      issue({ issuer: root, extensions: [ocspAt(server.ocsp), crlAt(server.crl)] }),
    ]);
  });
  afterAll(() => server.close());

  const sayOcsp = async (certificate: Issued, options: OcspOptions = {}): Promise<void> => server.say('ocsp', await makeOcspAnswer(certificate, root, options));
  const sayCrl = async (options: CrlOptions = {}): Promise<void> => server.say('crl', await makeCrl(root, options));
  /** What both make of a signature, where both may ask. */
  const judged = async (by: Issued, level = 'strict'): Promise<Pick<Verdicts, 'ours' | 'theirs' | 'logged'>> => {
    const image = await publish();
    const envelope = await envelopeOf(jws, by, targetOf(image));
    const { ours, theirs, logged } = await judge(image, jws, envelope, { settings: { level, revocationHosts: [server.host] }, trust: { level } });
    return { ours, theirs, logged };
  };
  const counts = { ours: null, theirs: null, logged: [] };
  const refused = { ours: expect.any(String), theirs: expect.any(String) };

  it('that there is none of is seen by both', async () => {
    await sayOcsp(byOcsp);
    expect(await judged(byOcsp)).toEqual(counts);
    await sayCrl({ revoked: [{ certificate: byOcsp }] });
    expect(await judged(byCrl)).toEqual(counts);
    await sayOcsp(byBoth);
    expect(await judged(byBoth)).toEqual(counts);
  });

  it('is seen by both: by OCSP, by a list, and by a list behind an OCSP responder that fails', async () => {
    const ours = expect.stringContaining('was revoked at');
    const theirs = expect.stringContaining('revoked');
    await sayOcsp(byOcsp, { status: 'revoked' });
    expect(await judged(byOcsp)).toMatchObject({ ours, theirs });
    await sayCrl({ revoked: [{ certificate: byCrl }, { certificate: byBoth }] });
    expect(await judged(byCrl)).toMatchObject({ ours, theirs });
    server.say('ocsp', (_, response) => response.writeHead(500).end());
    expect(await judged(byBoth)).toMatchObject({ ours, theirs });
  });

  it('is logged by both at the level permissive', async () => {
    await sayOcsp(byOcsp, { status: 'revoked' });
    expect(await judged(byOcsp, 'permissive')).toEqual({ ...counts, logged: ['revocation'] });
  });

  it.each<[string, () => Promise<void> | void]>([
    ['an unknown status', () => sayOcsp(byOcsp, { status: 'unknown' })],
    ['garbage', () => server.say('ocsp', Buffer.from('garbage'))],
    ['a refusal', () => server.say('ocsp', refuseOcsp(6))],
    ['an expired answer', () => sayOcsp(byOcsp, { thisUpdate: hence(-0.9), nextUpdate: hence(-0.5) })],
    ['an answer about another certificate', () => sayOcsp(byCrl)],
    ['an answer without an end', () => sayOcsp(byOcsp, { nextUpdate: null })],
    ['an answer by a stranger', async () => sayOcsp(byOcsp, { responder: await issue({ issuer: await issueRoot() }) })],
    ['an answer by a key that is not named', () => sayOcsp(byOcsp, { signedBy: byCrl })],
  ])('is unknown to both after %s by OCSP', async (_, say) => {
    await say();
    expect(await judged(byOcsp)).toMatchObject(refused);
  });

  it.each<[string, () => Promise<void> | void]>([
    ['garbage', () => server.say('crl', Buffer.from('garbage'))],
    ['a list by another authority', async () => server.say('crl', await makeCrl(await issueRoot()))],
    ['an expired list', () => sayCrl({ thisUpdate: hence(-0.9), nextUpdate: hence(-0.5) })],
    ['a list without an end', () => sayCrl({ nextUpdate: null })],
    ['a list with an unknown critical extension', () => sayCrl({ extensions: [extension('1.2.3.4', new Null(), true)] })],
    [
      'a list that names the certificate with an unknown critical extension',
      () => sayCrl({ revoked: [{ certificate: byCrl, extensions: [extension('1.2.3.4', new Null(), true)] }] }),
    ],
  ])('is unknown to both after %s', async (_, say) => {
    await say();
    expect(await judged(byCrl)).toMatchObject(refused);
  });

  it('answers of an appointed responder count for both', async () => {
    await sayOcsp(byOcsp, { responder: await issue({ issuer: root, extended: { purposes: [ocspSigning] } }) });
    expect(await judged(byOcsp)).toEqual(counts);
  });

  it('is skipped by both where that is set', async () => {
    await sayOcsp(byOcsp, { status: 'revoked' });
    const image = await publish();
    const asked: Asked = { settings: { revocation: 'skip' }, trust: { override: { revocation: 'skip' } } };
    expect(await judge(image, jws, await envelopeOf(jws, byOcsp, targetOf(image)), asked)).toMatchObject({ ours: null, theirs: null });
  });

  describe('is judged more strictly than by the library, as RFC 5280 and RFC 6960 say:', () => {
    const differs = { ours: expect.any(String), theirs: null };

    it('a list of changes, or of other certificates, says nothing of this one', async () => {
      await sayCrl({ extensions: [scope({ onlyContainsCACerts: true })] });
      expect(await judged(byCrl)).toMatchObject(differs);
      await sayCrl({ extensions: [scope({ address: 'http://other.example/crl' })] });
      expect(await judged(byCrl)).toMatchObject(differs);
      await sayCrl({ extensions: [deltaIndicator()] });
      expect(await judged(byCrl)).toMatchObject(differs);
    });

    it('an answer or a list of the future says nothing yet', async () => {
      await sayCrl({ thisUpdate: hence(0.5), nextUpdate: hence(1) });
      expect(await judged(byCrl)).toMatchObject(differs);
      await sayOcsp(byOcsp, { thisUpdate: hence(0.5), nextUpdate: hence(1) });
      expect(await judged(byOcsp)).toMatchObject(differs);
    });

    it('an answer by one whom the authority certified for something else says nothing', async () => {
      await sayOcsp(byOcsp, { responder: await issue({ issuer: root }) });
      expect(await judged(byOcsp)).toMatchObject(differs);
    });

    it('an appointed responder that has expired says nothing any more', async () => {
      const responder = await issue({ issuer: root, extended: { purposes: [ocspSigning] }, notBefore: hence(-0.9), notAfter: hence(-0.5) });
      await sayOcsp(byOcsp, { responder });
      expect(await judged(byOcsp)).toMatchObject(differs);
    });
  });
});
