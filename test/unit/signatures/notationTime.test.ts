import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import { codeSigning, constrainNames, crlAt, type Issued, issue, issueRoot, timeStamping, unknownExtension, uses } from '../../fakes/notation/authority.ts';
import { authenticSigningTime, cose, type EnvelopeOptions, expiry, formats, jws, scheme, signingTime } from '../../fakes/notation/sign.ts';
import { makeTimestampAuthority, type TimestampAuthority, type TimestampOptions } from '../../fakes/notation/timestamps.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { makeScene, type Scene, subjectIn, trusting } from './notationSupport.ts';
import { lookWith, openRegistry } from './support.ts';

let registry: FakeRegistry;
let client: Registry;
let scene: Scene;
let tsa: TimestampAuthority;
let expired: Issued;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
  scene = await makeScene(registry.origin);
  tsa = await makeTimestampAuthority({ notBefore: hence(-400) });
  // A leaf that was valid for a month, long ago, under a root that still is.
  expired = await issue({ issuer: scene.root, notBefore: hence(-0.9), notAfter: hence(-0.2) });
});
afterAll(() => registry.close());

const day = 86_400_000;
const hence = (days: number): Date => new Date(Date.now() + days * day);
const stamped = (options: TimestampOptions = {}, by = tsa): EnvelopeOptions => ({ timestamp: (signature) => by.stamp(signature, options) });
const flipLast = (bytes: Buffer): Buffer => {
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  return bytes;
};
const reasonOf = ({ signatures, rejected }: Finds): string => {
  expect(signatures).toEqual([]);
  expect(rejected).toHaveLength(1);
  return `${rejected[0]?.code}: ${rejected[0]?.message.replace(/^the signature \S+ does not count: /, '')}`;
};
const isTrusted = (finds: Finds): boolean => {
  expect(finds.rejected).toEqual([]);
  return finds.signatures.length === 1;
};

