import { createHash } from 'node:crypto';
import { property, text } from '../../../src/domain/json.ts';
import { appendLayers, envelope, type KeyPair, legacyPayload, makeKey, type PublishedImage, pushBlob, pushReferrer, signBytes, statement } from '../publish.ts';
import type { CertificateRequest } from './authority.ts';
import type { Sigstore } from './index.ts';
import { bundleEntry, type LogEntry } from './log.ts';

/** A key that was certified for somebody. */
export interface Holder {
  readonly key: KeyPair;
  /** DER. */
  readonly certificate: Buffer;
}

export async function certify(sigstore: Sigstore, request: CertificateRequest, key: KeyPair = makeKey()): Promise<Holder> {
  return { key, certificate: await sigstore.authority.issue(key.publicKey, request) };
}

export interface KeylessOptions {
  readonly layout?: 'legacy' | 'bundle';
  /** Of the bundle. */
  readonly version?: '0.1' | '0.2' | '0.3';
  /** Version of Rekor; null for none. */
  readonly log?: 1 | 2 | null;
  /** Whether timestamp authorities shall say when; from which, and how often. */
  readonly stamps?: readonly (Sigstore | Buffer)[];
  /** An attestation rather than a signature. */
  readonly attest?: { readonly type: string; readonly predicate: unknown };
  /** Milliseconds since the epoch, that the log tells. */
  readonly time?: number;
  /** Of whom the entry speaks, if not of the one who signs. */
  readonly named?: Holder;
  readonly forge?: (entry: LogEntry) => LogEntry;
  /** Changes the bundle before it is pushed. */
  readonly change?: (bundle: Record<string, unknown>) => unknown;
  readonly annotations?: Readonly<Record<string, string>>;
}

const type = (version: string): string =>
  version === '0.3' ? 'application/vnd.dev.sigstore.bundle.v0.3+json' : `application/vnd.dev.sigstore.bundle+json;version=${version}`;
const signPredicate = 'https://sigstore.dev/cosign/sign/v1';
const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest();
export const pemOf = (der: Buffer): string => `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/(.{64})/g, '$1\n')}\n-----END CERTIFICATE-----\n`;

/** Signs an image, or attests about it, as cosign does without a key. */
export async function signKeyless(image: PublishedImage, sigstore: Sigstore, holder: Holder, options: KeylessOptions = {}): Promise<void> {
  const said =
    options.attest === undefined
      ? statement(image.digest, signPredicate, {}, { type: 'https://in-toto.io/Statement/v1', annotations: options.annotations })
      : statement(image.digest, options.attest.type, options.attest.predicate, {});
  if ((options.layout ?? 'bundle') === 'bundle') return pushBundle(image, sigstore, holder, envelope(said, holder.key), options);
  if (options.attest === undefined) return pushSignature(image, sigstore, holder, options);
  return pushAttestation(image, sigstore, holder, envelope(said, holder.key), options);
}

/** Signs with a key alone, in the legacy layout, with the log's receipt. */
export async function signLogged(image: PublishedImage, sigstore: Sigstore, key: KeyPair): Promise<void> {
  const payload = legacyPayload(image.digest, `${new URL(image.place.registry).host}/${image.place.repository}`);
  const signature = signBytes(key, payload).toString('base64');
  const publicKey = { content: Buffer.from(key.publicPem).toString('base64') };
  const data = { hash: { algorithm: 'sha256', value: sha256(payload).toString('hex') } };
  const entry = await sigstore.log.record({ apiVersion: '0.0.1', kind: 'hashedrekord', spec: { data, signature: { content: signature, publicKey } } });
  const layer = await pushBlob(image.place, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  const annotations = { 'dev.cosignproject.cosign/signature': signature, 'dev.sigstore.cosign/bundle': receiptOf(entry) };
  await appendLayers(image.place, `${image.digest.replace(':', '-')}.sig`, [{ ...layer, annotations }]);
}

/** What cosign keeps of an entry in the legacy layouts. */
function receiptOf({ integratedTime, logIndex, logID, verification, body }: LogEntry): string {
  return JSON.stringify({ SignedEntryTimestamp: verification.signedEntryTimestamp, Payload: { body, integratedTime, logIndex, logID } });
}

async function pushSignature(image: PublishedImage, sigstore: Sigstore, holder: Holder, options: KeylessOptions): Promise<void> {
  const payload = legacyPayload(image.digest, `${new URL(image.place.registry).host}/${image.place.repository}`, options.annotations);
  const signature = signBytes(holder.key, payload);
  const body = {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: sha256(payload).toString('hex') } },
      signature: { content: signature.toString('base64'), publicKey: { content: namedIn(holder, options) } },
    },
  };
  const layer = await pushBlob(image.place, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  const annotations = { 'dev.cosignproject.cosign/signature': signature.toString('base64'), ...(await receipts(sigstore, holder, body, signature, options)) };
  await appendLayers(image.place, `${image.digest.replace(':', '-')}.sig`, [{ ...layer, annotations }]);
}

