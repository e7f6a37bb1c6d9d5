import { createHash } from 'node:crypto';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { bad, good, type Outcome } from '../../../domain/fault.ts';
import { type Certificate, readCertificate } from '../certificate.ts';
import { isIssuedBy, notUnderstood, weakKey } from '../chain.ts';
import { readInvalidityDate } from './crl.ts';
import { open, tags } from './der.ts';
import { isSignedWith } from './signed.ts';
import { holdsUntil, type Issuance, type Standing } from './standing.ts';

/** Under which a certificate is asked for: SHA-1, since some responders know no other. It names, it proves nothing. */
const asked = { oid: '1.3.14.3.2.26', hash: 'sha1' } as const;
const hashes: ReadonlyMap<string, string> = new Map([
  [asked.oid, asked.hash],
  ['2.16.840.1.101.3.4.2.1', 'sha256'],
]);
const ocspSigning = '1.3.6.1.5.5.7.3.9';
/** Of a certificate whose revocation nobody asks for: RFC 6960 section 4.2.2.2.1. */
const noCheck = '1.3.6.1.5.5.7.48.1.5';
const mostCertificates = 8;
const mostResponses = 64;
const status = { successful: 0, revokedTag: 1, goodTag: 0 } as const;

/** A request about one certificate, without a nonce: answers are made ahead (RFC 5019). DER. */
export function writeOcspRequest({ certificate, issuer }: Issuance): Buffer {
  const reqCert = new pkijs.CertID({
    hashAlgorithm: new pkijs.AlgorithmIdentifier({ algorithmId: asked.oid, algorithmParams: new asn1js.Null() }),
    issuerNameHash: new asn1js.OctetString({ valueHex: digest(asked.hash, issuer.subject) }),
    issuerKeyHash: new asn1js.OctetString({ valueHex: digest(asked.hash, issuer.keyBits) }),
    serialNumber: new asn1js.Integer({ valueHex: new Uint8Array(certificate.serial).buffer }),
  });
  const request = new pkijs.OCSPRequest();
  request.tbsRequest.requestList = [new pkijs.Request({ reqCert })];
  return Buffer.from(request.toSchema(true).toBER());
}

/**
 * What a responder says of a certificate: https://www.rfc-editor.org/rfc/rfc6960 section 3.2. REVOCATION_UNAVAILABLE, with what the answer is
 * or does, for one that is not by the certificate's issuer or by whom it appointed, not of now, or about another certificate.
 */
export async function readOcspAnswer(bytes: Buffer, issuance: Issuance, now: number): Promise<Outcome<Standing>> {
  try {
    // PKI.js does not mind what follows.
    open(bytes, tags.sequence);
    const outer = pkijs.OCSPResponse.fromBER(bytes);
    const code = outer.responseStatus.valueBlock.valueDec;
    if (code !== status.successful) return refuse(`is a refusal (status ${code})`);
    if (outer.responseBytes?.responseType !== pkijs.id_PKIX_OCSP_Basic) return refuse('is of an unknown kind');
    const basic = pkijs.BasicOCSPResponse.fromBER(outer.responseBytes.response.valueBlock.valueHexView);
    return await readBasic(basic, issuance, now);
  } catch (cause) {
    return refuse('can not be read', cause);
  }
}

async function readBasic(basic: pkijs.BasicOCSPResponse, issuance: Issuance, now: number): Promise<Outcome<Standing>> {
  const { tbsResponseData: data, certs = [] } = basic;
  if (certs.length > mostCertificates || data.responses.length > mostResponses) return refuse('is too long');
  const responder = findResponder(data.responderID, certs, issuance.issuer, now);
  if (!responder.ok) return responder;
  if (!(await isSignedWith(data.tbsView, basic.signatureAlgorithm, basic.signature, responder.value))) return refuse('is not signed by its responder');
  const [answer, ...more] = data.responses.filter(({ certID }) => isAbout(certID, issuance));
  if (answer === undefined) return refuse('is about another certificate');
  if (more.length > 0) return refuse('says more than one thing about the certificate');
  const unknown = [...(data.responseExtensions ?? []), ...(answer.singleExtensions ?? [])].find(({ critical }) => critical);
  if (unknown !== undefined) return refuse(`has a critical extension that is not processed here (${unknown.extnID})`);
  const until = holdsUntil(answer.thisUpdate, answer.nextUpdate, now);
  if (typeof until === 'string') return refuse(until);
  const said = readStatus(answer);
  return said === null ? refuse('does not know the certificate') : good({ ...said, from: now, until });
}

