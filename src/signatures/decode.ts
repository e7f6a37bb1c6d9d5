import { createHash } from 'node:crypto';
import { type Bundle, bundleFromJSON, envelopeFromJSON, type TransparencyLogEntry } from '@sigstore/bundle';
import { dsse } from '@sigstore/core';
import { TransparencyLogEntry as LogEntry } from '@sigstore/protobuf-specs';
import type { Digest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import type { Claim, Layout, Purpose, Said } from './claim.ts';
import { readPayload, readStatement } from './payload.ts';

/** Media types of the layers that hold a claim. */
export const simpleSigningType = 'application/vnd.dev.cosign.simplesigning.v1+json';
export const envelopeType = 'application/vnd.dsse.envelope.v1+json';
const inTotoType = 'application/vnd.in-toto+json';

/** A certificate or timestamp longer than this is not parsed by anybody: ASN.1 of a megabyte blocks the event loop for 0.7 s. */
const longestCertificate = 16 * 1024;
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
  return good(makeClaim('legacy', 'signature', blob, bytes, bytes, Buffer.from(signature, 'base64'), receipts(annotations), () => readPayload(bytes)));
}

/** A legacy attestation: the layer is a DSSE envelope. https://github.com/sigstore/cosign/blob/v3.1.3/specs/ATTESTATION_SPEC.md */
export function decodeLegacyAttestation(blob: Digest, bytes: Uint8Array, annotations: Readonly<Record<string, string>>): Outcome<Claim> {
  return attempt('the layer holds no DSSE envelope', () => fromEnvelope('legacy', 'attestation', blob, envelopeFromJSON(parse(bytes)), receipts(annotations)));
}

/** A Sigstore bundle. https://github.com/sigstore/protobuf-specs/blob/v0.5.2/protos/sigstore_bundle.proto */
export function decodeBundle(blob: Digest, bytes: Uint8Array, purpose: Purpose): Outcome<Claim> {
  return attempt('the layer holds no Sigstore bundle', () => {
    const bundle = bundleFromJSON(parse(bytes));
    const { tlogEntries } = bundle.verificationMaterial;
    if (bundle.content.$case !== 'dsseEnvelope') return bad('SIGNATURE_INVALID', 'the bundle holds no DSSE envelope, so it says nothing about an image');
    if (tlogEntries.length > mostLogEntries) return bad('SIGNATURE_INVALID', `the bundle holds more than ${mostLogEntries} log entries`);
    if (asn1(bundle).some((each) => each.length > longestCertificate)) {
      return bad('SIGNATURE_INVALID', `the bundle holds a certificate or timestamp longer than ${longestCertificate} bytes`);
    }
    return fromEnvelope('bundle', purpose, blob, bundle.content.dsseEnvelope, tlogEntries);
  });
}

type Envelope = ReturnType<typeof envelopeFromJSON>;

function fromEnvelope(layout: Layout, purpose: Purpose, blob: Digest, envelope: Envelope, logEntries: readonly TransparencyLogEntry[]): Outcome<Claim> {
  const [only, ...more] = envelope.signatures;
  if (only === undefined || more.length > 0) return bad('SIGNATURE_INVALID', 'the envelope does not have exactly one signature');
  if (only.sig.length === 0 || only.sig.length > longestSignature) return bad('SIGNATURE_INVALID', 'the envelope has no signature of a sensible length');
  if (envelope.payloadType !== inTotoType) return bad('SIGNATURE_INVALID', 'the envelope holds no in-toto statement');
  const { payload } = envelope;
  const signed = dsse.preAuthEncoding(envelope.payloadType, payload);
  return good(makeClaim(layout, purpose, blob, signed, payload, only.sig, logEntries, () => readStatement(payload, layout)));
}

function makeClaim(
  layout: Layout,
  purpose: Purpose,
  blob: Digest,
  signed: Buffer,
  payload: Buffer,
  signature: Buffer,
  logEntries: readonly TransparencyLogEntry[],
  parsePayload: () => Outcome<Said>,
): Claim {
  let said: Outcome<Said> | null = null;
  return {
    layout,
    purpose,
    id: createHash('sha256').update(signed).update(signature).digest('hex'),
    blob,
    signed,
    payload,
    signature,
    logEntries,
    read() {
      said ??= parsePayload();
      return said;
    },
  };
}

/** All of a bundle that is ASN.1 of the sender's choice. */
function asn1(bundle: Bundle): readonly Buffer[] {
  const { content, timestampVerificationData } = bundle.verificationMaterial;
  const timestamps = (timestampVerificationData?.rfc3161Timestamps ?? []).map(({ signedTimestamp }) => signedTimestamp);
  if (content.$case === 'certificate') return [content.certificate.rawBytes, ...timestamps];
  if (content.$case === 'x509CertificateChain') return [...content.x509CertificateChain.certificates.map(({ rawBytes }) => rawBytes), ...timestamps];
  return timestamps;
}

/**
 * The log's receipt as the legacy layouts keep it, as an entry. What is not well formed is left out: it proves nothing, and must not
 * hide a signature that needs no log.
 */
function receipts(annotations: Readonly<Record<string, string>>): readonly TransparencyLogEntry[] {
  const written = annotations['dev.sigstore.cosign/bundle'];
  if (written === undefined) return [];
  try {
    const receipt: unknown = JSON.parse(written);
    const payload = property(receipt, 'Payload');
    const body = text(property(payload, 'body')) ?? '';
    const record: unknown = JSON.parse(Buffer.from(body, 'base64').toString('utf8'));
    const entry = LogEntry.fromJSON({
      logIndex: String(property(payload, 'logIndex')),
      logId: { keyId: Buffer.from(text(property(payload, 'logID')) ?? '', 'hex').toString('base64') },
      kindVersion: { kind: property(record, 'kind'), version: property(record, 'apiVersion') },
      integratedTime: String(property(payload, 'integratedTime')),
      inclusionPromise: { signedEntryTimestamp: property(receipt, 'SignedEntryTimestamp') },
      canonicalizedBody: body,
    });
    const { logId, kindVersion } = entry;
    return logId === undefined || kindVersion === undefined ? [] : [{ ...entry, logId, kindVersion }];
  } catch {
    return [];
  }
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
