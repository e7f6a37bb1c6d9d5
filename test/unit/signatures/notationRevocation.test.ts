import { Null } from 'asn1js';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import type { Signer } from '../../../src/signatures/index.ts';
import { codeSigning, crlAt, type Issued, type IssueOptions, issue, issueRoot, unknownExtension, uses } from '../../fakes/notation/authority.ts';
import {
  deltaIndicator,
  extension,
  makeCrl,
  makeOcspAnswer,
  type OcspOptions,
  ocspAt,
  partialCrlAt,
  type RevocationServer,
  refuseOcsp,
  scope,
  serveRevocation,
} from '../../fakes/notation/revocation.ts';
import { type EnvelopeOptions, expiry, jws, scheme } from '../../fakes/notation/sign.ts';
import { makeTimestampAuthority, type TimestampAuthority } from '../../fakes/notation/timestamps.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { makeScene, type Scene, subjectIn, trusting } from './notationSupport.ts';
import { openRegistry, patience } from './support.ts';

const day = 86_400_000;
const hence = (days: number): Date => new Date(Date.now() + days * day);
const ocspSigning = '1.3.6.1.5.5.7.3.9';

let registry: FakeRegistry;
let client: Registry;
let scene: Scene;
let tsa: TimestampAuthority;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
  scene = await makeScene(registry.origin);
  tsa = await makeTimestampAuthority();
});
afterAll(() => registry.close());

let server: RevocationServer;
let byOcsp: Issued;
let byCrl: Issued;
let byBoth: Issued;
beforeEach(async () => {
  server = await serveRevocation();
  [byOcsp, byCrl, byBoth] = await Promise.all([
    issue({ issuer: scene.root, extensions: [ocspAt(server.ocsp)] }),
    issue({ issuer: scene.root, extensions: [crlAt(server.crl)] }),
    issue({ issuer: scene.root, extensions: [ocspAt(server.ocsp), crlAt(server.crl)] }),
  ]);
});
afterEach(() => server.close());

const signerAt = (level: string, more: Readonly<Record<string, unknown>> = {}, options: Parameters<typeof trusting>[3] = {}): Promise<Signer> =>
  trusting(client, scene.root, { level, revocationHosts: [server.host], ...more }, options);

/** What comes of one signature by a leaf: counts, with what was only logged; refused; or nobody could tell. */
async function outcomeOf(leaf: Issued, signer: Promise<Signer> = signerAt('strict'), options: EnvelopeOptions = {}): Promise<string> {
  const outcome = await scene.outcomeOf(await signer, jws, { leaf, ...options });
  if (!outcome.ok) return `${outcome.fault.code}${outcome.fault.transient ? ', for now' : ''}: ${outcome.fault.message}`;
  return wordsOf(outcome.value);
}

function wordsOf({ signatures: [signature], rejected: [refusal], faults }: Finds): string {
  expect(faults).toEqual([]);
  if (signature !== undefined)
    return signature.claims['failures'] === '' ? 'counts' : `counts, with ${signature.claims['failures']}: ${signature.claims['failure.revocation']}`;
  return `${refusal?.code}: ${refusal?.message}`;
}

const sayOcsp = async (certificate: Issued, options: OcspOptions = {}): Promise<void> =>
  server.say('ocsp', await makeOcspAnswer(certificate, scene.root, options));

