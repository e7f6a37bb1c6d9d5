import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Glob } from '../domain/glob.ts';
import { safeText } from '../domain/text.ts';
import { readCertificate, type SigningCertificate } from './certificate.ts';
import type { Claim } from './claim.ts';
import { onceEach, type VerifyClaim } from './verify.ts';

/** Proves that the holder of a certificate signed a claim; gives the time that was proven, in milliseconds since the epoch. */
export type ProveClaim = (claim: Claim, certificate: SigningCertificate) => Promise<Outcome<number>>;

/** Who is trusted. */
export interface Wanted {
  /** Compared as it is. */
  readonly issuer: string;
  /** Matched against the whole of a name. */
  readonly identity: Glob;
  /** No certificate that names one of them counts, whatever else it names. */
  readonly revoked: ReadonlySet<string>;
}

/** Read once, for however many signers. */
const certificateOf = onceEach(({ certificate }) => (certificate === null ? null : readCertificate(certificate)));

/**
 * Verifies claims by an identity. What a certificate says is compared first, which is cheap: only those that name the one who is wanted
 * are proven.
 */
export function createKeylessVerifier(wanted: Wanted, prove: ProveClaim): VerifyClaim {
  return async (claim) => {
    const read = certificateOf(claim);
    if (read === null) return bad('SIGNER_MISMATCH', 'it has no certificate: it is signed by a key, not by an identity');
    if (!read.ok) return read;
    const certificate = read.value;
    const { issuer, identities, claims, key } = certificate;
    const identity = identities.find((each) => wanted.identity(each));
    if (issuer !== wanted.issuer || identity === undefined) return mismatch(issuer, identities);
    if (identities.some((each) => wanted.revoked.has(each))) return bad('SIGNATURE_INVALID', 'its identity is revoked');
    const proven = await prove(claim, certificate);
    if (!proven.ok) return proven;
    return good({ keyId: key.id, certified: { issuer, identity, identities, claims }, signedAt: new Date(proven.value).toISOString() });
  };
}

function mismatch(issuer: string | null, identities: readonly string[]): Outcome<never> {
  const who = identities.length === 0 ? 'nobody' : identities.map((each) => safeText(each, 255)).join(', ');
  return bad('SIGNER_MISMATCH', `its certificate is for ${who}, by the issuer ${issuer === null ? '(none)' : safeText(issuer, 255)}`);
}
