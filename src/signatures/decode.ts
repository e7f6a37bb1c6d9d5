import { type Bundle, bundleFromJSON, envelopeFromJSON } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import type { Digest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Claim, Purpose, Said } from './claim.ts';
import { readPayload, readStatement } from './payload.ts';
import { longestCertificate, type Material, readReceipts } from './receipts.ts';

/** Media types of the layers that hold a claim. */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const envelopeType = 'application/vnd.dsse.envelope.v1+json';
const inTotoType = 'application/vnd.in-toto+json';

const longestSignature = 16 * 1024;
const mostLogEntries = 8;

/**
 * A legacy signature: the layer is what is signed, its annotations hold the signature and the log's receipt.
 * https://github.com/sigstore/cosign/blob/v3.1.3/specs/SIGNATURE_SPEC.md
 */
export function decodeLegacySignature(blob: Digest, payload: Uint8Array, annotations: Readonly<Record<string, string>>): Outcome<Claim> {
  const signature = annotations['dev.cosignproject.cosign/signature'] ?? '';
  if (signature === '' || signature.length > longestSignature) return bad('SIGNATURE_INVALID', 'the layer carries no signature of a sensible length');
  const bytes = Buffer.from(payload);
  const raw = Buffer.from(signature, 'base64');
  const origin: Origin = { layout: 'legacy', purpose: 'signature', blob, id: identify(blob, annotations) };
  const material = { ...readReceipts(annotations), timestamped: [raw] };
  return good(makeClaim(origin, { signed: bytes, payload: bytes, signature: raw }, material, () => readPayload(bytes)));
}

/** A legacy attestation: the layer is a DSSE envelope. https://github.com/sigstore/cosign/blob/v3.1.3/specs/ATTESTATION_SPEC.md */
export function decodeLegacyAttestation(blob: Digest, bytes: Uint8Array, annotations: Readonly<Record<string, string>>): Outcome<Claim> {
  // Here alone, cosign up to version 2 had the whole envelope timestamped, and not the signature within.
  const material = { ...readReceipts(annotations), alsoTimestamped: [Buffer.from(bytes)] };
  const origin: Origin = { layout: 'legacy', purpose: 'attestation', blob, id: identify(blob, annotations) };
  return attempt('the layer holds no DSSE envelope', () => fromEnvelope(origin, envelopeFromJSON(parse(bytes)), material));
}

/** A Sigstore bundle. https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_bundle.proto */
export function decodeBundle(blob: Digest, bytes: Uint8Array, purpose: Purpose): Outcome<Claim> {
  return attempt('the layer holds no Sigstore bundle', () => {
    const bundle = bundleFromJSON(parse(bytes));
    const { tlogEntries: logEntries } = bundle.verificationMaterial;
    if (bundle.content.$case !== 'dsseEnvelope') return bad('SIGNATURE_INVALID', 'the bundle holds no DSSE envelope, so it says nothing about an image');
    if (logEntries.length > mostLogEntries) return bad('SIGNATURE_INVALID', `the bundle holds more than ${mostLogEntries} log entries`);
    const [certificates, timestamps] = asn1(bundle);
    if ([...certificates, ...timestamps].some((each) => each.length > longestCertificate)) {
      return bad('SIGNATURE_INVALID', `the bundle holds a certificate or timestamp longer than ${longestCertificate} bytes`);
    }
    return fromEnvelope({ layout: 'bundle', purpose, blob, id: blob }, bundle.content.dsseEnvelope, {
      logEntries,
      certificate: certificates[0] ?? null,
      timestamps,
      keyHint: hintOf(bundle),
    });
  });
}

type Envelope = ReturnType<typeof envelopeFromJSON>;
/** Only a bundle has a place for it. */
type Hinted = Partial<Pick<Claim, 'keyHint'>>;
type Origin = Pick<Claim, 'layout' | 'purpose' | 'blob' | 'id'>;

/** A layer with its annotations: the same payload may lie beside it once more, with a better proof or a worse one. */
function identify(blob: Digest, annotations: Readonly<Record<string, string>>): string {
  return JSON.stringify([blob, Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function fromEnvelope(
  origin: Origin,
  envelope: Envelope,
  { alsoTimestamped = [], ...material }: Material & Hinted & { readonly alsoTimestamped?: readonly Buffer[] },
): Outcome<Claim> {
  const [only, ...more] = envelope.signatures;
  if (only === undefined || more.length > 0) return bad('SIGNATURE_INVALID', 'the envelope does not have exactly one signature');
  if (only.sig.length === 0 || only.sig.length > longestSignature) return bad('SIGNATURE_INVALID', 'the envelope has no signature of a sensible length');
  if (envelope.payloadType !== inTotoType) return bad('SIGNATURE_INVALID', 'the envelope holds no in-toto statement');
  const { payload } = envelope;
  const signed = dsse.preAuthEncoding(envelope.payloadType, payload);
  const { sig: signature } = only;
  return good(
    makeClaim(origin, { signed, payload, signature }, { ...material, timestamped: [signature, ...alsoTimestamped] }, () =>
      readStatement(payload, origin.layout),
    ),
  );
}

function makeClaim(
  origin: Origin,
  bytes: Pick<Claim, 'signed' | 'payload' | 'signature'>,
  material: Material & Hinted & Pick<Claim, 'timestamped'>,
  parsePayload: () => Outcome<Said>,
): Claim {
  let said: Outcome<Said> | null = null;
  return {
    ...origin,
    ...bytes,
    ...material,
    keyHint: material.keyHint ?? null,
    read() {
      said ??= parsePayload();
      return said;
    },
  };
}

/** All of a bundle that is ASN.1 of the sender's choice: certificates, that of the signer first, and timestamps. */
function asn1(bundle: Bundle): readonly [certificates: readonly Buffer[], timestamps: readonly Buffer[]] {
  const { content, timestampVerificationData } = bundle.verificationMaterial;
  const timestamps = (timestampVerificationData?.rfc3161Timestamps ?? []).map(({ signedTimestamp }) => signedTimestamp);
  if (content.$case === 'certificate') return [[content.certificate.rawBytes], timestamps];
  if (content.$case === 'x509CertificateChain') return [content.x509CertificateChain.certificates.map(({ rawBytes }) => rawBytes), timestamps];
  return [[], timestamps];
}

/** cosign writes the SHA-256 of the SubjectPublicKeyInfo in base64; what others write there is of no use to anybody here. */
function hintOf({ verificationMaterial: { content } }: Bundle): string | null {
  if (content.$case !== 'publicKey') return null;
  const hash = Buffer.from(content.publicKey.hint, 'base64');
  return hash.length === 32 ? hash.toString('hex') : null;
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

/** The parsers throw on what they do not like; whatever they throw means that this is not what it should be. */
function attempt(reason: string, decode: () => Outcome<Claim>): Outcome<Claim> {
  try {
    return decode();
  } catch (cause) {
    return bad('SIGNATURE_INVALID', reason, { cause });
  }
}