describe('a certificate whose revocation can be asked for', () => {
  it('counts when OCSP says it is good, and is asked about by its serial number', async () => {
    await sayOcsp(byOcsp);
    expect(await outcomeOf(byOcsp)).toBe('counts');
    expect(server.asked).toEqual(['ocsp GET']);
    expect(server.serials).toEqual([byOcsp.certificate.serialNumber]);
  });

  it('counts when a list does not name it', async () => {
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: byOcsp }] }));
    expect(await outcomeOf(byCrl)).toBe('counts');
    expect(server.asked).toEqual(['crl GET']);
  });

  it('is refused when it was revoked, by either', async () => {
    await sayOcsp(byOcsp, { status: 'revoked', revokedAt: new Date('2026-01-02T03:04:05Z') });
    expect(await outcomeOf(byOcsp)).toMatch(/^SIGNATURE_INVALID: .*the certificate \S+,CN=Signer was revoked at 2026-01-02T03:04:05.000Z$/);
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: byOcsp }, { certificate: byCrl }] }));
    expect(await outcomeOf(byCrl)).toMatch(/^SIGNATURE_INVALID: .* was revoked at/);
  });

  it('is asked about by OCSP first, and by a list when OCSP gives no answer', async () => {
    await sayOcsp(byBoth);
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: byBoth }] }));
    expect(await outcomeOf(byBoth)).toBe('counts');
    expect(server.asked).toEqual(['ocsp GET']);
    server.say('ocsp', Buffer.from('garbage'));
    expect(await outcomeOf(byBoth)).toContain('was revoked');
    expect(server.asked.slice(1)).toEqual(['ocsp GET', 'crl GET']);
  });

  it('is asked about by a list when OCSP does not know it', async () => {
    await sayOcsp(byBoth, { status: 'unknown' });
    server.say('crl', await makeCrl(scene.root));
    expect(await outcomeOf(byBoth)).toBe('counts');
  });

  it('is asked about at the next place when the first gives no answer', async () => {
    const leaf = await issue({ issuer: scene.root, extensions: [ocspAt('http://127.0.0.1:1/', server.ocsp)] });
    await sayOcsp(leaf);
    expect(await outcomeOf(leaf, signerAt('strict', { revocationHosts: [server.host, '127.0.0.1:1'] }))).toBe('counts');
  });

  it('is asked about by POST where the request makes too long an address', async () => {
    const leaf = await issue({ issuer: scene.root, extensions: [ocspAt(`${server.ocsp}?for=partner`)] });
    await sayOcsp(leaf);
    expect(await outcomeOf(leaf)).toBe('counts');
    expect(server.asked).toEqual(['ocsp POST']);
  });

  it('is an authority too: every one of the chain but the root', async () => {
    const middle = await issue({
      subject: 'CN=Middle, O=Partner, ST=WA, C=US',
      issuer: scene.root,
      basic: { ca: true },
      usage: { flags: uses.keyCertSign },
      extensions: [crlAt(server.crl)],
    });
    const leaf = await issue({ issuer: middle });
    server.say('crl', await makeCrl(scene.root));
    expect(await outcomeOf(leaf)).toBe('counts');
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: middle }] }));
    expect(await outcomeOf(leaf)).toMatch(/the certificate \S+,CN=Middle was revoked/);
    server.say('crl', await makeCrl(scene.root, { extensions: [scope({ onlyContainsUserCerts: true })] }));
    expect(await outcomeOf(leaf)).toContain('other kinds of certificates');
    server.say('crl', await makeCrl(scene.root, { extensions: [scope({ onlyContainsCACerts: true })] }));
    expect(await outcomeOf(leaf)).toBe('counts');
  });

  it('that names a root as its own place of asking is not asked about', async () => {
    const root = await issueRoot(undefined, { extensions: [crlAt(server.crl)] });
    expect(await outcomeOf(await issue({ issuer: root }), trusting(client, root))).toBe('counts');
    expect(server.asked).toEqual([]);
  });
});