describe('a timestamp', () => {
  const asking = (more: Readonly<Record<string, unknown>> = {}) => trusting(client, scene.root, more, { timestamps: tsa.root });

  it.each(formats)('says when it was signed, in %s', async (format) => {
    const at = hence(-0.1);
    at.setMilliseconds(0);
    const finds = await scene.lookAt(await asking(), format, stamped({ at }));
    expect(isTrusted(finds)).toBe(true);
    expect(finds.signatures[0]?.signedAt).toBe(at.toISOString());
  });

  it.each(formats)('lets a certificate expire that was valid at its time, in %s', async (format) => {
    expect(isTrusted(await scene.lookAt(await asking(), format, { leaf: expired, ...stamped({ at: hence(-0.5) }) }))).toBe(true);
    expect(reasonOf(await scene.lookAt(await asking(), format, { leaf: expired, ...stamped() }))).toContain('not valid at the time of its timestamp');
    expect(reasonOf(await scene.lookAt(await asking(), format, { leaf: expired }))).toContain('it has no timestamp');
  });

  it('is not looked at where none is asked for: then an expired certificate is refused', async () => {
    const finds = await scene.lookAt(await trusting(client, scene.root), jws, { leaf: expired, ...stamped({ at: hence(-0.5) }) });
    expect(reasonOf(finds)).toContain('no timestamp is asked for');
    expect((await scene.lookAt(await trusting(client, scene.root), jws, stamped())).signatures[0]?.signedAt).toBeNull();
  });

  it('is needed always where its authorities are named, or only after a certificate has expired', async () => {
    expect(reasonOf(await scene.lookAt(await asking(), jws))).toContain('it has no timestamp');
    const later = await asking({ verifyTimestamp: 'afterCertExpiry' });
    expect(isTrusted(await scene.lookAt(later, jws))).toBe(true);
    expect(reasonOf(await scene.lookAt(later, jws, { leaf: expired }))).toContain('it has no timestamp');
    expect(isTrusted(await scene.lookAt(later, jws, { leaf: expired, ...stamped({ at: hence(-0.5) }) }))).toBe(true);
  });

  it.each<[string, () => Promise<EnvelopeOptions> | EnvelopeOptions, string]>([
    ['by another authority', async () => stamped({}, await makeTimestampAuthority()), 'SIGNER_MISMATCH: its timestamp is by an authority that is not trusted'],
    ['over another signature', () => stamped({ over: Buffer.from('another') }), 'its timestamp is not over this signature'],
    ['over something that is no time', () => stamped({ type: '1.2.840.113549.1.7.1', over: Buffer.from('x') }), 'its timestamp holds no time'],
    ['by two signers', () => stamped({ signers: 2 }), 'exactly one signer'],
    ['whose own signature is changed', () => ({ timestamp: async (signature) => flipLast(await tsa.stamp(signature)) }), 'is not signed'],
    ['that does not name its certificate', () => stamped({ named: null }), 'does not name the certificate'],
    ['that names another certificate', () => stamped({ named: scene.root.der }), 'does not name the certificate'],
    ['that says it holds something else', () => stamped({ contentType: '1.2.840.113549.1.7.1' }), 'does not say that it holds a time'],
    ['signed with SHA-1', () => stamped({ digest: 'SHA-1' }), 'algorithm that is not believed'],
    ['of the future', () => stamped({ at: hence(1) }), 'of the future'],
    ['from before its authority was certified', () => stamped({ at: hence(-500) }), 'at which its authority had no valid certificate'],
    ['that is garbage', () => ({ timestamp: async () => Buffer.from('garbage') }), 'its timestamp can not be read'],
    ['that is too long', () => ({ timestamp: async () => Buffer.alloc(40_000) }), 'a timestamp longer than'],
  ])('is refused %s', async (_, options, why) => {
    expect(reasonOf(await scene.lookAt(await asking(), cose, await options()))).toContain(why);
  });

  it.each<[string, Parameters<typeof makeTimestampAuthority>[0], string]>([
    ['for other purposes too', { extended: { purposes: [timeStamping, codeSigning], critical: true } }, 'is not for time stamping alone'],
    ['whose purpose is not critical', { extended: { purposes: [timeStamping], critical: false } }, 'is not for time stamping alone'],
    ['for no purpose', { extended: null }, 'is not for time stamping alone'],
    [
      'with an unknown critical extension',
      { extensions: [unknownExtension('1.2.3.4', true)] },
      'of its timestamp, the signing certificate has a critical extension',
    ],
    ['that constrains names', { extensions: [constrainNames(true)] }, 'has name constraints'],
    ['that may sign certificates', { usage: { flags: uses.digitalSignature | uses.keyCertSign } }, 'is for keyCertSign too'],
  ])('is refused by an authority with a certificate %s', async (_, options, why) => {
    const other = await makeTimestampAuthority(options);
    const signer = await trusting(client, scene.root, {}, { timestamps: other.root });
    expect(reasonOf(await scene.lookAt(signer, jws, stamped({}, other)))).toContain(why);
  });

  it('may come through an intermediate authority, with the root in the token or without', async () => {
    const root = await issueRoot('CN=Time Root, O=Time, ST=WA, C=US');
    const middle = await issue({ subject: 'CN=Time CA, O=Time, ST=WA, C=US', issuer: root, basic: { ca: true }, usage: { flags: uses.keyCertSign } });
    const other = await makeTimestampAuthority({ issuer: middle });
    const signer = await trusting(client, scene.root, {}, { timestamps: root });
    expect(isTrusted(await scene.lookAt(signer, jws, stamped({ certificates: [other.leaf, middle] }, other)))).toBe(true);
    expect(isTrusted(await scene.lookAt(signer, jws, stamped({ certificates: [root, other.leaf, middle] }, other)))).toBe(true);
    expect(reasonOf(await scene.lookAt(signer, jws, stamped({ certificates: [other.leaf] }, other)))).toContain('is not trusted');
  });
});

describe('the scheme of signing authorities', () => {
  const header = (at: Date): Readonly<Record<string, unknown>> => ({
    crit: [scheme, authenticSigningTime],
    [scheme]: 'notary.x509.signingAuthority',
    [signingTime]: undefined,
    [authenticSigningTime]: at,
  });
  const authority = () => trusting(client, scene.root, { trustStoreType: 'signingAuthority' });

  it.each(formats)('believes the time that the signature names, in %s', async (format) => {
    const at = hence(-0.5);
    at.setMilliseconds(0);
    const finds = await scene.lookAt(await authority(), format, { leaf: expired, header: header(at) });
    expect(isTrusted(finds)).toBe(true);
    expect(finds.signatures).toMatchObject([{ signedAt: at.toISOString(), claims: { signingScheme: 'notary.x509.signingAuthority' } }]);
  });

  it.each(formats)('refuses a time at which a certificate was not valid, and one of the future, in %s', async (format) => {
    expect(reasonOf(await scene.lookAt(await authority(), format, { leaf: expired, header: header(hence(-0.1)) }))).toContain(
      'was not valid when it was signed',
    );
    expect(reasonOf(await scene.lookAt(await authority(), format, { header: header(hence(0.1)) }))).toContain('in the future');
  });

  it.each(formats)('needs a trust store of its own type, and its time marked critical, in %s', async (format) => {
    const ca = await trusting(client, scene.root);
    expect(reasonOf(await scene.lookAt(ca, format, { header: header(hence(-0.1)) }))).toContain(
      'SIGNER_MISMATCH: its signing scheme notary.x509.signingAuthority needs',
    );
    expect(reasonOf(await scene.lookAt(await authority(), format))).toContain('SIGNER_MISMATCH: its signing scheme notary.x509 needs');
    const unmarked = { ...header(hence(-0.1)), crit: [scheme] };
    expect(reasonOf(await scene.lookAt(await authority(), format, { header: unmarked }))).toContain(`does not mark ${authenticSigningTime}`);
  });
});

