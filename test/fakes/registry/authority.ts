import { generateKeyPairSync, randomBytes } from 'node:crypto';
import forge from 'node-forge';

export interface Authority {
  /** PEM. */
  readonly ca: string;
  /** PEM key and certificate for a server of these names and addresses. */
  issue(names: readonly string[], how?: { readonly expired?: boolean }): { readonly key: string; readonly cert: string };
}

/** A certificate authority of a test's own. */
export function makeAuthority(): Authority {
  const root = keyPair();
  const subject = [{ name: 'commonName', value: 'Test CA' }];
  const certificate = blank(root.publicKey, subject, subject);
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, critical: true },
    { name: 'keyUsage', keyCertSign: true, critical: true },
  ]);
  certificate.sign(root.privateKey, forge.md.sha256.create());
  return {
    ca: forge.pki.certificateToPem(certificate),
    issue(names, { expired = false } = {}) {
      const leaf = keyPair();
      const issued = blank(leaf.publicKey, [{ name: 'commonName', value: names[0] ?? 'localhost' }], subject);
      if (expired) issued.validity.notAfter = new Date(Date.now() - 60_000);
      issued.setExtensions([
        { name: 'basicConstraints', cA: false },
        { name: 'extKeyUsage', serverAuth: true },
        { name: 'subjectAltName', altNames: names.map((name) => (/^[0-9.]+$/.test(name) ? { type: 7, ip: name } : { type: 2, value: name })) },
      ]);
      issued.sign(root.privateKey, forge.md.sha256.create());
      return { key: forge.pki.privateKeyToPem(leaf.privateKey), cert: forge.pki.certificateToPem(issued) };
    },
  };
}

function keyPair(): { publicKey: forge.pki.rsa.PublicKey; privateKey: forge.pki.rsa.PrivateKey } {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  return { publicKey: forge.pki.publicKeyFromPem(publicKey), privateKey: forge.pki.privateKeyFromPem(privateKey) };
}

function blank(publicKey: forge.pki.rsa.PublicKey, subject: forge.pki.CertificateField[], issuer: forge.pki.CertificateField[]): forge.pki.Certificate {
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = publicKey;
  certificate.serialNumber = `01${randomBytes(8).toString('hex')}`;
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
  certificate.setSubject(subject);
  certificate.setIssuer(issuer);
  return certificate;
}