describe('nobody who can tell', () => {
  const nobody = 'REVOCATION_UNAVAILABLE, for now: the signature';

  it.each<[string, () => Promise<void> | void, string]>([
    ['a status that is none', () => server.say('ocsp', (_, response) => response.writeHead(500).end()), 'answered with the status 500'],
    ['garbage', () => server.say('ocsp', Buffer.from('<html>')), 'can not be read'],
    ['a refusal', () => server.say('ocsp', refuseOcsp(3)), 'is a refusal (status 3)'],
    ['an answer that is too long', () => server.say('ocsp', Buffer.alloc(70_000)), 'more than 65536 bytes'],
    ['a redirect inward', () => server.say('ocsp', (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end()), 'the status 302'],
    ['a reset', () => server.say('ocsp', (request) => request.socket.destroy()), 'could not be reached'],
    ['an answer for nobody', () => sayOcsp(byOcsp, { status: 'unknown' }), 'does not know the certificate'],
    ['an expired answer', () => sayOcsp(byOcsp, { thisUpdate: hence(-2), nextUpdate: hence(-1) }), 'held until'],
    ['an answer of the future', () => sayOcsp(byOcsp, { thisUpdate: hence(0.5), nextUpdate: hence(1) }), 'is of the future'],
    ['an answer that could be of any time', () => sayOcsp(byOcsp, { nextUpdate: null }), 'does not say until when'],
    ['an answer about another certificate', () => sayOcsp(byCrl), 'is about another certificate'],
    [
      'an answer about one of that number by another authority',
      async () => sayOcsp(byOcsp, { idIssuer: await issueRoot('CN=Other, O=Other') }),
      'about another',
    ],
    ['an answer about one of that number by another key', async () => sayOcsp(byOcsp, { idIssuer: await issueRoot() }), 'about another'],
    ['two answers about it', () => sayOcsp(byOcsp, { times: 2 }), 'more than one thing'],
    ['an answer signed with SHA-1', () => sayOcsp(byOcsp, { hash: 'SHA-1' }), 'is not signed'],
    ['an answer by a key that is not the one it names', () => sayOcsp(byOcsp, { signedBy: byCrl }), 'is not signed'],
    ['an answer with a critical extension', () => sayOcsp(byOcsp, { extensions: [extension('1.2.3.4', new Null(), true)] }), 'critical extension'],
  ])('is %s by OCSP', async (_, say, why) => {
    await say();
    const outcome = await outcomeOf(byOcsp);
    expect(outcome).toContain(nobody);
    expect(outcome).toContain(`the OCSP responder ${server.host}`);
    expect(outcome).toContain(why);
  });

  it.each<[string, () => Promise<Buffer> | Buffer, string]>([
    ['garbage', () => Buffer.from('-----BEGIN X509 CRL-----'), 'can not be read'],
    ['a list by another authority', async () => makeCrl(await issueRoot('CN=Other, O=Other, ST=WA, C=US')), 'is by another authority'],
    ['a list by another key of the same name', async () => makeCrl(await issueRoot()), 'is not signed by the issuer'],
    ['a list in the name of the authority', () => makeCrl(byOcsp, { issuer: scene.root }), 'is not signed by the issuer'],
    ['a list signed with SHA-1', () => makeCrl(scene.root, { hash: 'SHA-1' }), 'is not signed'],
    [
      'a list that names another algorithm than it is signed with',
      () => makeCrl(scene.root, { namedAlgorithm: '1.2.840.10045.4.3.3' }),
      'names two algorithms',
    ],
    ['an expired list', () => makeCrl(scene.root, { thisUpdate: hence(-2), nextUpdate: hence(-1) }), 'held until'],
    ['a list of the future', () => makeCrl(scene.root, { thisUpdate: hence(0.5) }), 'is of the future'],
    ['a list that could be of any time', () => makeCrl(scene.root, { nextUpdate: null }), 'does not say until when'],
    ['a list of changes', () => makeCrl(scene.root, { extensions: [deltaIndicator()] }), 'tells only of changes'],
    ['a list with an unknown critical extension', () => makeCrl(scene.root, { extensions: [extension('1.2.3.4', new Null(), true)] }), '(1.2.3.4)'],
    [
      'a list with an entry that has one',
      () => makeCrl(scene.root, { revoked: [{ certificate: byOcsp, extensions: [extension('1.2.3.4', new Null(), true)] }] }),
      'an entry with a critical extension',
    ],
    ['a list of authorities', () => makeCrl(scene.root, { extensions: [scope({ onlyContainsCACerts: true })] }), 'other kinds of certificates'],
    ['a list of attribute certificates', () => makeCrl(scene.root, { extensions: [scope({ onlyContainsAttributeCerts: true })] }), 'other kinds'],
    ['an indirect list', () => makeCrl(scene.root, { extensions: [scope({ indirectCRL: true })] }), 'several authorities'],
    ['a list for some reasons', () => makeCrl(scene.root, { extensions: [scope({ onlySomeReasons: 0x40 })] }), 'some reasons only'],
    ['the list of another place', () => makeCrl(scene.root, { extensions: [scope({ address: 'http://other.example/crl' })] }), 'another distribution point'],
  ])('is %s', async (_, make, why) => {
    server.say('crl', await make());
    const outcome = await outcomeOf(byCrl);
    expect(outcome).toContain(nobody);
    expect(outcome).toContain(why);
  });

  it('is not a list that says it is for this place and for this kind of certificates', async () => {
    server.say('crl', await makeCrl(scene.root, { extensions: [scope({ address: server.crl, onlyContainsUserCerts: true })] }));
    expect(await outcomeOf(byCrl)).toBe('counts');
  });

  it('is a list by an authority that may not sign lists', async () => {
    const root = await issueRoot(undefined, { usage: { flags: uses.keyCertSign } });
    const leaf = await issue({ issuer: root, extensions: [crlAt(server.crl)] });
    server.say('crl', await makeCrl(root));
    expect(await outcomeOf(leaf, trusting(client, root, { revocationHosts: [server.host] }))).toContain('may not sign such lists');
  });

  it('is a server that is not there', async () => {
    await server.close();
    expect(await outcomeOf(byBoth)).toMatch(
      /^REVOCATION_UNAVAILABLE, for now: .*may be revoked: the OCSP responder \S+ could not be reached.*; the CRL server /,
    );
  });

  it('is a server that is not listed, and nothing is sent to it; that will not pass by itself', async () => {
    await sayOcsp(byOcsp);
    const outcome = await outcomeOf(byOcsp, signerAt('strict', { revocationHosts: [] }));
    expect(outcome).toMatch(/^REVOCATION_UNAVAILABLE: the signature .* revocationHosts does not name it/);
    expect(await outcomeOf(byOcsp, signerAt('strict', { revocationHosts: ['*.example', '127.0.0.1'] }))).toContain('does not name it');
    expect(server.asked).toEqual([]);
  });

  it.each(['indirect', 'reasons'] as const)('is a list that can not tell all: %s', async (kind) => {
    server.say('crl', await makeCrl(scene.root));
    const leaf = await issue({ issuer: scene.root, extensions: [partialCrlAt(server.crl, kind)] });
    expect(await outcomeOf(leaf)).toContain('names no server that can be asked');
    expect(server.asked).toEqual([]);
  });

  it('is the fifth of the places that a certificate names', async () => {
    const leaf = await issue({ issuer: scene.root, extensions: [ocspAt(...[1, 2, 3, 4].map((i) => `http://127.0.0.1:${i}/`), server.ocsp)] });
    await sayOcsp(leaf);
    expect(await outcomeOf(leaf)).toContain('may be revoked');
    expect(server.asked).toEqual([]);
  });

  it('of one certificate does not hide that another one is revoked', async () => {
    const subject = 'CN=Middle, O=Partner, ST=WA, C=US';
    const authority = { basic: { ca: true }, usage: { flags: uses.keyCertSign } };
    const middle = await issue({ subject, issuer: scene.root, ...authority, extensions: [crlAt(server.crl)] });
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: middle }] }));
    expect(await outcomeOf(await issue({ issuer: middle, extensions: [ocspAt(server.ocsp)] }))).toMatch(/^SIGNATURE_INVALID: .*CN=Middle was revoked/);
  });

  it('is a place that can not be asked over HTTP', async () => {
    const leaf = await issue({ issuer: scene.root, extensions: [crlAt('ldap://127.0.0.1/cn=crl')] });
    expect(await outcomeOf(leaf)).toMatch(/^REVOCATION_UNAVAILABLE: .*names no server that can be asked over HTTP/);
  });
});

