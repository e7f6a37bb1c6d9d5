import { createHash, timingSafeEqual, verify as verifySignature } from 'node:crypto';
import type { SignedEntity } from '@sigstore/verify';
import type { Claim } from './claim.ts';
import type { TrustedKey } from './keys.ts';

/**
 * What sigstore-js verifies, with the entries and timestamps that shall count: the two go together, since with the entries left out a
 * time that nobody vouches for would still be believed.
 */
export function entityOf(
  { signed, payload, signature }: Pick<Claim, 'signed' | 'payload' | 'signature'>,
  { hash }: TrustedKey,
  { timestamped = signature, ...proof }: Pick<SignedEntity, 'key' | 'timestamps' | 'tlogEntries'> & { readonly timestamped?: Buffer },
): SignedEntity {
  return {
    ...proof,
    signature: {
      // Read for timestamps alone: what they are about is not the signature in every layout.
      signature: timestamped,
      compareSignature: (other) => equal(signature, other),
      compareDigest: (digest) => equalsHashOf(payload, digest),
      compareSignedDigest: (digest) => equalsHashOf(signed, digest),
      // By the key's own hash: sigstore-js takes SHA-256 for every envelope, which refuses P-384 and P-521.
      verifySignature: (key) => verifySignature(hash, signed, key, signature),
    },
  };
}

const hashByLength: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };

function equalsHashOf(bytes: Buffer, digest: Buffer): boolean {
  const algorithm = hashByLength[digest.length];
  return algorithm !== undefined && equal(createHash(algorithm).update(bytes).digest(), digest);
}

export function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
