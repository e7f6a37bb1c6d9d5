import { generateKeyPairSync } from 'node:crypto';
import { type Agent, type RequestOptions, request } from 'node:https';
import forge from 'node-forge';
import type { CertificateSource, ServingCertificate } from '../../../src/domain/certificate.ts';
import type { Log } from '../../../src/domain/log.ts';
import { issueAuthority, issueServing, type KeyAndCertificate } from '../../../src/server/authority.ts';
import { type CertificateHolder, holdCertificate } from '../../../src/server/certificates.ts';

export interface Line {
  readonly level: string;
  readonly fields: object;
  readonly message: string;
}

/** A log that keeps its lines. */
export function keepLog(): Log & { readonly lines: Line[] } {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields, message });
  };
  return { lines, info: at('info'), warn: at('warn'), error: at('error') };
}

export interface TestAuthority {
  readonly authority: KeyAndCertificate;
  readonly serving: ServingCertificate;
  readonly client: KeyAndCertificate;
}

export async function makeAuthority(now = Date.now()): Promise<TestAuthority> {
  const authority = await issueAuthority(now);
  const serving = await issueServing(authority, ['localhost', '127.0.0.1'], now);
  const client = issueClient(authority);
  return { authority, serving: { ...serving, ca: authority.cert }, client };
}

export function holding(certificate: ServingCertificate): CertificateHolder & CertificateSource {
  return holdCertificate(certificate, () => {});
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface CallOptions {
  readonly port: number;
  readonly ca: string;
  readonly path?: string;
  readonly method?: string;
  readonly body?: Buffer | string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly agent?: Agent;
  readonly tls?: RequestOptions;
}

/** One HTTPS call, as the API server makes it. */
export function call(options: CallOptions): Promise<Answer> {
  const { port, ca, path = '/validate', method = 'POST', body = '{}', headers = {}, agent, tls = {} } = options;
  return new Promise((resolve, reject) => {
    const sent = request(
      {
        host: '127.0.0.1',
        port,
        ca,
        path,
        method,
        headers: { 'content-type': 'application/json', ...headers },
        ...(agent === undefined ? { agent: false } : { agent }),
        ...tls,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }));
        response.on('error', reject);
      },
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

/** A certificate as the API server shows it: for clientAuth, which a serving certificate is not good for. */
function issueClient(authority: KeyAndCertificate): KeyAndCertificate {
  const keys = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const certificate = forge.pki.createCertificate();
  certificate.publicKey = forge.pki.publicKeyFromPem(keys.publicKey);
  certificate.serialNumber = '02';
  certificate.validity.notBefore = new Date(Date.now() - 3_600_000);
  certificate.validity.notAfter = new Date(Date.now() + 3_600_000);
  certificate.setSubject([{ name: 'commonName', value: 'kube-apiserver' }]);
  certificate.setIssuer(forge.pki.certificateFromPem(authority.cert).subject.attributes);
  certificate.setExtensions([{ name: 'extKeyUsage', clientAuth: true }]);
  certificate.sign(forge.pki.privateKeyFromPem(authority.key), forge.md.sha256.create());
  return { cert: forge.pki.certificateToPem(certificate), key: keys.privateKey };
}
