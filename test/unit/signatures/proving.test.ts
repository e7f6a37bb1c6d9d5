import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readCertificate } from '../../../src/signatures/certificate.ts';
import type { Claim } from '../../../src/signatures/claim.ts';
import { decodeBundle } from '../../../src/signatures/decode.ts';
import { createProving, type Proving } from '../../../src/signatures/index.ts';
import { proverOf } from '../../../src/signatures/proving/proof.ts';
import { parseRoot, type Root } from '../../../src/signatures/trustRoots/root.ts';
import { type PublishedImage, publishImage } from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { certify, makeSigstore, type Sigstore, signKeyless } from '../../fakes/sigstore.ts';
import { lookWith, makeSigner, openRegistry, subjectOf } from './support.ts';

const me = 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main';
const issuer = 'https://token.actions.githubusercontent.com';
const proofs = { transparencyLog: true, certificateLog: true };

let registry: FakeRegistry;
let sigstore: Sigstore;
let image: PublishedImage;
/** As it is in the registry, anew for each test: what is known of a claim is known of that object. */
let bundle: Buffer;
beforeAll(async () => {
  registry = await startRegistry();
  sigstore = await makeSigstore();
  image = await publishImage({ registry: registry.origin, repository: 'acme/web', content: 'proving' });
  const holder = await certify(sigstore, { names: [{ type: 'url', value: me }], issuer });
  await signKeyless(image, sigstore, holder, {
    stamps: [sigstore],
    change: (made) => {
      bundle = Buffer.from(JSON.stringify(made));
      return made;
    },
  });
});
afterAll(() => registry.close());

function rootOf({ trustedRoot }: Sigstore): Root {
  const root = parseRoot(Buffer.from(trustedRoot));
  if (!root.ok) throw new Error(root.fault.message);
  return root.value;
}

function claimed(): { readonly claim: Claim; readonly der: Buffer } {
  const claim = decodeBundle(image.digest, bundle, 'signature');
  if (!claim.ok || claim.value.certificate === null) throw new Error('the bundle can be read');
  return { claim: claim.value, der: claim.value.certificate };
}

async function withProving<T>(proving: Proving, use: (proving: Proving) => Promise<T>): Promise<T> {
  try {
    return await use(proving);
  } finally {
    await proving.close();
  }
}

describe('a thread that proves signatures', () => {
  it.each([
    ['the right root', async () => rootOf(sigstore)],
    ['another root', async () => rootOf(await makeSigstore('https://other.example.com'))],
  ])('says by %s what would be said without it', async (_, rootBy) => {
    const root = await rootBy();
    const { claim, der } = claimed();
    const certificate = readCertificate(der);
    if (!certificate.ok) throw new Error('the certificate can be read');
    const here = proverOf(root.material, proofs)(claim, certificate.value);
    const there = await withProving(createProving(), (proving) => proving.prove(root, proofs, claim, der));
    expect(there).toMatchObject(here.ok ? here : { ok: false, fault: { code: here.fault.code, message: here.fault.message } });
  });

  it('is asked once about one claim, by however many signers', async () => {
    await withProving(createProving(), async (proving) => {
      const { claim, der } = claimed();
      const root = rootOf(sigstore);
      expect(proving.prove(root, proofs, claim, der)).toBe(proving.prove(root, proofs, claim, der));
      expect(proving.prove(root, { ...proofs, certificateLog: false }, claim, der)).not.toBe(proving.prove(root, proofs, claim, der));
    });
  });

  it.each([
    ['takes too long', { patience: 1, waiting: 10 }, 'took longer than 1 ms'],
    ['has too much to do', { patience: 10_000, waiting: 0 }, 'more than 0 signatures wait'],
  ])('that %s is an outage, and is asked anew', async (_, limits, message) => {
    await withProving(createProving(limits), async (proving) => {
      const { claim, der } = claimed();
      const first = proving.prove(rootOf(sigstore), proofs, claim, der);
      expect(await first).toMatchObject({ ok: false, fault: { code: 'INTERNAL', transient: true, message: expect.stringContaining(message) } });
      expect(proving.prove(rootOf(sigstore), proofs, claim, der)).not.toBe(first);
    });
  });

  it('answers all who wait when it is closed', async () => {
    const proving = createProving();
    const { claim, der } = claimed();
    const asked = proving.prove(rootOf(sigstore), proofs, claim, der);
    await proving.close();
    expect(await asked).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
    expect(await proving.prove(rootOf(sigstore), proofs, claimed().claim, der)).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
  });

  it('that is not there leaves a signer with a fault, and not with a signature that does not count', async () => {
    const proving = createProving();
    await proving.close();
    const entry = { kind: 'cosign-keyless', issuer, identity: me, trustedRoot: { file: 'root.json' } };
    const signer = await makeSigner(openRegistry(registry.host), entry, { files: { 'root.json': sigstore.trustedRoot }, proving });
    expect(await lookWith(signer, subjectOf(image))).toMatchObject({ signatures: [], rejected: [], faults: [{ code: 'INTERNAL', transient: true }] });
  });
});
