import { createHash } from 'node:crypto';
import { type Digest, splitDigest } from '../../../src/domain/digest.ts';
import type { PublishedImage } from './image.ts';
import { type KeyPair, signBytes } from './keys.ts';
import { appendLayers, type Place, pushBlob, pushReferrer, type RegistryDescriptor, registryHost } from './push.ts';

const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const inTotoType = 'application/vnd.in-toto+json';
const signPredicate = 'https://sigstore.dev/cosign/sign/v1';

export interface SignOptions {
  /** Signed together with the digest. */
  readonly annotations?: Readonly<Record<string, string>>;
  /** What is signed for instead of the image itself: one platform of an index. */
  readonly subject?: RegistryDescriptor;
  /** Where the signature is put, if not beside the image. */
  readonly place?: Place;
  /** `host/repository` that a legacy signature names, if not the image's own. */
  readonly dockerReference?: string;
}

/** `cosign sign --new-bundle-format=false`: a simple-signing payload as a layer under the tag `sha256-HEX.sig`. */
export async function signLegacy(image: PublishedImage, key: KeyPair, options: SignOptions = {}): Promise<void> {
  const subject = options.subject ?? image.descriptor;
  const reference = options.dockerReference ?? `${registryHost(image.place)}/${image.place.repository}`;
  const payload = legacyPayload(subject.digest, reference, options.annotations);
  const place = options.place ?? image.place;
  const layer = await pushBlob(place, payload, 'application/vnd.dev.cosign.simplesigning.v1+json');
  await appendLayers(place, `${tagOf(subject.digest)}.sig`, [
    { ...layer, annotations: { 'dev.cosignproject.cosign/signature': signBytes(key, payload).toString('base64') } },
  ]);
}

/** `cosign sign` as it is since version 3: a Sigstore bundle, found as a referrer of the image. */
export async function signBundle(image: PublishedImage, key: KeyPair, options: SignOptions = {}): Promise<void> {
  const subject = options.subject ?? image.descriptor;
  const said = statement(subject.digest, signPredicate, {}, { annotations: options.annotations, type: 'https://in-toto.io/Statement/v1' });
  await pushBundle(options.place ?? image.place, subject, bundleOf(envelope(said, key), key), signPredicate);
}

/** `cosign attest`, in the bundle form (version 3) or under the tag `sha256-HEX.att`. */
export async function attest(
  image: PublishedImage,
  key: KeyPair,
  predicateType: string,
  predicate: unknown,
  layout: 'legacy' | 'bundle',
  options: SignOptions = {},
): Promise<void> {
  const subject = options.subject ?? image.descriptor;
  const place = options.place ?? image.place;
  const signed = envelope(statement(subject.digest, predicateType, predicate, { name: `${registryHost(image.place)}/${image.place.repository}` }), key);
  if (layout === 'bundle') return pushBundle(place, subject, bundleOf(signed, key), predicateType);
  const layer = await pushBlob(place, Buffer.from(JSON.stringify(signed)), 'application/vnd.dsse.envelope.v1+json');
  await appendLayers(place, `${tagOf(subject.digest)}.att`, [{ ...layer, annotations: { 'dev.cosignproject.cosign/signature': '', predicateType } }]);
}

async function pushBundle(place: Place, subject: RegistryDescriptor, bundle: object, predicateType: string): Promise<void> {
  const layer = await pushBlob(place, Buffer.from(JSON.stringify(bundle)), bundleType);
  await pushReferrer(place, subject, [layer], bundleType, {
    'dev.sigstore.bundle.content': 'dsse-envelope',
    'dev.sigstore.bundle.predicateType': predicateType,
    'org.opencontainers.image.created': '2026-11-01T00:00:00Z',
  });
}

/** https://github.com/containers/image/blob/main/docs/containers-signature.5.md#json-data-format */
export function legacyPayload(digest: Digest, reference: string, annotations?: Readonly<Record<string, string>>): Buffer {
  return Buffer.from(
    JSON.stringify({
      critical: { identity: { 'docker-reference': reference }, image: { 'docker-manifest-digest': digest }, type: 'cosign container image signature' },
      optional: annotations ?? null,
    }),
  );
}

/** An in-toto statement; cosign writes v0.1 for attestations and v1 for signatures. */
export function statement(
  digest: Digest,
  predicateType: string,
  predicate: unknown,
  more: { readonly annotations?: Readonly<Record<string, string>> | undefined; readonly type?: string; readonly name?: string } = {},
): object {
  const { algorithm, hex } = splitDigest(digest);
  return {
    _type: more.type ?? 'https://in-toto.io/Statement/v0.1',
    subject: [{ name: more.name ?? '', digest: { [algorithm]: hex }, ...(more.annotations === undefined ? {} : { annotations: more.annotations }) }],
    predicateType,
    predicate,
  };
}

/** A DSSE envelope. https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md */
export function envelope(payload: object | Uint8Array, key: KeyPair, payloadType = inTotoType): object {
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(JSON.stringify(payload));
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${bytes.length} `), bytes]);
  return { payload: Buffer.from(bytes).toString('base64'), payloadType, signatures: [{ sig: signBytes(key, encoded).toString('base64') }] };
}

/** A Sigstore bundle (v0.3) around an envelope, with the key hint that cosign writes. */
export function bundleOf(dsseEnvelope: object, key: KeyPair): object {
  const hint = createHash('sha256')
    .update(key.publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  return { mediaType: bundleType, verificationMaterial: { publicKey: { hint } }, dsseEnvelope };
}

function tagOf(digest: Digest): string {
  return digest.replace(':', '-');
}
