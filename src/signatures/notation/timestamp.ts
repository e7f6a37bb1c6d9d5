import { createHash } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { type Certificate, readCertificate } from './certificate.ts';
import { findChainFault, isIssuedBy } from './chain.ts';
import { limits } from './terms.ts';

export interface Timestamp {
  /** What the authority's clock said. */
  readonly at: number;
  /** Between these two the signature existed already. Milliseconds since the epoch. */
  readonly earliest: number;
  readonly latest: number;
  readonly chain: readonly Certificate[];
}

const contentTypeAttribute = '1.2.840.113549.1.9.3';
const signingCertificateV2 = '1.2.840.113549.1.9.16.2.47';
const baselinePolicy = '0.4.0.2023.1.1';
const sha2: ReadonlyMap<string, string> = new Map([
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
  ['2.16.840.1.101.3.4.2.2', 'sha384'],
  ['2.16.840.1.101.3.4.2.3', 'sha512'],
]);
/** rsaEncryption (its hash is named beside it), RSA and ECDSA with SHA-2. */
const signatureAlgorithms: ReadonlySet<string> = new Set([
  '1.2.840.113549.1.1.1',
  '1.2.840.113549.1.1.11',
  '1.2.840.113549.1.1.12',
  '1.2.840.113549.1.1.13',
  '1.2.840.10045.4.3.2',
  '1.2.840.10045.4.3.3',
  '1.2.840.10045.4.3.4',
]);

/**
 * Verifies a timestamp token (a ContentInfo, not a response) over a signature, under a set of roots. Throws on what is no token.
 * https://www.rfc-editor.org/rfc/rfc3161 section 2.4.2, https://www.rfc-editor.org/rfc/rfc5816 section 2.2.1,
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#steps
 */
export async function verifyTimestamp(token: Buffer, signature: Buffer, roots: readonly Certificate[]): Promise<Outcome<Timestamp>> {
  const content = pkijs.ContentInfo.fromBER(token);
  if (content.contentType !== pkijs.id_ContentType_SignedData) return refuse('its timestamp is no signed data');
  const signed = new pkijs.SignedData({ schema: content.content });
  const { eContentType, eContent } = signed.encapContentInfo;
  if (eContentType !== pkijs.id_eContentType_TSTInfo || eContent === undefined) return refuse('its timestamp holds no time');
  const [signer, ...more] = signed.signerInfos;
  if (signer === undefined || more.length > 0) return refuse('its timestamp does not have exactly one signer');
  if (!sha2.has(signer.digestAlgorithm.algorithmId) || !signatureAlgorithms.has(signer.signatureAlgorithm.algorithmId)) {
    return refuse('its timestamp is signed with an algorithm that is not believed');
  }
  const info = pkijs.TSTInfo.fromBER(eContent.getValue());
  if (info.version !== 1 || !sha2.has(info.messageImprint.hashAlgorithm.algorithmId)) return refuse('its timestamp is of an unknown form');
  const attributes = signer.signedAttrs?.attributes ?? [];
  // PKI.js looks for this attribute, not at it.
  const [said] = valuesOf(attributes, contentTypeAttribute);
  if (!(said instanceof asn1js.ObjectIdentifier) || said.valueBlock.toString() !== eContentType)
    return refuse('its timestamp does not say that it holds a time');
  // Without `data` the imprint would not be compared.
  const verified = await signed.verify({ signer: 0, data: toArrayBuffer(signature), extendedMode: true }).catch(() => null);
  const certificate = verified?.signerCertificate ?? null;
  if (verified?.signatureVerified !== true || certificate === null) return refuse('its timestamp is not over this signature, or is not signed');
  const pool = readPool(signed);
  const own = toDer(certificate);
  if (!namesCertificate(valuesOf(attributes, signingCertificateV2)[0], own)) return refuse('its timestamp does not name the certificate it is signed with');
  const chain = findPath([readCertificate(own)], pool, roots);
  if (chain === null) return bad('SIGNER_MISMATCH', 'its timestamp is by an authority that is not trusted');
  const wrong = findChainFault(chain, 'timeStamping');
  if (wrong !== null) return refuse(`of its timestamp, ${wrong}`);
  const at = info.genTime.getTime();
  if (chain.some(({ notBefore, notAfter }) => at < notBefore || at > notAfter))
    return refuse('its timestamp is of a time at which its authority had no valid certificate');
  const accuracy = accuracyOf(info);
  return good({ at, earliest: at - accuracy, latest: at + accuracy, chain });
}

function readPool({ certificates = [] }: pkijs.SignedData): readonly Certificate[] {
  if (certificates.length > limits.timestampCertificates) throw new RangeError('a timestamp with too many certificates');
  return certificates.map((each) => {
    if (!(each instanceof pkijs.Certificate)) throw new TypeError('a timestamp with a certificate of another kind');
    return readCertificate(toDer(each));
  });
}

/** From a certificate to a trusted root. At most as long as the pool, since none is taken twice. */
function findPath(path: readonly Certificate[], pool: readonly Certificate[], roots: readonly Certificate[]): readonly Certificate[] | null {
  const last = path.at(-1);
  if (last === undefined || path.length > limits.chain) return null;
  if (roots.some(({ der }) => der.equals(last.der))) return path;
  const root = roots.find((each) => isIssuedBy(last, each));
  if (root !== undefined) return [...path, root];
  const next = pool.find((each) => !path.some(({ der }) => der.equals(each.der)) && isIssuedBy(last, each));
  return next === undefined ? null : findPath([...path, next], pool, roots);
}

/** ESSCertIDv2 of RFC 5035 section 4: which certificate the signer means, so that no other with the same key can be put in its place. */
function namesCertificate(attribute: unknown, der: Buffer): boolean {
  const [certificates] = parts(attribute);
  const [first] = parts(certificates);
  const [one, two] = parts(first);
  const [algorithm] = parts(one);
  const hash = algorithm instanceof asn1js.ObjectIdentifier ? sha2.get(algorithm.valueBlock.toString()) : 'sha256';
  const written = one instanceof asn1js.OctetString ? one : two;
  if (hash === undefined || !(written instanceof asn1js.OctetString)) return false;
  return createHash(hash).update(der).digest().equals(Buffer.from(written.getValue()));
}

function parts(value: unknown): readonly unknown[] {
  return value instanceof asn1js.Sequence ? value.valueBlock.value : [];
}

function valuesOf(attributes: readonly pkijs.Attribute[], type: string): readonly unknown[] {
  const [found, ...more] = attributes.filter((each) => each.type === type);
  return found === undefined || more.length > 0 ? [] : found.values;
}

/** Milliseconds. The baseline policy of ETSI EN 319 421 promises a second where nothing is said. */
function accuracyOf({ accuracy, policy }: pkijs.TSTInfo): number {
  const { seconds = 0, millis = 0, micros = 0 } = accuracy ?? {};
  const said = seconds * 1000 + millis + micros / 1000;
  return said === 0 && policy === baselinePolicy ? 1000 : said;
}

function toDer(certificate: pkijs.Certificate): Buffer {
  return Buffer.from(certificate.toSchema().toBER());
}

function toArrayBuffer(bytes: Buffer): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

function refuse(why: string): Outcome<never> {
  return bad('SIGNATURE_INVALID', why);
}
