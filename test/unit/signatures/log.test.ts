import { createHash } from 'node:crypto';
import { initializeTLog } from '@sigstore/mock';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Finds } from '../../../src/domain/evidence.ts';
import { property } from '../../../src/domain/json.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import {
  appendLayers,
  envelope,
  type KeyPair,
  legacyPayload,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  pushReferrer,
  signBundle,
  signBytes,
  signLegacy,
  statement,
} from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { lookWith, makeSigner, openRegistry, subjectOf } from './support.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const key = makeKey();
const other = makeKey();
const clock = new Date('2026-11-01T12:00:00Z');

/** What a transparency log of a private Sigstore hands back. */
interface LogEntry {
  readonly body: string;
  readonly integratedTime: number;
  readonly logID: string;
  readonly logIndex: number;
  readonly verification: {
    readonly inclusionProof: { readonly logIndex: number; readonly treeSize: number; readonly checkpoint: string; readonly rootHash: string };
    readonly signedEntryTimestamp: string;
  };
}

let registry: FakeRegistry;
let client: Registry;
let log: Awaited<ReturnType<typeof initializeTLog>>;
let root: string;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host);
  const pair = makeKey();
  log = await initializeTLog('https://log.example.com', { publicKey: pair.publicKey, privateKey: pair.privateKey }, clock);
  const rawBytes = Buffer.from(log.publicKey).toString('base64');
  const keyId = createHash('sha256').update(log.publicKey).digest('base64');
  const publicKey = { rawBytes, keyDetails: 'PKIX_ECDSA_P256_SHA_256', validFor: { start: '2026-01-01T00:00:00Z' } };
  root = JSON.stringify({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: [{ baseUrl: 'https://log.example.com', hashAlgorithm: 'SHA2_256', publicKey, logId: { keyId } }],
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  });
});
afterAll(() => registry.close());

let count = 0;
const publish = (): Promise<PublishedImage> => {
  count += 1;
  return publishImage({ registry: registry.origin, repository: 'acme/web', content: `logged ${count}` });
};

async function look(image: PublishedImage, by: KeyPair = key): Promise<Finds> {
  const signer = await makeSigner(client, { key: by, transparencyLog: true, trustedRoot: { file: 'root.json' } }, { files: { 'root.json': root } });
  return lookWith(signer, subjectOf(image));
}

async function record(entry: object): Promise<LogEntry> {
  const [recorded] = Object.values(await log.log(entry));
  return recorded as LogEntry;
}

const pemOf = (pair: KeyPair): string => Buffer.from(pair.publicPem).toString('base64');
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();

/** A legacy signature with the log's receipt; `named` is the key that the entry names. */
async function signLogged(
  image: PublishedImage,
  more: { readonly named?: KeyPair; readonly forge?: (receipt: LogEntry) => LogEntry; readonly by?: KeyPair } = {},
) {
  const by = more.by ?? key;
  const payload = legacyPayload(image.digest, `${registry.host}/acme/web`);
  const signature = signBytes(by, payload).toString('base64');
  const hash = by.kind === 'p384' ? 'sha384' : 'sha256';
  const honest = await record({
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: hash, value: createHash(hash).update(payload).digest('hex') } },
      signature: { content: signature, publicKey: { content: pemOf(more.named ?? by) } },
    },
  });
  const { body, integratedTime, logID, logIndex, verification } = more.forge?.(honest) ?? honest;
  const receipt = { SignedEntryTimestamp: verification.signedEntryTimestamp, Payload: { body, integratedTime, logIndex, logID } };
  const layer = await pushBlob(image.place, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  const annotations = { 'dev.cosignproject.cosign/signature': signature, 'dev.sigstore.cosign/bundle': JSON.stringify(receipt) };
  await appendLayers(image.place, `${image.digest.replace(':', '-')}.sig`, [{ ...layer, annotations }]);
}