describe('a responder', () => {
  const responder = (more: IssueOptions = {}): Promise<Issued> =>
    issue({
      subject: 'CN=Responder, O=Partner, ST=WA, C=US',
      issuer: scene.root,
      extended: { purposes: [ocspSigning] },
      extensions: [],
      ...more,
    });

  it.each([true, false])('that the issuer appointed may answer; named by its key: %s', async (byKey) => {
    await sayOcsp(byOcsp, { responder: await responder(), byKey });
    expect(await outcomeOf(byOcsp)).toBe('counts');
    await sayOcsp(byOcsp, { byKey, idHash: 'SHA-256' });
    expect(await outcomeOf(byOcsp)).toBe('counts');
  });

  it.each<[string, () => Promise<OcspOptions>, string]>([
    ['that is for something else', async () => ({ responder: await responder({ extended: { purposes: [codeSigning] } }) }), 'not for signing such answers'],
    ['that is for nothing in particular', async () => ({ responder: await responder({ extended: null }) }), 'not for signing such answers'],
    ['that is for no signatures', async () => ({ responder: await responder({ usage: { flags: uses.keyAgreement } }) }), 'not for digital signatures'],
    ['that has expired', async () => ({ responder: await responder({ notBefore: hence(-2), notAfter: hence(-1) }) }), 'is not valid now'],
    ['that may be revoked itself', async () => ({ responder: await responder({ extensions: [crlAt('http://crl.example')] }) }), 'may itself be revoked'],
    ['that demands something unknown', async () => ({ responder: await responder({ extensions: [unknownExtension('1.2.3.4', true)] }) }), '(1.2.3.4)'],
    ['that another authority appointed', async () => ({ responder: await responder({ issuer: await issueRoot() }) }), 'did not appoint'],
    ['that shows no certificate', async () => ({ responder: await responder(), certificates: [] }), 'did not show its certificate'],
    ['that is the certificate itself', async () => ({ responder: byOcsp }), 'not for signing such answers'],
  ])('%s may not', async (_, options, why) => {
    await sayOcsp(byOcsp, await options());
    expect(await outcomeOf(byOcsp)).toContain(why);
  });
});

