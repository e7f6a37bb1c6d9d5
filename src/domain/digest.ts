import { bad, good, type Outcome } from './fault.ts';

/**
 * A content digest, `algorithm:hex`. Only parseDigest makes one.
 * https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md#digests
 */
export type Digest = `sha256:${string}` | `sha512:${string}`;

const hexLength: ReadonlyMap<string, number> = new Map([
  ['sha256', 64],
  ['sha512', 128],
]);

/** Parses a digest; algorithms the image specification registers but that nobody should pin by are refused by name. */
export function parseDigest(text: string): Outcome<Digest> {
  const colon = text.indexOf(':');
  const algorithm = text.slice(0, colon);
  const length = hexLength.get(algorithm);
  if (colon < 1 || text.length > 200) return bad('REFERENCE_INVALID', 'a digest has the form sha256:HEX');
  if (length === undefined) return bad('REFERENCE_INVALID', 'the digest algorithm is not supported; use sha256 or sha512');
  const hex = text.slice(colon + 1);
  if (hex.length !== length || !/^[0-9a-f]+$/.test(hex)) return bad('REFERENCE_INVALID', `a ${algorithm} digest has ${length} lower-case hex digits`);
  return good(text as Digest);
}

export function isDigest(text: string): text is Digest {
  return parseDigest(text).ok;
}

/** The algorithm and the hex part. */
export function splitDigest(digest: Digest): { readonly algorithm: 'sha256' | 'sha512'; readonly hex: string } {
  const colon = digest.indexOf(':');
  return { algorithm: digest.slice(0, colon) === 'sha512' ? 'sha512' : 'sha256', hex: digest.slice(colon + 1) };
}
