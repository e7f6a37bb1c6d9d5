import { createHash, createPublicKey, type KeyObject } from 'node:crypto';
import { bad, good, type Outcome } from '../domain/fault.ts';

/** A public key that a signer is trusted by. */
export interface TrustedKey {
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly id: string;
  readonly key: KeyObject;
  /** SubjectPublicKeyInfo, DER. */
  readonly der: Buffer;
  /** The hash that is signed; null where the algorithm has its own. */
  readonly hash: string | null;
}

const longestPem = 64 * 1024;
const smallestModulus = 2048;
const largestModulus = 8192;

/** The hash for each curve, as Sigstore's registry of algorithms pairs them. https://github.com/sigstore/architecture-docs/blob/main/algorithm-registry.md */
const hashes: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' };

/** Reads a public key in PEM (`-----BEGIN PUBLIC KEY-----`): ECDSA on P-256, P-384 or P-521, RSA of 2048 to 8192 bits, Ed25519. */
export function readPublicKey(pem: string): Outcome<TrustedKey> {
  if (pem.length > longestPem) return bad('CONFIG_INVALID', `a public key is not longer than ${longestPem} bytes`);
  const labels = [...pem.matchAll(/-----BEGIN ([^\r\n-]{1,64})-----/g)].map(([, label]) => label);
  if (labels.some((label) => label?.includes('PRIVATE KEY'))) return bad('CONFIG_INVALID', 'this is a private key; a signer needs only the public one');
  if (labels.length !== 1 || labels[0] !== 'PUBLIC KEY') return bad('CONFIG_INVALID', 'there is not exactly one PEM block of type PUBLIC KEY');
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (cause) {
    return bad('CONFIG_INVALID', 'the public key can not be read', { cause });
  }
  return trustKey(key);
}

/** The same, of a key that was read before. */
export function trustKey(key: KeyObject): Outcome<TrustedKey> {
  const hash = hashFor(key);
  if (!hash.ok) return hash;
  const der = key.export({ type: 'spki', format: 'der' });
  return good({ id: createHash('sha256').update(der).digest('hex'), key, der, hash: hash.value });
}

function hashFor(key: KeyObject): Outcome<string | null> {
  const { namedCurve = '', modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return good(null);
    case 'ec': {
      const hash = hashes[namedCurve];
      return hash === undefined ? bad('CONFIG_INVALID', 'the key is on a curve other than P-256, P-384 and P-521') : good(hash);
    }
    case 'rsa':
      return modulusLength >= smallestModulus && modulusLength <= largestModulus
        ? good('sha256')
        : bad('CONFIG_INVALID', `an RSA key has ${smallestModulus} to ${largestModulus} bits`);
    default:
      return bad('CONFIG_INVALID', 'the key is neither ECDSA, RSA nor Ed25519');
  }
}