it('a responder whose own revocation nobody shall ask for may answer, whatever it names', async () => {
  const extensions = [crlAt('http://crl.example'), unknownExtension('1.3.6.1.5.5.7.48.1.5', false)];
  const responder = await issue({ issuer: scene.root, extended: { purposes: [ocspSigning] }, extensions });
  await sayOcsp(byOcsp, { responder });
  expect(await outcomeOf(byOcsp)).toBe('counts');
});

describe('what is done about it', () => {
  it.each(['permissive', 'audit'])('at the level %s is to say so: of one that is revoked, and of one that nobody knows of', async (level) => {
    await sayOcsp(byOcsp, { status: 'revoked' });
    expect(await outcomeOf(byOcsp, signerAt(level))).toMatch(/^counts, with revocation: the certificate .* was revoked/);
    await sayOcsp(byOcsp);
    expect(await outcomeOf(byOcsp, signerAt(level))).toBe('counts');
    await server.close();
    expect(await outcomeOf(byOcsp, signerAt(level))).toMatch(/^counts, with revocation: .* may be revoked/);
  });

  it('where it is skipped is nothing: nobody is asked', async () => {
    await sayOcsp(byOcsp, { status: 'revoked' });
    expect(await outcomeOf(byOcsp, signerAt('strict', { revocation: 'skip' }))).toBe('counts');
    expect(server.asked).toEqual([]);
  });

  it('does not depend on the level where it is set', async () => {
    await sayOcsp(byOcsp, { status: 'revoked' });
    expect(await outcomeOf(byOcsp, signerAt('strict', { revocation: 'log' }))).toContain('counts, with revocation');
    expect(await outcomeOf(byOcsp, signerAt('audit', { revocation: 'enforce' }))).toContain('SIGNATURE_INVALID');
  });

  it('is not asked for what is no signature of the signer', async () => {
    const stranger = await issue({ issuer: await issueRoot(), extensions: [ocspAt(server.ocsp)] });
    expect(await outcomeOf(stranger)).toContain('SIGNER_MISMATCH');
    expect(await outcomeOf(byOcsp, signerAt('strict', { identities: ['x509.subject: C=US, ST=WA, O=Else'] }))).toContain('SIGNER_MISMATCH');
    expect(server.asked).toEqual([]);
  });
});

describe('a key that was in wrong hands from some time on', () => {
  const revoke = async (invalidFrom: Date): Promise<void> => {
    await sayOcsp(byOcsp, { status: 'revoked', invalidFrom });
    server.say('crl', await makeCrl(scene.root, { revoked: [{ certificate: byCrl, invalidFrom }] }));
  };
  const stamped = (at: Date): EnvelopeOptions => ({ timestamp: (signature) => tsa.stamp(signature, { at }) });
  const asking = (): Promise<Signer> => signerAt('strict', {}, { timestamps: tsa.root });

  it('had signed what a timestamp proves to be older', async () => {
    await revoke(hence(-0.1));
    for (const leaf of [byOcsp, byCrl]) {
      expect(await outcomeOf(leaf, asking(), stamped(hence(-0.5)))).toBe('counts');
      expect(await outcomeOf(leaf, asking(), stamped(hence(-0.05)))).toContain('was revoked');
    }
  });

  it('is not believed to have signed earlier where no timestamp says so', async () => {
    await revoke(hence(1));
    expect(await outcomeOf(byOcsp)).toContain('was revoked');
    expect(await outcomeOf(byCrl)).toContain('was revoked');
  });

  it('that is a timestamp authority’s own spoils all its times', async () => {
    const other = await makeTimestampAuthority({ extensions: [crlAt(server.crl)] });
    const signer = (): Promise<Signer> => signerAt('strict', {}, { timestamps: other.root });
    const options: EnvelopeOptions = { timestamp: (signature) => other.stamp(signature) };
    server.say('crl', await makeCrl(other.root));
    expect(await outcomeOf(scene.leaf, signer(), options)).toBe('counts');
    server.say('crl', await makeCrl(other.root, { revoked: [{ certificate: other.leaf, invalidFrom: hence(1) }] }));
    expect(await outcomeOf(scene.leaf, signer(), options)).toMatch(/the certificate \S+,CN=Time was revoked/);
  });
});

