import { bad, good, type Outcome } from '../../domain/fault.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { isIssuedBy, notUnderstood } from './chain.ts';

const longestStore = 1024 * 1024;
const mostCertificates = 256;
const block = /-----BEGIN ([^\r\n-]{1,64})-----([A-Za-z0-9+/=\s]{0,65536})-----END \1-----/g;

/**
 * Reads a trust store: authorities, or signing certificates that sign themselves, in PEM. One of timestamp authorities holds roots only.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#trust-store
 */
export function readTrustStore(bytes: Uint8Array, holds: 'signers' | 'timestampRoots'): Outcome<readonly Certificate[]> {
  if (bytes.length > longestStore) return bad('CONFIG_INVALID', `a trust store is not longer than ${longestStore} bytes`);
  const text = Buffer.from(bytes).toString('latin1');
  const blocks = [...text.matchAll(block)];
  const labels = blocks.map(([, label]) => label);
  if (/BEGIN [A-Z ]*PRIVATE KEY/.test(text)) return bad('CONFIG_INVALID', 'the trust store holds a private key, which nobody but its owner should have');
  if (
    labels.length === 0 ||
    labels.length > mostCertificates ||
    text.split('-----BEGIN ').length - 1 !== labels.length ||
    labels.some((label) => label !== 'CERTIFICATE')
  ) {
    return bad('CONFIG_INVALID', `the trust store does not hold 1 to ${mostCertificates} PEM blocks of type CERTIFICATE, and nothing else`);
  }
  const certificates: Certificate[] = [];
  for (const [i, [, , base64 = '']] of blocks.entries()) {
    const certificate = attempt(base64);
    if (certificate === null) return bad('CONFIG_INVALID', `certificate ${i + 1} of the trust store can not be read`);
    // Said at once: it would be refused in every chain.
    const demand = notUnderstood(certificate);
    if (demand !== null) return bad('CONFIG_INVALID', `certificate ${i + 1} of the trust store ${demand}: no signature under it could count`);
    const isRoot = isIssuedBy(certificate, certificate);
    if (holds === 'timestampRoots' && !isRoot)
      return bad('CONFIG_INVALID', `certificate ${i + 1} of the timestamp trust store is no root: it is not signed by itself`);
    if (!isRoot && certificate.basicConstraints?.ca !== true) {
      return bad('CONFIG_INVALID', `certificate ${i + 1} of the trust store is neither that of an authority nor signed by itself`);
    }
    certificates.push(certificate);
  }
  return good(certificates);
}

function attempt(base64: string): Certificate | null {
  try {
    return readCertificate(Buffer.from(base64, 'base64'));
  } catch {
    return null;
  }
}
