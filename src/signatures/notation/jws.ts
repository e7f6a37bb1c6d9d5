import type { KeyObject } from 'node:crypto';
import { errors, flattenedVerify } from 'jose';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { isObject, property, text } from '../../domain/json.ts';
import type { Algorithm } from './algorithm.ts';
import { readAttributes } from './attributes.ts';
import type { Envelope } from './envelope.ts';
import { headers } from './terms.ts';

const algorithms: readonly unknown[] = ['PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512'] satisfies Algorithm[];
const isAlgorithm = (value: unknown): value is Algorithm => algorithms.includes(value);
const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/**
 * A JWS in the flattened JSON serialisation. Throws on what is no JSON.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-envelope-jws.md
 */
export function decodeJws(bytes: Uint8Array): Outcome<Envelope> {
  const envelope = parseJson(bytes);
  const [payload, signedHeader, signature] = [
    text(property(envelope, 'payload')),
    text(property(envelope, 'protected')),
    text(property(envelope, 'signature')),
  ];
  if (payload === null || signedHeader === null || signature === null) return refuse('its envelope is no JWS in the flattened form');
  const header = parseJson(fromBase64(signedHeader, 'base64url'));
  if (!isObject(header)) return refuse('its protected header is no object');
  const algorithm = property(header, 'alg');
  if (!isAlgorithm(algorithm)) return refuse('its algorithm (alg) is none that a signature may have');
  // Changes what is signed (RFC 7797).
  if (property(header, 'b64') !== undefined) return refuse('its payload is not encoded');
  const attributes = readAttributes({ get: (name) => property(header, name), critical: property(header, 'crit'), readTime });
  if (!attributes.ok) return attributes;
  const loose = property(envelope, 'header');
  const certificates = property(loose, 'x5c');
  const token = text(property(loose, headers.timestampSignature));
  return good({
    algorithm,
    contentType: text(property(header, 'cty')) ?? '',
    payload: fromBase64(payload, 'base64url'),
    signature: fromBase64(signature, 'base64url'),
    attributes: attributes.value,
    chain: (Array.isArray(certificates) ? certificates : []).map((each) => fromBase64(each, 'base64')),
    timestamp: token === null ? null : fromBase64(token, 'base64'),
    signingAgent: text(property(loose, headers.signingAgent)),
    verify: (key) => verify({ payload, protected: signedHeader, signature }, key, algorithm),
  });
}

type Signed = Pick<Parameters<typeof flattenedVerify>[0], 'payload' | 'signature'> & { readonly protected: string };

async function verify(signed: Signed, key: KeyObject, algorithm: Algorithm): Promise<boolean> {
  const crit = { [headers.signingScheme]: true, [headers.authenticSigningTime]: true, [headers.expiry]: true };
  try {
    await flattenedVerify(signed, key, { algorithms: [algorithm], crit });
    return true;
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed) return false;
    throw cause;
  }
}

function readTime(value: unknown): number | null {
  if (typeof value !== 'string' || !rfc3339.test(value)) return null;
  const time = Date.parse(value);
  return Number.isNaN(time) ? null : time;
}

function parseJson(bytes: Uint8Array): unknown {
  return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
}

const alphabets = { base64: /^[A-Za-z0-9+/]*={0,2}$/, base64url: /^[A-Za-z0-9_-]*$/ };

/** Node reads both alphabets and skips what it does not know: two texts must not be one signature. */
function fromBase64(written: unknown, alphabet: 'base64' | 'base64url'): Buffer {
  if (typeof written !== 'string' || !alphabets[alphabet].test(written)) throw new TypeError('not in the alphabet asked for');
  return Buffer.from(written, alphabet);
}

function refuse(why: string): Outcome<never> {
  return bad('SIGNATURE_INVALID', why);
}