describe('an answer', () => {
  it('is kept, and asked for once however many wait for it', async () => {
    await sayOcsp(byOcsp);
    const signer = await signerAt('strict');
    const images = await Promise.all([1, 2, 3].map(() => scene.publishSigned(byOcsp)));
    const outcomes = await Promise.all(images.map((image) => signer.look(subjectIn(image), patience())));
    expect(outcomes.map((outcome) => outcome.ok && outcome.value.signatures.length)).toEqual([1, 1, 1]);
    expect(server.asked).toEqual(['ocsp GET']);
    await server.close();
    expect(await outcomeOf(byOcsp, Promise.resolve(signer))).toBe('counts');
  });

  it('is one list for all the certificates that it is about', async () => {
    const other = await issue({ issuer: scene.root, extensions: [crlAt(server.crl)] });
    server.say('crl', await makeCrl(scene.root));
    const signer = await signerAt('strict');
    const images = await Promise.all([byCrl, other].map((leaf) => scene.publishSigned(leaf)));
    await Promise.all(images.map((image) => signer.look(subjectIn(image), patience())));
    expect(await outcomeOf(await issue({ issuer: scene.root, extensions: [crlAt(server.crl)] }), Promise.resolve(signer))).toBe('counts');
    expect(server.asked).toEqual(['crl GET']);
  });

  it('is one list for certificates that are asked about at the same time', async () => {
    const authority = { basic: { ca: true }, usage: { flags: uses.keyCertSign } };
    const middle = await issue({ subject: 'CN=Middle, O=Partner', issuer: scene.root, ...authority, extensions: [crlAt(server.crl)] });
    server.say('crl', await makeCrl(scene.root));
    expect(await outcomeOf(await issue({ issuer: middle, extensions: [crlAt(server.crl)] }))).toContain('is by another authority');
    expect(server.asked).toEqual(['crl GET']);
  });

  it('that says nothing is not kept', async () => {
    const signer = signerAt('strict');
    server.say('crl', Buffer.from('garbage'));
    expect(await outcomeOf(byCrl, signer)).toContain('can not be read');
    server.say('crl', await makeCrl(scene.root));
    expect(await outcomeOf(byCrl, signer)).toBe('counts');
  });

  it('is not waited for again at once where a server could not be reached', async () => {
    const signer = signerAt('strict');
    server.say('ocsp', (request) => request.socket.destroy());
    expect(await outcomeOf(byOcsp, signer)).toContain('could not be reached');
    expect(await outcomeOf(byOcsp, signer)).toContain('could not be reached');
    expect(server.asked).toEqual(['ocsp GET']);
  });

  it('is not the only thing that ends: so do a signature that expires, and a certificate', async () => {
    const holdsFor = async (options: Parameters<Scene['outcomeOf']>[2]): Promise<number> => {
      const outcome = await scene.outcomeOf(await signerAt('strict'), jws, options);
      return outcome.ok ? (outcome.value.holdsFor ?? Number.POSITIVE_INFINITY) / day : 0;
    };
    expect(await holdsFor({ header: { crit: [scheme, expiry], [expiry]: hence(3) } })).toBeCloseTo(3, 1);
    expect(await holdsFor({ leaf: await issue({ issuer: scene.root, notAfter: hence(2) }) })).toBeCloseTo(2, 1);
    await sayOcsp(byOcsp, { nextUpdate: hence(90) });
    expect(await holdsFor({ leaf: byOcsp })).toBeCloseTo(30, 1);
  });

  it('bounds how long what rests on it holds', async () => {
    await sayOcsp(byOcsp, { nextUpdate: hence(0.25) });
    const outcome = await scene.outcomeOf(await signerAt('strict'), jws, { leaf: byOcsp });
    const holdsFor = outcome.ok ? outcome.value.holdsFor : null;
    expect(holdsFor).toBeGreaterThan(0.24 * day);
    expect(holdsFor).toBeLessThanOrEqual(0.25 * day);
  });

  it('that is not there is asked for again soon where that is only logged', async () => {
    const outcome = await scene.outcomeOf(await signerAt('permissive'), jws, { leaf: byOcsp });
    expect(outcome.ok ? outcome.value.freshFor : null).toBeLessThanOrEqual(60_000);
    expect(outcome.ok ? outcome.value.holdsFor : 0).toBeUndefined();
  });
});
