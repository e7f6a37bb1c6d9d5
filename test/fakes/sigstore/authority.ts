import 'reflect-metadata';
import { createHash, randomBytes, webcrypto } from 'node:crypto';
import x509 from '@peculiar/x509';
import { initializeCA, initializeCTLog } from '@sigstore/mock';
import { type KeyPair, makeKey } from '../publish.ts';

/** For what a test adds to a certificate. It needs a polyfill that must come before it. */
export { x509 };

const es256 = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const fulcio = '1.3.6.1.4.1.57264.1.';
const minute = 60_000;

/** What a certificate shall say. */
export interface CertificateRequest {
  /** Subject alternative names, as Fulcio would write them. */
  readonly names: readonly { readonly type: 'url' | 'email' | 'dns'; readonly value: string }[];
  /** null for a certificate that names none. */
  readonly issuer: string | null;
  /** Fulcio extensions from number 9 on, by number. */
  readonly claims?: Readonly<Record<number, string>>;
  /** Milliseconds since the epoch; ten minutes from now unless said otherwise. */
  readonly notBefore?: number;
  readonly notAfter?: number;
  /** Whether a certificate transparency log vouches for it. */
  readonly logged?: boolean;
  /** OIDs; null for none of that extension. */
  readonly usages?: readonly string[] | null;
  readonly authority?: boolean;
  /** Further extensions, and those to leave out. */
  readonly more?: readonly x509.Extension[];
  readonly without?: readonly string[];
}

/** An authority like Fulcio, with its certificate transparency log. */
export interface Authority {
  readonly certificate: Buffer;
  readonly ctLogKey: Buffer;
  issue(publicKey: KeyPair['publicKey'], request: CertificateRequest): Promise<Buffer>;
}

export async function makeAuthority(): Promise<Authority> {
  const [pair, logPair] = [makeKey(), makeKey()];
  const ctLog = await initializeCTLog({ publicKey: logPair.publicKey, privateKey: logPair.privateKey });
  const ca = await initializeCA({ publicKey: pair.publicKey, privateKey: pair.privateKey });
  const root = new x509.X509Certificate(ca.rootCertificate);
  const signingKey = pair.privateKey.toCryptoKey(es256, true, ['sign']);
  const issuerId = createHash('sha256')
    .update(pair.publicKey.export({ type: 'spki', format: 'der' }))
    .digest();

  return {
    certificate: Buffer.from(root.rawData),
    ctLogKey: ctLog.publicKey,
    async issue(publicKey, request) {
      const { without = [] } = request;
      const key = await webcrypto.subtle.importKey('spki', publicKey.export({ type: 'spki', format: 'der' }), algorithmOf(publicKey), true, ['verify']);
      const extensions = [...(await common(key, root, request)), ...(request.more ?? [])].filter(({ type }) => !without.includes(type));
      const params = {
        serialNumber: randomBytes(8)
          .toString('hex')
          .replace(/^[89a-f]/, '1'),
        notBefore: new Date(request.notBefore ?? Date.now()),
        notAfter: new Date(request.notAfter ?? (request.notBefore ?? Date.now()) + 10 * minute),
        issuer: root.subject,
        subject: request.authority === true ? 'CN=another authority' : '',
        publicKey: key,
        signingAlgorithm: { name: 'ECDSA', hash: 'SHA-256' },
        signingKey,
      };
      const create = async (all: readonly x509.Extension[]) => x509.X509CertificateGenerator.create({ ...params, extensions: [...all] }, webcrypto);
      if (request.logged === false) return Buffer.from((await create(extensions)).rawData);
      const receipt = Buffer.from(await ctLog.log((await create(extensions)).rawData, new Uint8Array(issuerId).buffer));
      return Buffer.from((await create([...extensions, receiptList(receipt)])).rawData);
    },
  };
}

async function common(key: webcrypto.CryptoKey, root: x509.X509Certificate, request: CertificateRequest): Promise<readonly x509.Extension[]> {
  const { names, issuer, claims = {}, usages = [x509.ExtendedKeyUsage.codeSigning] } = request;
  const provider = webcrypto;
  return [
    ...(request.authority === true ? [new x509.BasicConstraintsExtension(true, undefined, true)] : []),
    new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    ...(usages === null ? [] : [new x509.ExtendedKeyUsageExtension([...usages])]),
    ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension([...names], true)]),
    await x509.SubjectKeyIdentifierExtension.create(key, false, provider),
    await x509.AuthorityKeyIdentifierExtension.create(root.publicKey, false, provider),
    ...(issuer === null ? [] : [new x509.Extension(`${fulcio}1`, false, Buffer.from(issuer)), new x509.Extension(`${fulcio}8`, false, utf8String(issuer))]),
    ...Object.entries(claims).map(
      ([number, value]) => new x509.Extension(`${fulcio}${number}`, false, Number(number) < 8 ? Buffer.from(value) : utf8String(value)),
    ),
  ];
}

function algorithmOf(key: KeyPair['publicKey']): { name: string; namedCurve: string } {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return { name: 'ECDSA', namedCurve: curve === 'secp384r1' ? 'P-384' : 'P-256' };
}

/** DER, short form of the length where that will do. */
export function utf8String(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = bytes.length < 128 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff];
  return Buffer.concat([Buffer.from([0x0c, ...length]), bytes]);
}

/** https://www.rfc-editor.org/rfc/rfc6962#section-3.3; the log's receipt begins with its own length. */
function receiptList(receipt: Buffer): x509.Extension {
  const list = Buffer.concat([Buffer.from([receipt.length >> 8, receipt.length & 0xff]), receipt]);
  const octets = Buffer.concat([Buffer.from(list.length < 128 ? [0x04, list.length] : [0x04, 0x81, list.length]), list]);
  return new x509.Extension('1.3.6.1.4.1.11129.2.4.2', false, octets);
}