/** The issuer itself, or whom it appointed: by a certificate of its own for this purpose (RFC 6960 section 4.2.2.2). */
function findResponder(id: unknown, certs: readonly pkijs.Certificate[], issuer: Certificate, now: number): Outcome<Certificate> {
  const isNamed = (certificate: Certificate): boolean => {
    if (id instanceof asn1js.OctetString) return Buffer.from(id.getValue()).equals(createHash('sha1').update(certificate.keyBits).digest());
    return id instanceof pkijs.RelativeDistinguishedNames && Buffer.from(id.valueBeforeDecode).equals(certificate.subject);
  };
  if (isNamed(issuer)) return good(issuer);
  const found = certs.map((each) => readCertificate(Buffer.from(each.toSchema().toBER()))).find(isNamed);
  if (found === undefined) return refuse('is by a responder that did not show its certificate');
  if (!isIssuedBy(found, issuer) || !found.soundlySigned) return refuse('is by a responder that the issuer of the certificate did not appoint');
  const wrong = findResponderFault(found, now);
  return wrong === null ? good(found) : refuse(`is by a responder whose certificate ${wrong}`);
}

function findResponderFault(certificate: Certificate, now: number): string | null {
  const { extendedKeyUsage, keyUsage, notBefore, notAfter, revocation } = certificate;
  if (extendedKeyUsage?.purposes.includes(ocspSigning) !== true) return 'is not for signing such answers (extended key usage)';
  if (keyUsage?.has('digitalSignature') === false) return 'is not for digital signatures (key usage)';
  if (now < notBefore || now > notAfter) return 'is not valid now';
  // To ask for it would lead from one responder to the next.
  if (!certificate.extensions.has(noCheck) && (revocation.ocsp !== null || revocation.crl !== null)) return 'may itself be revoked';
  return notUnderstood(certificate) ?? weakKey(certificate);
}

function isAbout({ hashAlgorithm, issuerNameHash, issuerKeyHash, serialNumber }: pkijs.CertID, { certificate, issuer }: Issuance): boolean {
  const hash = hashes.get(hashAlgorithm.algorithmId);
  if (hash === undefined) return false;
  const equal = (written: asn1js.OctetString, bytes: Buffer): boolean => Buffer.from(written.getValue()).equals(createHash(hash).update(bytes).digest());
  return (
    Buffer.from(serialNumber.valueBlock.valueHexView).equals(certificate.serial) &&
    equal(issuerNameHash, issuer.subject) &&
    equal(issuerKeyHash, issuer.keyBits)
  );
}

/** CertStatus of RFC 6960 section 4.2.1; null for what is neither good nor revoked. */
function readStatus({ certStatus, singleExtensions = [] }: pkijs.SingleResponse): Pick<Standing, 'revokedAt' | 'invalidFrom'> | null {
  const said: unknown = certStatus;
  if (!(said instanceof asn1js.BaseBlock)) return null;
  const { tagNumber } = said.idBlock;
  if (tagNumber === status.goodTag) return { revokedAt: null, invalidFrom: null };
  if (tagNumber !== status.revokedTag) return null;
  const [time] = said instanceof asn1js.Constructed ? said.valueBlock.value : [];
  const at = time instanceof asn1js.GeneralizedTime ? time.toDate().getTime() : 0;
  return { revokedAt: Number.isNaN(at) ? 0 : at, invalidFrom: readInvalidityDate(singleExtensions) };
}

function digest(hash: string, bytes: Buffer): ArrayBuffer {
  return new Uint8Array(createHash(hash).update(bytes).digest()).buffer;
}

function refuse(why: string, cause?: unknown): Outcome<never> {
  return bad('REVOCATION_UNAVAILABLE', why, cause === undefined ? {} : { cause });
}
