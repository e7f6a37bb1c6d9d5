import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/domain/fault.ts';
import { createLayouts, type Signer, signerKinds } from '../../../src/signatures/index.ts';
import { makeKey } from '../../fakes/publish.ts';
import { asking, filesOf, openRegistry, proving, rootsOf } from './support.ts';

const { settings, create } = signerKinds['cosign-key'];
const { publicPem, privatePem } = makeKey();
const entry = { name: 'release', images: ['registry.corp/acme/**'], kind: 'cosign-key' };

function make(more: object, files: Readonly<Record<string, string>> = {}, revoked: readonly string[] = []): Promise<Outcome<Signer>> {
  return create(settings.parse({ ...entry, ...more }), {
    layouts: createLayouts(openRegistry()),
    registry: openRegistry(),
    ...asking(),
    trustRoots: rootsOf(files),
    proving,
    revoked: { digests: [], keys: revoked, identities: [] },
    file: filesOf(files),
  });
}

const trustOf = async (more: object, files: Readonly<Record<string, string>> = {}, revoked: readonly string[] = []): Promise<string> => {
  const signer = await make(more, files, revoked);
  if (!signer.ok) throw new Error(signer.fault.message);
  return signer.value.trust;
};

describe('an entry of signers', () => {
  it.each([
    ['no key', {}],
    ['two sources of keys', { key: publicPem, keyFile: 'a.pub' }],
    ['no images', { key: publicPem, images: [] }],
    ['an unknown key', { key: publicPem, transparencylog: true }],
    ['an empty list of keys', { keys: [] }],
    ['a repository that is none', { key: publicPem, repository: 'UPPER/case' }],
    ['a log without a trusted root', { key: publicPem, transparencyLog: true }],
    ['a trusted root without a log', { key: publicPem, trustedRoot: { file: 'root.json' } }],
    ['annotations that are no text', { key: publicPem, annotations: { a: 1 } }],
  ])('is refused with %s', (_, more) => {
    expect(settings.safeParse({ ...entry, ...more }).success).toBe(false);
  });

  it('asks for no log unless told to', () => {
    expect(settings.parse({ ...entry, key: publicPem }).transparencyLog).toBe(false);
  });

  it.each([
    ['a private key', privatePem, 'private key'],
    ['no PEM', 'hello', 'PEM block'],
    ['two keys in one', `${publicPem}${makeKey().publicPem}`, 'exactly one'],
    ['a certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', 'PUBLIC KEY'],
    ['garbage inside', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', 'can not be read'],
    ['a curve that nobody signs with', pemOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' })), 'curve'],
    ['a short RSA key', pemOf(generateKeyPairSync('rsa', { modulusLength: 1024 })), 'RSA'],
    ['a key for something else', pemOf(generateKeyPairSync('x25519')), 'neither'],
  ])('with a key file that holds %s makes no signer', async (_, content, reason) => {
    expect(await make({ keyFile: 'release.pub' }, { 'release.pub': content })).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining(reason) },
    });
  });

  it('with a missing file makes no signer', async () => {
    expect(await make({ keyFile: 'release.pub' })).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it.each(['{', '[]', '{"tlogs":[]}', '{"tlogs":[{"logId":5}]}'])('with a trusted root that is none makes no signer: %s', async (root) => {
    const made = await make({ key: publicPem, transparencyLog: true, trustedRoot: { file: 'root.json' } }, { 'root.json': root });
    expect(made).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } });
  });

  it('counts for the images it names, whole names only', async () => {
    const signer = await make({ key: publicPem, images: ['registry.corp/acme/*'] });
    if (!signer.ok) throw new Error(signer.fault.message);
    const applies = (repository: string): boolean => signer.value.applies({ registry: 'registry.corp', repository, tag: null, digest: null });
    expect([applies('acme/web'), applies('acme/web/deep'), applies('acme'), applies('evil/acme/web')]).toEqual([true, false, false, false]);
  });
});

describe('the trust of a signer', () => {
  it('is the same for the same, whatever the order and whichever way the keys came', async () => {
    const second = makeKey().publicPem;
    expect(await trustOf({ keys: [publicPem, second] })).toBe(await trustOf({ keys: [second, publicPem, second] }));
    expect(await trustOf({ key: publicPem })).toBe(await trustOf({ keyFile: 'a' }, { a: publicPem }));
    expect(await trustOf({ key: publicPem, annotations: { a: '1', b: '2' } })).toBe(await trustOf({ key: publicPem, annotations: { b: '2', a: '1' } }));
  });

  it('changes with the keys, the annotations, the repository and what is revoked, and not with the images', async () => {
    const all = await Promise.all([
      trustOf({ key: publicPem }),
      trustOf({ key: makeKey().publicPem }),
      trustOf({ key: publicPem, annotations: { a: '1' } }),
      trustOf({ key: publicPem, repository: 'registry.corp/signatures' }),
      trustOf({ key: publicPem }, {}, ['ab']),
    ]);
    expect(new Set(all).size).toBe(all.length);
    expect(await trustOf({ key: publicPem, images: ['other/**'] })).toBe(all[0]);
  });
});

function pemOf({ publicKey }: { readonly publicKey: { export(options: { readonly type: 'spki'; readonly format: 'pem' }): string | Buffer } }): string {
  return publicKey.export({ type: 'spki', format: 'pem' }).toString();
}
