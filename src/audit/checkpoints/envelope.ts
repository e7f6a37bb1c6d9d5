import { createHash, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../../domain/canonical.ts';
import { parseLine } from '../chain.ts';

/** What checkpoints are signed as. */
export const checkpointType = 'application/vnd.tidewaiter.audit.checkpoint.v1+json';

/** Bytes of an envelope at most: with ten thousand chains it has about three million. */
export const longestEnvelope = 16 << 20;

/** A public key that checkpoints are verified with. */
export interface VerifyingKey {
  /** Hex SHA-256 of the key's DER (SubjectPublicKeyInfo). */
  readonly id: string;
  readonly key: KeyObject;
  /** PEM. */
  readonly pem: string;
}

/** A key that signs checkpoints. */
export interface Signer extends VerifyingKey {
  sign(bytes: Buffer): Buffer;
}

const schema = z.strictObject({
  payload: z.base64().max(longestEnvelope),
  payloadType: z.literal(checkpointType),
  signatures: z
    .array(z.strictObject({ keyid: z.string().regex(/^[0-9a-f]{64}$/), sig: z.base64().max(512) }))
    .min(1)
    .max(2),
});

/** An envelope whose signatures nobody has looked at. */
export interface Envelope {
  readonly payload: Buffer;
  readonly signatures: readonly { readonly keyid: string; readonly sig: Buffer }[];
}

/** Signs a checkpoint: one line of canonical JSON, a DSSE envelope. https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md */
export function signEnvelope(payload: Buffer, signers: readonly Signer[]): string {
  const signed = preAuthEncoding(payload);
  const signatures = signers.map((signer) => ({ keyid: signer.id, sig: signer.sign(signed).toString('base64') }));
  return canonicalJson({ payload: payload.toString('base64'), payloadType: checkpointType, signatures });
}

/** Reads an envelope; null for what is none, or is not written exactly as it would be signed: no byte of it may be free to change. */
export function readEnvelope(text: string): Envelope | null {
  const parsed = text.length > longestEnvelope ? null : schema.safeParse(parseLine(text));
  if (!parsed?.success || canonicalJson(parsed.data) !== text) return null;
  const { payload, signatures } = parsed.data;
  const decoded = { payload: Buffer.from(payload, 'base64'), signatures: signatures.map(({ keyid, sig }) => ({ keyid, sig: Buffer.from(sig, 'base64') })) };
  const exact = decoded.payload.toString('base64') === payload && decoded.signatures.every(({ sig }, i) => sig.toString('base64') === signatures[i]?.sig);
  return exact ? decoded : null;
}

/** Whether a key has signed it. */
export function isSignedBy({ payload, signatures }: Envelope, { id, key }: VerifyingKey): boolean {
  const signed = preAuthEncoding(payload);
  return signatures.some(({ keyid, sig }) => keyid === id && verifies(key, signed, sig));
}

/** Signs as the kind of key demands: Ed25519 by itself, ECDSA over SHA-256. */
export function signWith(key: KeyObject, bytes: Buffer): Buffer {
  return sign(algorithmOf(key), bytes, key);
}

/** A public key in PEM, Ed25519 or ECDSA P-256; null for everything else. */
export function readVerifyingKey(pem: string): VerifyingKey | null {
  if (pem.includes('PRIVATE KEY')) return null;
  try {
    return describeKey(createPublicKey(pem));
  } catch {
    return null;
  }
}

/** A public key, by its id; null for a kind that checkpoints are not signed with. */
export function describeKey(key: KeyObject): VerifyingKey | null {
  const usable = key.asymmetricKeyType === 'ed25519' || (key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1');
  if (!usable) return null;
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex');
  return { id, key, pem: key.export({ type: 'spki', format: 'pem' }).toString() };
}

function verifies(key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  try {
    return verify(algorithmOf(key), signed, key, signature);
  } catch {
    return false;
  }
}

function algorithmOf(key: KeyObject): string | null {
  return key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
}

/** What is signed. https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition */
function preAuthEncoding(payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(checkpointType)} ${checkpointType} ${payload.length} `, 'utf8'), payload]);
}
