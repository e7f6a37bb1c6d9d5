import { createPrivateKey, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import { GeneralName, GeneralSubtree, NameConstraints } from 'pkijs';

export type KeyKind = 'p256' | 'p384' | 'p521' | 'rsa2048' | 'rsa3072' | 'rsa4096';
type KeyPair = webcrypto.CryptoKeyPair;

const kinds: Readonly<Record<KeyKind, webcrypto.EcKeyGenParams | webcrypto.RsaHashedKeyGenParams>> = {
  p256: { name: 'ECDSA', namedCurve: 'P-256' },
  p384: { name: 'ECDSA', namedCurve: 'P-384' },
  p521: { name: 'ECDSA', namedCurve: 'P-521' },
  rsa2048: rsa(2048),
  rsa3072: rsa(3072),
  rsa4096: rsa(4096),
};

function rsa(modulusLength: number): webcrypto.RsaHashedKeyGenParams {
  return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256', modulusLength, publicExponent: new Uint8Array([1, 0, 1]) };
}

/** A certificate with its key and all those above it. */
export interface Issued {
  readonly certificate: x509.X509Certificate;
  readonly der: Buffer;
  /** For node:crypto. */
  readonly key: KeyObject;
  /** PKCS 8, PEM. */
  readonly privatePem: string;
  readonly kind: KeyKind;
  readonly keys: KeyPair;
  /** This one first, the root last. */
  readonly chain: readonly Issued[];
}

export interface IssueOptions {
  readonly subject?: string;
  /** Absent: it signs itself. */
  readonly issuer?: Issued;
  readonly kind?: KeyKind;
  readonly keys?: KeyPair;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** null: no such extension. */
  readonly basic?: { readonly ca: boolean; readonly pathLength?: number; readonly critical?: boolean } | null;
  readonly usage?: { readonly flags: number; readonly critical?: boolean } | null;
  readonly extended?: { readonly purposes: readonly string[]; readonly critical?: boolean } | null;
  readonly extensions?: readonly x509.Extension[];
  readonly hash?: 'SHA-1' | 'SHA-256';
}

const day = 86_400_000;
export const uses = x509.KeyUsageFlags;
export const partner = 'CN=Signer, O=Partner, L=Seattle, ST=WA, C=US';
export const timeStamping = '1.3.6.1.5.5.7.3.8';
export const codeSigning = '1.3.6.1.5.5.7.3.3';

/** Issues a certificate: of an authority, where `basic` says so. */
export async function issue(options: IssueOptions = {}): Promise<Issued> {
  const { subject = partner, issuer, kind = 'p256', basic = null, usage = { flags: uses.digitalSignature }, extended = null, extensions = [] } = options;
  const keys = options.keys ?? (await crypto.subtle.generateKey(kinds[kind], true, ['sign', 'verify']));
  const signing = issuer?.keys ?? keys;
  const hash = options.hash ?? 'SHA-256';
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: Buffer.from(crypto.getRandomValues(new Uint8Array(8)))
      .toString('hex')
      .replace(/^./, '1'),
    subject,
    issuer: issuer?.certificate.subject ?? subject,
    notBefore: options.notBefore ?? new Date(Date.now() - day),
    notAfter: options.notAfter ?? new Date(Date.now() + 365 * day),
    signingKey: signing.privateKey,
    publicKey: keys.publicKey,
    signingAlgorithm: signing.privateKey.algorithm.name === 'ECDSA' ? { name: 'ECDSA', hash } : { name: 'RSASSA-PKCS1-v1_5', hash },
    extensions: [
      ...(basic === null ? [] : [new x509.BasicConstraintsExtension(basic.ca, basic.pathLength, basic.critical ?? true)]),
      ...(usage === null ? [] : [new x509.KeyUsagesExtension(usage.flags, usage.critical ?? true)]),
      ...(extended === null ? [] : [new x509.ExtendedKeyUsageExtension([...extended.purposes], extended.critical ?? false)]),
      ...extensions,
    ],
  });
  const der = Buffer.from(certificate.rawData);
  const pkcs8 = Buffer.from(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  const privatePem = `-----BEGIN PRIVATE KEY-----\n${pkcs8.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
  const issued = { certificate, der, key: createPrivateKey(privatePem), privatePem, kind, keys };
  const whole: Issued = { ...issued, chain: [] };
  return { ...whole, chain: [whole, ...(issuer?.chain ?? [])] };
}

export function issueRoot(subject = 'CN=Root, O=Partner, ST=WA, C=US', more: IssueOptions = {}): Promise<Issued> {
  return issue({ subject, basic: { ca: true }, usage: { flags: uses.keyCertSign | uses.cRLSign }, ...more });
}

export function pemOf(...certificates: readonly Issued[]): string {
  return certificates.map(({ der }) => new X509Certificate(der).toString()).join('');
}

export function chainPem(leaf: Issued): string {
  return pemOf(...leaf.chain);
}

/** The extension that says where the list of revoked certificates is. */
export function crlAt(url: string): x509.Extension {
  return new x509.CRLDistributionPointsExtension([url]);
}

/** An extension whose value says nothing. */
export function unknownExtension(oid: string, critical: boolean): x509.Extension {
  return new x509.Extension(oid, critical, new Uint8Array([5, 0]));
}

/** Limits the names that authorities below may certify to those of example.com. */
export function constrainNames(critical: boolean): x509.Extension {
  const permitted = new GeneralSubtree({ base: new GeneralName({ type: 2, value: 'example.com' }) });
  return new x509.Extension('2.5.29.30', critical, new NameConstraints({ permittedSubtrees: [permitted] }).toSchema().toBER());
}
