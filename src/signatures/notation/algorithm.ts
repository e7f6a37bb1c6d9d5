import { constants, type KeyObject, verify } from 'node:crypto';

export type Algorithm = 'PS256' | 'PS384' | 'PS512' | 'ES256' | 'ES384' | 'ES512';

const byModulus: Readonly<Record<number, Algorithm>> = { 2048: 'PS256', 3072: 'PS384', 4096: 'PS512' };
const byCurve: Readonly<Record<string, Algorithm>> = { prime256v1: 'ES256', secp384r1: 'ES384', secp521r1: 'ES512' };
const hashes: Readonly<Record<Algorithm, string>> = { PS256: 'sha256', PS384: 'sha384', PS512: 'sha512', ES256: 'sha256', ES384: 'sha384', ES512: 'sha512' };

/**
 * The one algorithm that a signing key may be used with; null for a key that may not sign.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#algorithm-selection
 */
export function algorithmOf(key: KeyObject): Algorithm | null {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'rsa') return byModulus[modulusLength] ?? null;
  return key.asymmetricKeyType === 'ec' ? (byCurve[namedCurve] ?? null) : null;
}

/** Verifies as JOSE and COSE sign: PSS with a salt as long as the hash, ECDSA as r and s side by side. */
export function verifyBytes(algorithm: Algorithm, key: KeyObject, signed: Uint8Array, signature: Uint8Array): boolean {
  const options = algorithm.startsWith('PS')
    ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
    : { key, dsaEncoding: 'ieee-p1363' as const };
  return verify(hashes[algorithm], signed, options, signature);
}
