import { safeText } from '../../domain/text.ts';
import type { Certificate, KeyUse } from './certificate.ts';

export type Purpose = 'codeSigning' | 'timeStamping';

const timeStamping = '1.3.6.1.5.5.7.3.8';
/** anyExtendedKeyUsage, serverAuth, clientAuth, emailProtection, timeStamping, OCSPSigning: RFC 5280 section 4.2.1.12. */
const forbidden: ReadonlySet<string> = new Set([
  '2.5.29.37.0',
  '1.3.6.1.5.5.7.3.1',
  '1.3.6.1.5.5.7.3.2',
  '1.3.6.1.5.5.7.3.4',
  timeStamping,
  '1.3.6.1.5.5.7.3.9',
]);
const foreignUses: readonly KeyUse[] = ['keyEncipherment', 'dataEncipherment', 'keyAgreement', 'keyCertSign', 'cRLSign', 'encipherOnly', 'decipherOnly'];
const smallestModulus = 2048;
const smallestCurve: ReadonlySet<string> = new Set(['prime256v1', 'secp384r1', 'secp521r1']);

/**
 * What is wrong with a chain, in words; null when nothing is. Leaf first, each issued by the next, the last one by itself; basic
 * constraints and the two kinds of key usage are as the specification demands, and nothing else is critical. No time is looked at.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#certificate-requirements
 */
export function findChainFault(chain: readonly Certificate[], purpose: Purpose): string | null {
  const [leaf] = chain;
  if (leaf === undefined) return 'it has no certificate';
  for (const [i, certificate] of chain.entries()) {
    const which = i === 0 ? 'the signing certificate' : i === chain.length - 1 ? 'the root certificate' : 'an intermediate certificate';
    const wrong =
      issuedWrongly(chain, i) ??
      notUnderstood(certificate) ??
      weakKey(certificate) ??
      (i === 0 ? wrongAsLeaf(certificate, purpose) : wrongAsAuthority(certificate, i - 1));
    if (wrong !== null) return `${which} ${wrong}`;
  }
  return null;
}

function issuedWrongly(chain: readonly Certificate[], i: number): string | null {
  const certificate = chain[i];
  if (certificate === undefined) return 'is missing';
  if (!certificate.soundlySigned) return 'is signed with an algorithm that is not believed';
  const issuer = chain[i + 1];
  if (issuer === undefined) return isIssuedBy(certificate, certificate) ? null : 'is not signed by itself: the chain does not end in a root';
  if (isIssuedBy(certificate, certificate)) return 'is signed by itself and is not the end of the chain';
  return isIssuedBy(certificate, issuer) ? null : 'is not issued by the next one of the chain';
}

export function isIssuedBy(certificate: Certificate, issuer: Certificate): boolean {
  return certificate.issuer.equals(issuer.subject) && certificate.isSignedBy(issuer);
}

/**
 * What a certificate demands and nobody here honours. RFC 5280 section 4.2: one with a critical extension that can't be processed is
 * refused; so are name constraints, which would have to be applied to all names below, in whatever form they come.
 */
export function notUnderstood({ unprocessed: [first], namesConstrained }: Pick<Certificate, 'unprocessed' | 'namesConstrained'>): string | null {
  if (namesConstrained) return 'has name constraints, which are not honoured here';
  return first === undefined ? null : `has a critical extension that is not processed here (${safeText(first, 80)})`;
}

/** Why a key is not believed, whoever's it is. */
export function weakKey({ key }: Pick<Certificate, 'key'>): string | null {
  const { modulusLength = 0, namedCurve = '' } = key.asymmetricKeyDetails ?? {};
  const strong = key.asymmetricKeyType === 'rsa' ? modulusLength >= smallestModulus : key.asymmetricKeyType === 'ec' && smallestCurve.has(namedCurve);
  return strong ? null : 'has a key of an unknown kind, or too short a one';
}

function wrongAsLeaf({ basicConstraints, keyUsage, extendedKeyUsage }: Certificate, purpose: Purpose): string | null {
  if (basicConstraints?.ca === true) return 'is that of a certificate authority';
  // The Go library lets the key usage of a timestamp authority be not critical, the specification does not.
  if (keyUsage?.critical !== true) return 'has no critical key usage';
  if (!keyUsage.has('digitalSignature')) return 'is not for digital signatures (key usage)';
  const foreign = foreignUses.find((use) => keyUsage.has(use));
  if (foreign !== undefined) return `is for ${foreign} too (key usage)`;
  if (purpose === 'codeSigning')
    return extendedKeyUsage?.purposes.some((each) => forbidden.has(each)) === true ? 'is for another purpose (extended key usage)' : null;
  const { critical = false, purposes = [] } = extendedKeyUsage ?? {};
  return critical && purposes.length === 1 && purposes[0] === timeStamping ? null : 'is not for time stamping alone (critical extended key usage)';
}

/** @param below how many authorities lie between this one and the leaf */
function wrongAsAuthority({ basicConstraints, keyUsage }: Certificate, below: number): string | null {
  if (basicConstraints?.ca !== true || !basicConstraints.critical) return 'is not that of a certificate authority (critical basic constraints)';
  if (basicConstraints.pathLength !== null && basicConstraints.pathLength < below) return 'has too many authorities below it (path length)';
  if (keyUsage?.critical !== true) return 'has no critical key usage';
  return keyUsage.has('keyCertSign') ? null : 'is not for signing certificates (key usage)';
}
