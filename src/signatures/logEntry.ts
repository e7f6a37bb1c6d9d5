import { createPublicKey, X509Certificate } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { isObject, property, text } from '../domain/json.ts';
import { equal } from './entity.ts';

/**
 * Whether a log entry names the signer, and nobody else: sigstore-js does not compare what the entry names with who signed.
 *
 * @param key SubjectPublicKeyInfo of the signer, DER
 * @param certificate of the signer, DER; null where a key is trusted by itself
 */
export function namesSigner(entry: TransparencyLogEntry, key: Buffer, certificate: Buffer | null): boolean {
  const body: unknown = JSON.parse(entry.canonicalizedBody.toString('utf8'));
  const named = verifiersIn(property(body, 'spec')).map(readVerifier);
  return named.length > 0 && named.every((each) => (each.kind === 'key' ? equal(each.der, key) : certificate !== null && equal(each.der, certificate)));
}

/** The time that an entry's promise (signed entry timestamp) covers, in milliseconds; null without one, when the log vouches for no time. */
export function promisedTime({ inclusionPromise, integratedTime }: TransparencyLogEntry): number | null {
  return inclusionPromise !== undefined && Number(integratedTime) > 0 ? Number(integratedTime) * 1000 : null;
}

/**
 * The keys and certificates in a Rekor entry, base64 of PEM (v1) or DER (v2), wherever its kind keeps them: hashedrekord, dsse, intoto.
 * https://github.com/sigstore/rekor/tree/v1.4.0/pkg/types
 */
function verifiersIn(spec: unknown): readonly string[] {
  const found: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (depth === 0) return;
    if (Array.isArray(value)) for (const each of value) collect(each, depth - 1);
    if (!isObject(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      const known = name === 'publicKey' || name === 'verifier' || name === 'x509Certificate';
      const verifier = known ? (text(inner) ?? text(property(inner, 'content')) ?? text(property(inner, 'rawBytes'))) : null;
      if (verifier === null) collect(inner, depth - 1);
      else found.push(verifier);
    }
  };
  collect(spec, 8);
  return found;
}

interface NamedVerifier {
  readonly kind: 'key' | 'certificate';
  readonly der: Buffer;
}

function readVerifier(encoded: string): NamedVerifier {
  const bytes = Buffer.from(encoded, 'base64');
  const head = bytes.subarray(0, 32).toString('latin1');
  if (head.startsWith('-----BEGIN CERTIFICATE')) return { kind: 'certificate', der: new X509Certificate(bytes).raw };
  if (head.startsWith('-----')) return { kind: 'key', der: createPublicKey(bytes).export({ type: 'spki', format: 'der' }) };
  try {
    return { kind: 'key', der: createPublicKey({ key: bytes, format: 'der', type: 'spki' }).export({ type: 'spki', format: 'der' }) };
  } catch {
    return { kind: 'certificate', der: new X509Certificate(bytes).raw };
  }
}
