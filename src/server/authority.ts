import { generateKeyPair, randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { promisify } from 'node:util';
import forge from 'node-forge';

const day = 86_400_000;
/** A clock that runs behind ours must still find a new certificate valid. */
const backdate = 3_600_000;

const authorityLife = 3650 * day;
const servingLife = 90 * day;

export interface KeyAndCertificate {
  /** PEM. */
  readonly cert: string;
  /** PEM, PKCS#8. */
  readonly key: string;
}

/** Makes a certificate authority of our own. `now` in milliseconds. */
export async function issueAuthority(now: number): Promise<KeyAndCertificate> {
  const keys = await makeKeys();
  // Two authorities in one bundle must differ by name, or a verifier may try the wrong key only.
  const subject = [{ name: 'commonName', value: `tidewaiter ${randomBytes(4).toString('hex')}` }];
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  fillValidity(certificate, now, authorityLife);
  certificate.setSubject(subject);
  certificate.setIssuer(subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(keys.privateKey), forge.md.sha256.create());
  return { cert: writePem(certificate), key: keys.privateKey };
}

/** Issues a serving certificate for DNS names and IP addresses. Both authority parts must be ours: RSA. */
export async function issueServing(authority: KeyAndCertificate, names: readonly string[], now: number): Promise<KeyAndCertificate> {
  const keys = await makeKeys();
  const issuer = forge.pki.certificateFromPem(authority.cert);
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  fillValidity(certificate, now, Math.min(servingLife, issuer.validity.notAfter.getTime() - now));
  certificate.setSubject([{ name: 'commonName', value: 'tidewaiter' }]);
  certificate.setIssuer(issuer.subject.attributes);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', serverAuth: true },
    { name: 'subjectAltName', altNames: names.map(altName) },
    { name: 'subjectKeyIdentifier' },
    { name: 'authorityKeyIdentifier', keyIdentifier: issuer.generateSubjectKeyIdentifier().getBytes() },
  ]);
  certificate.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create());
  return { cert: writePem(certificate), key: keys.privateKey };
}

/** Node makes the keys, on its thread pool: node-forge's own generator would hold the event loop for a second. */
async function makeKeys(): Promise<{ publicKey: string; privateKey: string }> {
  return promisify(generateKeyPair)('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
}

function fillValidity(certificate: forge.pki.Certificate, now: number, life: number): void {
  // A serial number is a positive integer of at most 20 octets: RFC 5280, 4.1.2.2.
  certificate.serialNumber = `01${randomBytes(16).toString('hex')}`;
  certificate.validity.notBefore = new Date(now - backdate);
  certificate.validity.notAfter = new Date(now + life);
}

/** With line ends as everybody else writes them. */
function writePem(certificate: forge.pki.Certificate): string {
  return forge.pki.certificateToPem(certificate).replaceAll('\r\n', '\n');
}

/** GeneralName kinds of RFC 5280, 4.2.1.6: 2 is dNSName, 7 is iPAddress. */
function altName(name: string): { type: number; value?: string; ip?: string } {
  return isIP(name) === 0 ? { type: 2, value: name } : { type: 7, ip: name };
}
