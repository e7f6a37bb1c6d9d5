import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import type { Issued } from './authority.ts';

const minute = 60_000;
const ids = { crlNumber: '2.5.29.20', reason: '2.5.29.21', invalidityDate: '2.5.29.24', delta: '2.5.29.27', scope: '2.5.29.28' } as const;

export interface RevokedEntry {
  readonly certificate: Issued;
  readonly at?: Date;
  readonly invalidFrom?: Date;
  /** Further extensions of the entry. */
  readonly extensions?: readonly pkijs.Extension[];
}

export interface CrlOptions {
  readonly revoked?: readonly RevokedEntry[];
  readonly thisUpdate?: Date;
  /** null: none. */
  readonly nextUpdate?: Date | null;
  readonly hash?: 'SHA-1' | 'SHA-256';
  readonly extensions?: readonly pkijs.Extension[];
  /** Instead of the authority's own name. */
  readonly issuer?: Issued;
  /** OID of the algorithm that is named within what is signed, instead of the one it is signed with. */
  readonly namedAlgorithm?: string;
}

/** A list of revoked certificates as an authority signs it. */
export async function makeCrl(authority: Issued, options: CrlOptions = {}): Promise<Buffer> {
  const { revoked = [], thisUpdate = new Date(Date.now() - minute), nextUpdate = new Date(Date.now() + 60 * minute), extensions = [] } = options;
  const time = (value: Date): pkijs.Time => new pkijs.Time({ type: 0, value });
  const crl = new pkijs.CertificateRevocationList({
    version: 1,
    issuer: parse(options.issuer ?? authority).subject,
    thisUpdate: time(thisUpdate),
    crlExtensions: new pkijs.Extensions({ extensions: [extension(ids.crlNumber, new asn1js.Integer({ value: 1 })), ...extensions] }),
    ...(nextUpdate === null ? {} : { nextUpdate: time(nextUpdate) }),
    ...(revoked.length === 0 ? {} : { revokedCertificates: revoked.map(entry) }),
  });
  await crl.sign(authority.keys.privateKey, options.hash ?? 'SHA-256');
  if (options.namedAlgorithm !== undefined) await signAnew(crl, authority, options.namedAlgorithm);
  return Buffer.from(crl.toSchema(true).toBER());

  function entry({ certificate, at = thisUpdate, invalidFrom, extensions: more = [] }: RevokedEntry): pkijs.RevokedCertificate {
    const own = [extension(ids.reason, new asn1js.Enumerated({ value: 1 })), ...(invalidFrom === undefined ? [] : [invalidityDate(invalidFrom)]), ...more];
    return new pkijs.RevokedCertificate({
      userCertificate: parse(certificate).serialNumber,
      revocationDate: time(at),
      crlEntryExtensions: new pkijs.Extensions({ extensions: own }),
    });
  }
}

async function signAnew(crl: pkijs.CertificateRevocationList, { keys }: Issued, algorithmId: string): Promise<void> {
  crl.signature = new pkijs.AlgorithmIdentifier({ algorithmId });
  const [signed] = crl.toSchema(true).valueBlock.value;
  crl.tbsView = new Uint8Array(signed?.toBER() ?? []);
  const signature = await pkijs.getCrypto(true).signWithPrivateKey(crl.tbsView, keys.privateKey, { algorithm: { name: 'ECDSA', hash: 'SHA-256' } });
  crl.signatureValue = new asn1js.BitString({ valueHex: signature });
}

export function extension(extnID: string, value: asn1js.BaseBlock, critical = false): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER() });
}

function invalidityDate(value: Date): pkijs.Extension {
  return extension(ids.invalidityDate, new asn1js.GeneralizedTime({ valueDate: value }));
}

export function deltaIndicator(): pkijs.Extension {
  return extension(ids.delta, new asn1js.Integer({ value: 1 }), true);
}

/** What a list is about. */
export function scope(parts: Partial<pkijs.IIssuingDistributionPoint> & { readonly address?: string }): pkijs.Extension {
  const { address, ...rest } = parts;
  const named = address === undefined ? {} : { distributionPoint: [new pkijs.GeneralName({ type: 6, value: address })] };
  return extension(ids.scope, new pkijs.IssuingDistributionPoint({ ...rest, ...named }).toSchema(), true);
}

export interface OcspOptions {
  readonly status?: 'good' | 'revoked' | 'unknown';
  readonly revokedAt?: Date;
  readonly invalidFrom?: Date;
  readonly thisUpdate?: Date;
  /** null: none. */
  readonly nextUpdate?: Date | null;
  /** Who signs: the issuer itself, or one whose certificate comes along. */
  readonly responder?: Issued;
  /** Whose key is used, whatever certificate is named. */
  readonly signedBy?: Issued;
  readonly certificates?: readonly Issued[];
  readonly hash?: 'SHA-1' | 'SHA-256';
  readonly idHash?: 'SHA-1' | 'SHA-256';
  readonly byKey?: boolean;
  /** Whose certificate it is said to be. */
  readonly idIssuer?: Issued;
  readonly extensions?: readonly pkijs.Extension[];
  /** How often the same is said. */
  readonly times?: number;
}