async function pushAttestation(image: PublishedImage, sigstore: Sigstore, holder: Holder, dsse: object, options: KeylessOptions): Promise<void> {
  const bytes = Buffer.from(JSON.stringify(dsse));
  const layer = await pushBlob(image.place, bytes, 'application/vnd.dsse.envelope.v1+json');
  const annotations = { 'dev.cosignproject.cosign/signature': '', ...(await receipts(sigstore, holder, dsseBody(dsse, holder, options), bytes, options)) };
  await appendLayers(image.place, `${image.digest.replace(':', '-')}.att`, [{ ...layer, annotations }]);
}

async function receipts(sigstore: Sigstore, holder: Holder, body: object, stamped: Buffer, options: KeylessOptions): Promise<Record<string, string>> {
  const annotations: Record<string, string> = {
    'dev.sigstore.cosign/certificate': pemOf(holder.certificate),
    'dev.sigstore.cosign/chain': pemOf(sigstore.authority.certificate),
  };
  if (options.log !== null) {
    const entry = await sigstore.log.record(body, options.time);
    annotations['dev.sigstore.cosign/bundle'] = receiptOf(options.forge?.(entry) ?? entry);
  }
  for (const stamp of await stampsOf(options, stamped)) {
    annotations['dev.sigstore.cosign/rfc3161timestamp'] = JSON.stringify({ SignedRFC3161Timestamp: stamp.toString('base64') });
  }
  return annotations;
}

async function pushBundle(image: PublishedImage, sigstore: Sigstore, holder: Holder, dsse: object, options: KeylessOptions): Promise<void> {
  const { version = '0.3', log = 1 } = options;
  const rawBytes = holder.certificate.toString('base64');
  const entries = [];
  if (log !== null) {
    const entry = await sigstore.log.record(log === 1 ? dsseBody(dsse, holder, options) : hashedBody(dsse, holder, options), options.time);
    entries.push(bundleEntry(options.forge?.(entry) ?? entry, log));
  }
  const signature = Buffer.from(signatureOf(dsse), 'base64');
  const stamps = (await stampsOf(options, signature)).map((stamp) => ({ signedTimestamp: stamp.toString('base64') }));
  const bundle: Record<string, unknown> = {
    mediaType: type(version),
    verificationMaterial: {
      ...(version === '0.3' ? { certificate: { rawBytes } } : { x509CertificateChain: { certificates: [{ rawBytes }] } }),
      tlogEntries: entries,
      ...(stamps.length === 0 ? {} : { timestampVerificationData: { rfc3161Timestamps: stamps } }),
    },
    dsseEnvelope: dsse,
  };
  const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(options.change?.(bundle) ?? bundle)), type(version));
  await pushReferrer(image.place, image.descriptor, [layer], type(version), {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': options.attest?.type ?? signPredicate,
  });
}

function dsseBody(dsse: object, holder: Holder, options: KeylessOptions): object {
  const payloadHash = { algorithm: 'sha256', value: sha256(payloadOf(dsse)).toString('hex') };
  const envelopeHash = { algorithm: 'sha256', value: sha256(Buffer.from(JSON.stringify(dsse))).toString('hex') };
  const signatures = [{ signature: signatureOf(dsse), verifier: namedIn(holder, options) }];
  return { apiVersion: '0.0.1', kind: 'dsse', spec: { envelopeHash, payloadHash, signatures } };
}

/** Rekor v2 keeps a DSSE envelope by the hash of what is signed, as any other signature. */
function hashedBody(dsse: object, holder: Holder, { named }: KeylessOptions): object {
  const payload = payloadOf(dsse);
  const type = text(property(dsse, 'payloadType')) ?? '';
  const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
  const data = { algorithm: 'SHA2_256', digest: sha256(signed).toString('base64') };
  const rawBytes = (named ?? holder).certificate.toString('base64');
  const signature = { content: signatureOf(dsse), verifier: { x509Certificate: { rawBytes }, keyDetails: 'PKIX_ECDSA_P256_SHA_256' } };
  return { apiVersion: '0.0.2', kind: 'hashedrekord', spec: { hashedRekordV002: { data, signature } } };
}

const namedIn = (holder: Holder, { named }: KeylessOptions): string => Buffer.from(pemOf((named ?? holder).certificate)).toString('base64');
const payloadOf = (dsse: object): Buffer => Buffer.from(text(property(dsse, 'payload')) ?? '', 'base64');

function signatureOf(dsse: object): string {
  const signatures = property(dsse, 'signatures');
  return text(property(Array.isArray(signatures) ? signatures[0] : null, 'sig')) ?? '';
}

function stampsOf({ stamps = [] }: KeylessOptions, bytes: Buffer): Promise<Buffer[]> {
  return Promise.all(stamps.map((from) => (Buffer.isBuffer(from) ? Promise.resolve(from) : from.stamps.stamp(bytes))));
}
