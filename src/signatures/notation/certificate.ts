import { createHash, type KeyObject, X509Certificate } from 'node:crypto';
import { BitString } from 'asn1js';
import * as pkijs from 'pkijs';
import { type RevocationPlaces, readRevocationPlaces } from './revocation/places.ts';
import { limits } from './terms.ts';

/** An X.509 certificate, read by OpenSSL for its key and signature and by PKI.js for what OpenSSL does not show. */
export interface Certificate {
  readonly der: Buffer;
  readonly key: KeyObject;
  /** SHA-256 of the SubjectPublicKeyInfo, hex. */
  readonly keyId: string;
  /** The content of its subjectPublicKey, which OCSP names keys by. */
  readonly keyBits: Buffer;
  /** OIDs of all its extensions. */
  readonly extensions: ReadonlySet<string>;
  /** The content of its serial number, as it is encoded. */
  readonly serial: Buffer;
  /** Names as they are encoded: compared byte by byte. */
  readonly subject: Buffer;
  readonly issuer: Buffer;
  /** Milliseconds since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** Whether it is signed with an algorithm that is still believed. */
  readonly soundlySigned: boolean;
  readonly basicConstraints: { readonly critical: boolean; readonly ca: boolean; readonly pathLength: number | null } | null;
  readonly keyUsage: { readonly critical: boolean; has(use: KeyUse): boolean } | null;
  readonly extendedKeyUsage: { readonly critical: boolean; readonly purposes: readonly string[] } | null;
  /** Critical extensions that nobody here processes, by their OID: with one of them nobody knows what the certificate may be used for. */
  readonly unprocessed: readonly string[];
  /** Whether it limits the names of the certificates below it. */
  readonly namesConstrained: boolean;
  /** Where it says that its revocation can be asked for. */
  readonly revocation: RevocationPlaces;
  isSignedBy(issuer: Certificate): boolean;
}

/** Extensions that are processed here and in chain.ts. Name constraints are not: a certificate that has them is refused, critical or not. */
const processed: ReadonlySet<string> = new Set([pkijs.id_BasicConstraints, pkijs.id_KeyUsage, pkijs.id_ExtKeyUsage]);

/** Bits of RFC 5280 section 4.2.1.3. */
const keyUses = {
  digitalSignature: 0,
  keyEncipherment: 2,
  dataEncipherment: 3,
  keyAgreement: 4,
  keyCertSign: 5,
  cRLSign: 6,
  encipherOnly: 7,
  decipherOnly: 8,
} as const;
export type KeyUse = keyof typeof keyUses;

/** RFC 8017 and RFC 5758, with SHA-2 only. */
const soundSignatures: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);
const pss = '1.2.840.113549.1.1.10';
const sha2: ReadonlySet<string> = new Set(['2.16.840.1.101.3.4.2.1', '2.16.840.1.101.3.4.2.2', '2.16.840.1.101.3.4.2.3']);

/** Reads a certificate. Throws on what is none. */
export function readCertificate(der: Buffer): Certificate {
  if (der.length > limits.certificate) throw new RangeError('a certificate is too long');
  const x509 = new X509Certificate(der);
  // PEM would be read too, and trailing bytes ignored.
  if (!x509.raw.equals(der)) throw new TypeError('not the DER form of a certificate');
  const parsed = pkijs.Certificate.fromBER(der);
  const extensions = new Map((parsed.extensions ?? []).map((each) => [each.extnID, each]));
  if (extensions.size !== (parsed.extensions ?? []).length) throw new TypeError('a certificate with an extension twice');
  const key = x509.publicKey;
  return {
    der,
    key,
    keyId: createHash('sha256')
      .update(key.export({ type: 'spki', format: 'der' }))
      .digest('hex'),
    keyBits: Buffer.from(parsed.subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView),
    extensions: new Set(extensions.keys()),
    serial: Buffer.from(parsed.serialNumber.valueBlock.valueHexView),
    subject: Buffer.from(parsed.subject.valueBeforeDecode),
    issuer: Buffer.from(parsed.issuer.valueBeforeDecode),
    notBefore: x509.validFromDate.getTime(),
    notAfter: x509.validToDate.getTime(),
    soundlySigned: isSound(parsed.signatureAlgorithm),
    basicConstraints: readBasicConstraints(extensions.get(pkijs.id_BasicConstraints)),
    keyUsage: readKeyUsage(extensions.get(pkijs.id_KeyUsage)),
    extendedKeyUsage: readExtendedKeyUsage(extensions.get(pkijs.id_ExtKeyUsage)),
    unprocessed: [...extensions.values()].filter(({ critical, extnID }) => critical && !processed.has(extnID)).map(({ extnID }) => extnID),
    namesConstrained: extensions.has(pkijs.id_NameConstraints),
    revocation: readRevocationPlaces(extensions.get(pkijs.id_AuthorityInfoAccess), extensions.get(pkijs.id_CRLDistributionPoints)),
    isSignedBy: (issuer) => x509.verify(issuer.key),
  };
}

/** Whether each certificate is signed by the next one and the last by itself: by OpenSSL alone, which is quick. Throws on what is none. */
export function isLinked(chain: readonly Buffer[]): boolean {
  const read = chain.map((der) => new X509Certificate(der));
  return read.every((each, i) => each.verify((read[i + 1] ?? each).publicKey));
}

/** Whether a signature by this algorithm is still believed. */
export function isSound({ algorithmId, algorithmParams }: pkijs.AlgorithmIdentifier): boolean {
  if (algorithmId !== pss) return soundSignatures.has(algorithmId);
  return sha2.has(new pkijs.RSASSAPSSParams({ schema: algorithmParams }).hashAlgorithm.algorithmId);
}

function readBasicConstraints(extension: pkijs.Extension | undefined): Certificate['basicConstraints'] {
  if (extension === undefined) return null;
  const value = extension.parsedValue;
  if (!(value instanceof pkijs.BasicConstraints)) throw new TypeError('basic constraints that can not be read');
  const { cA, pathLenConstraint } = value;
  const length = typeof pathLenConstraint === 'object' ? Number(pathLenConstraint.toBigInt()) : (pathLenConstraint ?? null);
  return { critical: extension.critical, ca: cA, pathLength: length };
}

function readKeyUsage(extension: pkijs.Extension | undefined): Certificate['keyUsage'] {
  if (extension === undefined) return null;
  const value = extension.parsedValue;
  if (!(value instanceof BitString)) throw new TypeError('key usage that can not be read');
  const bits = value.valueBlock.valueHexView;
  const has = (use: KeyUse): boolean => {
    const bit = keyUses[use];
    return ((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0;
  };
  return { critical: extension.critical, has };
}

function readExtendedKeyUsage(extension: pkijs.Extension | undefined): Certificate['extendedKeyUsage'] {
  if (extension === undefined) return null;
  const value = extension.parsedValue;
  if (!(value instanceof pkijs.ExtKeyUsage)) throw new TypeError('extended key usage that can not be read');
  return { critical: extension.critical, purposes: value.keyPurposes };
}