/** A bundle with an entry of Rekor v1 (promise and proof) or v2 (proof only). */
async function bundleLogged(image: PublishedImage, version: 1 | 2, named: KeyPair = key, signedFor: PublishedImage = image) {
  const bundle = (about: PublishedImage): object => {
    const said = statement(about.digest, 'https://sigstore.dev/cosign/sign/v1', {}, { type: 'https://in-toto.io/Statement/v1' });
    return envelope(said, key);
  };
  const dsseEnvelope = bundle(image);
  const logged = signedFor === image ? dsseEnvelope : bundle(signedFor);
  const [{ sig }] = property(logged, 'signatures') as [{ sig: string }];
  const payloadHash = sha256(Buffer.from(String(property(logged, 'payload')), 'base64'));
  const v2 = { publicKey: { rawBytes: named.publicKey.export({ type: 'spki', format: 'der' }).toString('base64') }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' };
  const spec =
    version === 1
      ? { payloadHash: { algorithm: 'sha256', value: payloadHash.toString('hex') }, signatures: [{ signature: sig, verifier: pemOf(named) }] }
      : { dsseV002: { payloadHash: { algorithm: 'SHA2_256', digest: payloadHash.toString('base64') }, signatures: [{ content: sig, verifier: v2 }] } };
  const apiVersion = version === 1 ? '0.0.1' : '0.0.2';
  const { body, integratedTime, logID, logIndex, verification } = await record({ apiVersion, kind: 'dsse', spec });
  const { inclusionProof, signedEntryTimestamp } = verification;
  const entry = {
    logIndex: String(logIndex),
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind: 'dsse', version: apiVersion },
    // Rekor v2 promises nothing, so this time is only claimed there.
    integratedTime: String(integratedTime),
    ...(version === 1 ? { inclusionPromise: { signedEntryTimestamp } } : {}),
    inclusionProof: {
      logIndex: String(inclusionProof.logIndex),
      treeSize: String(inclusionProof.treeSize),
      rootHash: Buffer.from(inclusionProof.rootHash, 'hex').toString('base64'),
      hashes: [],
      checkpoint: { envelope: inclusionProof.checkpoint },
    },
    canonicalizedBody: body,
  };
  const whole = { mediaType: bundleType, verificationMaterial: { publicKey: { hint: '' }, tlogEntries: [entry] }, dsseEnvelope };
  const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(whole)), bundleType);
  await pushReferrer(image.place, image.descriptor, [layer], bundleType);
}

const notLogged = { signatures: [], rejected: [{ code: 'SIGNATURE_INVALID', message: expect.stringContaining('transparency log') }] };

describe('a signer that wants the transparency log', () => {
  it('refuses signatures that are in no log', async () => {
    const image = await publish();
    await signLegacy(image, key);
    await signBundle(image, key);
    const finds = await look(image);
    expect(finds.signatures).toEqual([]);
    expect(finds.rejected.map(({ code }) => code)).toEqual(['SIGNATURE_INVALID', 'SIGNATURE_INVALID']);
  });

  it('accepts a legacy signature with its receipt, and tells the time that the log vouches for', async () => {
    const image = await publish();
    await signLogged(image);
    expect((await look(image)).signatures).toMatchObject([{ layout: 'legacy', signedAt: clock.toISOString() }]);
  });

  it('accepts one by a P-384 key, whose entry has its SHA-384', async () => {
    const image = await publish();
    const large = makeKey('p384');
    await signLogged(image, { by: large });
    expect((await look(image, large)).signatures).toHaveLength(1);
  });

  it('accepts a bundle of Rekor v1 with its time, and one of v2, which vouches for none', async () => {
    const [first, second] = [await publish(), await publish()];
    await bundleLogged(first, 1);
    await bundleLogged(second, 2);
    expect((await look(first)).signatures).toMatchObject([{ layout: 'bundle', signedAt: clock.toISOString() }]);
    expect((await look(second)).signatures).toMatchObject([{ layout: 'bundle', signedAt: null }]);
  });

  it('refuses a receipt whose time was changed', async () => {
    const image = await publish();
    await signLogged(image, { forge: (receipt) => ({ ...receipt, integratedTime: receipt.integratedTime - 1000 }) });
    expect(await look(image)).toMatchObject(notLogged);
  });

  it('refuses a receipt for another signature', async () => {
    const [image, another] = [await publish(), await publish()];
    await bundleLogged(image, 1, key, another);
    expect(await look(image)).toMatchObject(notLogged);
  });

  it("refuses an entry that names another key than the signer's, in every form of entry", async () => {
    const images = [await publish(), await publish(), await publish()] as const;
    await signLogged(images[0], { named: other });
    await bundleLogged(images[1], 1, other);
    await bundleLogged(images[2], 2, other);
    for (const image of images) {
      expect(await look(image)).toMatchObject({
        signatures: [],
        rejected: [{ code: 'SIGNATURE_INVALID', message: expect.stringContaining('names another key') }],
      });
    }
  });

  it('refuses the signature of another key, log entry or not', async () => {
    const image = await publish();
    await signLogged(image, { by: other });
    expect(await look(image)).toMatchObject({ signatures: [], rejected: [{ code: 'SIGNER_MISMATCH' }] });
  });

  it('refuses the log of somebody else', async () => {
    const stranger = makeKey();
    const ours = log;
    log = await initializeTLog('https://log.example.com', { publicKey: stranger.publicKey, privateKey: stranger.privateKey }, clock);
    const image = await publish();
    await signLogged(image);
    log = ours;
    expect(await look(image)).toMatchObject(notLogged);
  });
});