/** An answer about a certificate by its issuer. */
export async function makeOcspAnswer(certificate: Issued, issuer: Issued, options: OcspOptions = {}): Promise<Buffer> {
  const {
    status = 'good',
    thisUpdate = new Date(Date.now() - minute),
    nextUpdate = new Date(Date.now() + 60 * minute),
    responder = issuer,
    times = 1,
  } = options;
  const certID = await pkijs.CertID.create(parse(certificate), {
    hashAlgorithm: options.idHash ?? 'SHA-1',
    issuerCertificate: parse(options.idIssuer ?? issuer),
  });
  const singleExtensions = [...(options.invalidFrom === undefined ? [] : [invalidityDate(options.invalidFrom)]), ...(options.extensions ?? [])];
  const single = (): pkijs.SingleResponse =>
    new pkijs.SingleResponse({
      certID,
      certStatus: statusOf(status, options.revokedAt ?? thisUpdate),
      thisUpdate,
      ...(nextUpdate === null ? {} : { nextUpdate }),
      ...(singleExtensions.length === 0 ? {} : { singleExtensions }),
    });
  const key = parse(responder).subjectPublicKeyInfo.subjectPublicKey.valueBlock.valueHexView;
  const basic = new pkijs.BasicOCSPResponse({
    tbsResponseData: new pkijs.ResponseData({
      responderID: options.byKey === true ? octets(createHash('sha1').update(key).digest()) : parse(responder).subject,
      producedAt: thisUpdate,
      responses: Array.from({ length: times }, single),
    }),
    certs: (options.certificates ?? (responder === issuer ? [] : [responder])).map(parse),
  });
  if (basic.certs?.length === 0) delete basic.certs;
  await basic.sign((options.signedBy ?? responder).keys.privateKey, options.hash ?? 'SHA-256');
  return wrap(0, Buffer.from(basic.toSchema().toBER()));
}

/** A refusal: tryLater is 3, unauthorized 6. */
export function refuseOcsp(status: number): Buffer {
  return wrap(status, null);
}

function wrap(status: number, basic: Buffer | null): Buffer {
  const responseBytes = basic === null ? {} : { responseBytes: new pkijs.ResponseBytes({ responseType: pkijs.id_PKIX_OCSP_Basic, response: octets(basic) }) };
  const outer = new pkijs.OCSPResponse({ responseStatus: new asn1js.Enumerated({ value: status }), ...responseBytes });
  return Buffer.from(outer.toSchema().toBER());
}

function statusOf(status: 'good' | 'revoked' | 'unknown', at: Date): asn1js.BaseBlock {
  const idBlock = (tagNumber: number) => ({ idBlock: { tagClass: 3, tagNumber } });
  if (status === 'revoked') return new asn1js.Constructed({ ...idBlock(1), value: [new asn1js.GeneralizedTime({ valueDate: at })] });
  return new asn1js.Primitive({ ...idBlock(status === 'good' ? 0 : 2), lenBlockLength: 1 } as ConstructorParameters<typeof asn1js.Primitive>[0]);
}

function octets(bytes: Buffer): asn1js.OctetString {
  return new asn1js.OctetString({ valueHex: new Uint8Array(bytes).buffer });
}

function parse({ der }: Issued): pkijs.Certificate {
  return pkijs.Certificate.fromBER(der);
}

/** The extension that says who answers for a certificate. */
export function ocspAt(...urls: readonly string[]): x509.Extension {
  return new x509.AuthorityInfoAccessExtension({ ocsp: urls.map((url) => new x509.GeneralName('url', url)) });
}

/** The extension that says where a list is that is by somebody else, or for some reasons only. */
export function partialCrlAt(url: string, kind: 'indirect' | 'reasons'): x509.Extension {
  const { subject } = new pkijs.Certificate();
  const more =
    kind === 'indirect'
      ? { cRLIssuer: [new pkijs.GeneralName({ type: 4, value: subject })] }
      : { reasons: new asn1js.BitString({ valueHex: new Uint8Array([0x40]).buffer, unusedBits: 6 }) };
  const point = new pkijs.DistributionPoint({ distributionPoint: [new pkijs.GeneralName({ type: 6, value: url })], ...more });
  return new x509.Extension(pkijs.id_CRLDistributionPoints, false, new pkijs.CRLDistributionPoints({ distributionPoints: [point] }).toSchema().toBER());
}

/** A server's part: what it gives for a request of this kind. */
export type Give = Buffer | RequestListener;

/** Authorities' servers, OCSP and CRL, in the test's own hands. What they say may be changed at any time. */
export interface RevocationServer {
  readonly host: string;
  readonly ocsp: string;
  readonly crl: string;
  /** What is asked for, in order: `ocsp GET`, `ocsp POST`, `crl GET`. */
  readonly asked: string[];
  /** Certificates that were asked about, by the content of their serial number, hex. */
  readonly serials: string[];
  say(what: 'ocsp' | 'crl', give: Give): void;
  close(): Promise<void>;
}

export async function serveRevocation(): Promise<RevocationServer> {
  const said = new Map<string, Give>();
  const asked: string[] = [];
  const serials: string[] = [];
  const server = createServer((request, response) => {
    const [, what = ''] = (request.url ?? '').split(/[/?]/);
    asked.push(`${what} ${request.method}`);
    void read(request).then((body) => {
      if (what === 'ocsp') serials.push(serialOf(request, body));
      const give = said.get(what);
      if (give === undefined) return response.writeHead(503).end();
      if (!Buffer.isBuffer(give)) return give(request, response);
      return response.writeHead(200, { 'content-type': what === 'ocsp' ? 'application/ocsp-response' : 'application/pkix-crl' }).end(give);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    host,
    ocsp: `http://${host}/ocsp`,
    crl: `http://${host}/crl`,
    asked,
    serials,
    say: (what, give) => {
      said.set(what, give);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** The certificate that a request is about, in either form; it throws on what is no request. */
function serialOf(request: IncomingMessage, body: Buffer): string {
  const encoded = request.method === 'POST' ? body : Buffer.from(decodeURIComponent((request.url ?? '').split('/')[2] ?? ''), 'base64');
  const { requestList } = pkijs.OCSPRequest.fromBER(encoded).tbsRequest;
  return requestList.map(({ reqCert }) => Buffer.from(reqCert.serialNumber.valueBlock.valueHexView).toString('hex')).join();
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
