import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { type Issued, issue, issueRoot, timeStamping, uses } from './authority.ts';

const tstInfo = '1.2.840.113549.1.9.16.1.4';
const sha256 = '2.16.840.1.101.3.4.2.1';

export interface TimestampOptions {
  readonly at?: Date;
  /** What is stamped, instead of what was asked for. */
  readonly over?: Buffer;
  /** Which certificate the token says it is signed with; null: none is said. */
  readonly named?: Buffer | null;
  readonly certificates?: readonly Issued[];
  readonly contentType?: string;
  readonly digest?: 'SHA-1' | 'SHA-256';
  /** What the token says it holds, instead of a time. */
  readonly type?: string;
  readonly signers?: number;
}

/** A timestamp authority (RFC 3161) in the test's own hands. */
export interface TimestampAuthority {
  readonly root: Issued;
  readonly leaf: Issued;
  stamp(content: Buffer, options?: TimestampOptions): Promise<Buffer>;
}

export async function makeTimestampAuthority(leafOptions: Parameters<typeof issue>[0] = {}): Promise<TimestampAuthority> {
  const root = await issueRoot('CN=Time Root, O=Time, ST=WA, C=US');
  const leaf = await issue({
    subject: 'CN=Time, O=Time, ST=WA, C=US',
    issuer: root,
    usage: { flags: uses.digitalSignature },
    extended: { purposes: [timeStamping], critical: true },
    ...leafOptions,
  });
  return {
    root,
    leaf,
    stamp: (content, options = {}) =>
      token(
        leaf,
        createHash('sha256')
          .update(options.over ?? content)
          .digest(),
        options,
      ),
  };
}

/** A token over the hash of what is stamped. */
async function token(
  leaf: Issued,
  imprint: Buffer,
  options: TimestampOptions,
  asked: { readonly algorithm?: string; readonly nonce?: asn1js.Integer | undefined } = {},
): Promise<Buffer> {
  const hashAlgorithm = new pkijs.AlgorithmIdentifier({ algorithmId: asked.algorithm ?? sha256, algorithmParams: new asn1js.Null() });
  const { nonce } = asked;
  const info = new pkijs.TSTInfo({
    version: 1,
    policy: '1.2.3.4.1',
    messageImprint: new pkijs.MessageImprint({ hashAlgorithm, hashedMessage: new asn1js.OctetString({ valueHex: bytes(imprint) }) }),
    serialNumber: new asn1js.Integer({ value: 7 }),
    genTime: options.at ?? new Date(),
    accuracy: new pkijs.Accuracy({ seconds: 1 }),
    ...(nonce === undefined ? {} : { nonce }),
  });
  const encoded = info.toSchema().toBER();
  const hash = options.digest ?? 'SHA-256';
  const digest = await crypto.subtle.digest(hash, encoded);
  const named = options.named === undefined ? leaf.der : options.named;
  const attribute = (type: string, value: asn1js.BaseBlock): pkijs.Attribute => new pkijs.Attribute({ type, values: [value] });
  const attributes = [
    attribute('1.2.840.113549.1.9.3', new asn1js.ObjectIdentifier({ value: options.contentType ?? options.type ?? tstInfo })),
    attribute('1.2.840.113549.1.9.4', new asn1js.OctetString({ valueHex: digest })),
    ...(named === null ? [] : [attribute('1.2.840.113549.1.9.16.2.47', signingCertificate(named))]),
  ];
  const certificates = options.certificates ?? [leaf];
  const signed = new pkijs.SignedData({
    version: 3,
    encapContentInfo: contentOf(encoded, options.type ?? tstInfo),
    signerInfos: [
      new pkijs.SignerInfo({
        version: 1,
        sid: new pkijs.IssuerAndSerialNumber({ issuer: parse(leaf).issuer, serialNumber: parse(leaf).serialNumber }),
        signedAttrs: new pkijs.SignedAndUnsignedAttributes({ type: 0, attributes }),
      }),
    ],
    certificates: certificates.map(parse),
  });
  await signed.sign(leaf.keys.privateKey, 0, hash);
  const [signer] = signed.signerInfos;
  for (let i = 1; i < (options.signers ?? 1); i += 1) if (signer !== undefined) signed.signerInfos.push(signer);
  return Buffer.from(new pkijs.ContentInfo({ contentType: pkijs.id_ContentType_SignedData, content: signed.toSchema(true) }).toSchema().toBER());
}

/** PKI.js would cut the octets into pieces (BER), which DER does not allow. */
function contentOf(encoded: ArrayBuffer, eContentType: string): pkijs.EncapsulatedContentInfo {
  const content = new pkijs.EncapsulatedContentInfo({ eContentType });
  content.eContent = new asn1js.OctetString({ valueHex: encoded });
  return content;
}

/** SigningCertificateV2 with the default hash (RFC 5035 section 4). */
function signingCertificate(der: Buffer): asn1js.Sequence {
  const hash = new asn1js.OctetString({ valueHex: bytes(createHash('sha256').update(der).digest()) });
  return new asn1js.Sequence({ value: [new asn1js.Sequence({ value: [new asn1js.Sequence({ value: [hash] })] })] });
}

function parse({ der }: Issued): pkijs.Certificate {
  return pkijs.Certificate.fromBER(der);
}

function bytes(buffer: Buffer): ArrayBuffer {
  return new Uint8Array(buffer).buffer;
}

/** The authority behind HTTP (RFC 3161 section 3.4). */
export async function serveTimestamps({ leaf }: TimestampAuthority): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      void answer(leaf, Buffer.concat(chunks)).then(
        (body) => response.writeHead(200, { 'content-type': 'application/timestamp-reply' }).end(body),
        () => response.writeHead(500).end(),
      );
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function answer(leaf: Issued, asked: Buffer): Promise<Buffer> {
  const request = pkijs.TimeStampReq.fromBER(asked);
  const { hashAlgorithm, hashedMessage } = request.messageImprint;
  const stamped = await token(leaf, Buffer.from(hashedMessage.getValue()), {}, { algorithm: hashAlgorithm.algorithmId, nonce: request.nonce });
  const content = pkijs.ContentInfo.fromBER(stamped);
  return Buffer.from(new pkijs.TimeStampResp({ status: new pkijs.PKIStatusInfo({ status: 0 }), timeStampToken: content }).toSchema().toBER());
}
