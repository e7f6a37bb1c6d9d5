import { bad, type Outcome } from '../../domain/fault.ts';
import { decodeCose } from './cose.ts';
import type { Envelope } from './envelope.ts';
import { decodeJws } from './jws.ts';
import { coseType, jwsType, limits } from './terms.ts';

/** Decodes an envelope of either kind, within bounds. https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#signature-envelope */
export function decodeEnvelope(mediaType: string, bytes: Uint8Array): Outcome<Envelope> {
  if (bytes.length > limits.envelope) return bad('SIGNATURE_INVALID', `its envelope is longer than ${limits.envelope} bytes`);
  try {
    const decoded = decode(mediaType, bytes);
    return decoded.ok ? checkSizes(decoded.value) : decoded;
  } catch (cause) {
    return bad('SIGNATURE_INVALID', 'its envelope can not be read', { cause });
  }
}

function decode(mediaType: string, bytes: Uint8Array): Outcome<Envelope> {
  if (mediaType === jwsType) return decodeJws(bytes);
  if (mediaType === coseType) return decodeCose(bytes);
  return bad('SIGNATURE_INVALID', `its envelope is neither ${jwsType} nor ${coseType}`);
}

function checkSizes(envelope: Envelope): Outcome<Envelope> {
  const { chain, timestamp, signature, payload } = envelope;
  if (signature.length === 0 || payload.length === 0) return bad('SIGNATURE_INVALID', 'its envelope holds no signature, or no payload');
  if (chain.length === 0 || chain.length > limits.chain) return bad('SIGNATURE_INVALID', `it does not come with 1 to ${limits.chain} certificates`);
  if (chain.some(({ length }) => length > limits.certificate)) return bad('SIGNATURE_INVALID', `it has a certificate longer than ${limits.certificate} bytes`);
  if ((timestamp?.length ?? 0) > limits.timestamp) return bad('SIGNATURE_INVALID', `it has a timestamp longer than ${limits.timestamp} bytes`);
  return { ok: true, value: envelope };
}