describe('levels', () => {
  const old = { crit: [scheme, expiry], [signingTime]: hence(-0.8), [expiry]: hence(-0.7) };
  const crl = crlAt('http://crl.example/crl');
  const at = (level: string, more: Readonly<Record<string, unknown>> = {}, options: Parameters<typeof trusting>[3] = {}) =>
    trusting(client, scene.root, { level, ...more }, options);

  it('strict enforces time, expiry and revocation', async () => {
    expect(reasonOf(await scene.lookAt(await at('strict'), jws, { leaf: expired }))).toContain('not valid now');
    expect(reasonOf(await scene.lookAt(await at('strict'), jws, { header: old }))).toContain('it expired at');
    const revocable = await issue({ issuer: scene.root, extensions: [crl] });
    expect(reasonOf(await scene.lookAt(await at('strict'), jws, { leaf: revocable }))).toMatch(/^REVOCATION_UNAVAILABLE: .* may be revoked/);
  });

  it.each(['permissive', 'audit'])('%s only logs them, and a policy sees it', async (level) => {
    const leaf = await issue({ issuer: scene.root, notBefore: hence(-0.9), notAfter: hence(-0.2), extensions: [crl] });
    const finds = await scene.lookAt(await at(level), jws, { leaf, header: old });
    expect(isTrusted(finds)).toBe(true);
    expect(finds.signatures[0]?.claims).toEqual({
      signingScheme: 'notary.x509',
      verificationLevel: level,
      failures: 'expiry,authenticTimestamp,revocation',
      'failure.expiry': expect.stringContaining('it expired at'),
      'failure.authenticTimestamp': expect.stringContaining('not valid now'),
      'failure.revocation': expect.stringContaining('may be revoked'),
    });
  });

  it.each(['strict', 'permissive', 'audit'])('%s never takes a stranger for the signer', async (level) => {
    const stranger = await issue({ issuer: await issueRoot() });
    expect(reasonOf(await scene.lookAt(await at(level), jws, { leaf: stranger }))).toContain('SIGNER_MISMATCH');
    const named = await at(level, { identities: ['x509.subject: C=US, ST=WA, O=Else'] });
    expect(reasonOf(await scene.lookAt(named, jws))).toContain('SIGNER_MISMATCH');
  });

  it.each(['permissive', 'audit'])('%s enforces integrity', async (level) => {
    expect(reasonOf(await scene.lookAt(await at(level), jws, { target: { size: 1 } }))).toContain('another size');
    expect(reasonOf(await scene.lookAt(await at(level), jws, { header: { alg: 'none' } }))).toContain('algorithm');
  });

  it('skip looks at nothing and vouches for nothing', async () => {
    const image = await scene.publish();
    const signer = await at('skip');
    registry.forgetRequests();
    expect(await lookWith(signer, subjectIn(image))).toEqual({ signatures: [], attestations: [], scans: [], rejected: [], faults: [] });
    expect(registry.count()).toBe(0);
  });

  it('leave what is done about revocation to a setting of its own', async () => {
    const leaf = await issue({ issuer: scene.root, extensions: [crl] });
    expect((await scene.lookAt(await at('strict', { revocation: 'skip' }), jws, { leaf })).signatures).toMatchObject([{ claims: { failures: '' } }]);
    expect((await scene.lookAt(await at('strict', { revocation: 'log' }), jws, { leaf })).signatures).toMatchObject([{ claims: { failures: 'revocation' } }]);
    expect(reasonOf(await scene.lookAt(await at('permissive', { revocation: 'enforce' }), jws, { leaf }))).toContain('may be revoked');
  });

  it('ask for the revocation of a timestamp authority too', async () => {
    const other = await makeTimestampAuthority({ extensions: [crl] });
    const strict = await at('strict', {}, { timestamps: other.root });
    expect(reasonOf(await scene.lookAt(strict, jws, stamped({}, other)))).toContain('may be revoked');
  });
});
