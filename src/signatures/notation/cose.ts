import { decode, encode, Tagged } from 'cborg';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { type Algorithm, verifyBytes } from './algorithm.ts';
import { readAttributes } from './attributes.ts';
import type { Envelope } from './envelope.ts';
import { headers } from './terms.ts';

/** Header parameters: https://www.iana.org/assignments/cose/cose.xhtml (RFC 9052 section 3.1; x5chain RFC 9360). */
const label = { algorithm: 1, critical: 2, contentType: 3, x5chain: 33 } as const;
const algorithms: ReadonlyMap<unknown, Algorithm> = new Map([
  [-37, 'PS256'],
  [-38, 'PS384'],
  [-39, 'PS512'],
  [-7, 'ES256'],
  [-35, 'ES384'],
  [-36, 'ES512'],
]);
const sign1Tag = 18;
const epochTag = 1;

/**
 * A COSE_Sign1 message with its tag. Throws on what is no CBOR.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-envelope-cose.md
 */
export function decodeCose(bytes: Uint8Array): Outcome<Envelope> {
  const message = read(bytes);
  if (!(message instanceof Tagged) || message.tag !== sign1Tag || !Array.isArray(message.value) || message.value.length !== 4) {
    return refuse('its envelope is no tagged COSE_Sign1 message');
  }
  const parts: readonly unknown[] = message.value;
  const [signedHeader, loose, payload, signature] = parts;
  if (!(signedHeader instanceof Uint8Array && loose instanceof Map && payload instanceof Uint8Array && signature instanceof Uint8Array)) {
    return refuse('its envelope is no COSE_Sign1 message with a payload');
  }
  const header = read(signedHeader);
  if (!(header instanceof Map)) return refuse('its protected header is no map');
  const algorithm = algorithms.get(header.get(label.algorithm));
  if (algorithm === undefined) return refuse('its algorithm (alg) is none that a signature may have');
  const attributes = readAttributes({ get: (name) => header.get(name), critical: header.get(label.critical), readTime });
  if (!attributes.ok) return attributes;
  const chain: unknown = loose.get(label.x5chain);
  if (!Array.isArray(chain) || !chain.every((each) => each instanceof Uint8Array)) return refuse('it does not come with a list of certificates');
  const contentType: unknown = header.get(label.contentType);
  const token: unknown = loose.get(headers.timestampSignature);
  const agent: unknown = loose.get(headers.signingAgent);
  return good({
    algorithm,
    contentType: typeof contentType === 'string' ? contentType : '',
    payload: Buffer.from(payload),
    signature: Buffer.from(signature),
    attributes: attributes.value,
    chain: chain.map((each) => Buffer.from(each)),
    timestamp: token instanceof Uint8Array ? Buffer.from(token) : null,
    signingAgent: typeof agent === 'string' ? agent : null,
    // Sig_structure: RFC 9052 section 4.4.
    verify: async (key) => verifyBytes(algorithm, key, encode(['Signature1', signedHeader, new Uint8Array(), payload]), signature),
  });
}

function read(bytes: Uint8Array): unknown {
  return decode(bytes, {
    useMaps: true,
    rejectDuplicateMapKeys: true,
    allowIndefinite: false,
    allowUndefined: false,
    allowNaN: false,
    allowInfinity: false,
    tags: Tagged.preserve(sign1Tag, epochTag),
  });
}

/** Seconds since the epoch, under their tag (RFC 8949 section 3.4.2). */
function readTime(value: unknown): number | null {
  if (!(value instanceof Tagged) || value.tag !== epochTag || typeof value.value !== 'number') return null;
  const milliseconds = value.value * 1000;
  return Math.abs(milliseconds) <= 8.64e15 ? milliseconds : null;
}

function refuse(why: string): Outcome<never> {
  return bad('SIGNATURE_INVALID', why);
}
