import { createHash } from 'node:crypto';
import { type Digest, isDigest, parseDigest, splitDigest } from '../domain/digest.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';

/** The digest of bytes. */
export function digestBytes(bytes: Uint8Array, algorithm: 'sha256' | 'sha512'): Digest {
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as const;
  if (!isDigest(digest)) throw new TypeError('a hash is always a digest');
  return digest;
}

export function hasDigest(bytes: Uint8Array, digest: Digest): boolean {
  return digestBytes(bytes, splitDigest(digest).algorithm) === digest;
}

/**
 * The digest of what a tag was answered with: SHA-256, unless the registry names it by another algorithm. Docker-Content-Digest is a
 * claim, and has to be true of the bytes.
 */
export function digestOfTagged(bytes: Uint8Array, header: string | string[] | undefined): Outcome<Digest> {
  if (header === undefined) return good(digestBytes(bytes, 'sha256'));
  const claimed = parseDigest(typeof header === 'string' ? header : '');
  if (!claimed.ok || !hasDigest(bytes, claimed.value)) return bad('RESPONSE_INVALID', 'bytes that do not have the digest it names');
  return claimed;
}
