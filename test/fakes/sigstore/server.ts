import { createPublicKey, type KeyObject } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { property, text } from '../../../src/domain/json.ts';
import { type CertificateRequest, x509 } from './authority.ts';
import { makeSigstore, type Sigstore } from './index.ts';
import { bundleEntry, canonicalV1, canonicalV2, entryName } from './log.ts';
import { pemOf } from './sign.ts';

/** The same over HTTP, in the protocols of Fulcio, Rekor (v1 and v2) and the timestamp authority. */
export interface ServedSigstore extends Sigstore {
  readonly url: string;
  /** An identity token, signed by nobody: the authority here believes everybody. */
  token(claims: Readonly<Record<string, string | boolean>>): string;
  /** What cosign takes as `--signing-config`. */
  signingConfig(rekor: 1 | 2 | null, stamped: boolean): string;
  close(): Promise<void>;
}

export async function serveSigstore(): Promise<ServedSigstore> {
  let sigstore: Sigstore | null = null;
  const server = createServer((request, response) => {
    if (sigstore === null) return void response.writeHead(503).end();
    answer(sigstore, request, response).catch((error: unknown) => response.writeHead(400).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  sigstore = await makeSigstore(url);
  return {
    ...sigstore,
    url,
    token(claims) {
      const now = Math.floor(Date.now() / 1000);
      const parts = [
        { alg: 'RS256', typ: 'JWT' },
        { aud: 'sigstore', iat: now, exp: now + 600, ...claims },
      ];
      return [...parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')), Buffer.alloc(256, 1).toString('base64url')].join('.');
    },
    signingConfig(rekor, stamped) {
      const service = (majorApiVersion: number, path = ''): object => ({
        url: `${url}${path}`,
        majorApiVersion,
        validFor: { start: '2020-01-01T00:00:00Z' },
        operator: 'test',
      });
      return JSON.stringify({
        mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
        caUrls: [service(1)],
        oidcUrls: [service(1)],
        rekorTlogUrls: rekor === null ? [] : [service(rekor)],
        rekorTlogConfig: { selector: 'ANY' },
        tsaUrls: stamped ? [service(1, '/api/v1/timestamp')] : [],
        tsaConfig: { selector: 'ANY' },
      });
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(sigstore: Sigstore, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await read(request);
  const json = (status: number, value: unknown, more: Readonly<Record<string, string>> = {}): void => {
    response.writeHead(status, { 'content-type': 'application/json', ...more }).end(JSON.stringify(value));
  };
  switch (`${request.method} ${request.url}`) {
    case 'POST /api/v2/signingCert': {
      const certificate = await certifyRequest(sigstore, request, JSON.parse(body.toString('utf8')));
      return json(200, { signedCertificateEmbeddedSct: { chain: { certificates: [pemOf(certificate), pemOf(sigstore.authority.certificate)] } } });
    }
    case 'POST /api/v1/signingCert': {
      const certificate = await certifyRequest(sigstore, request, JSON.parse(body.toString('utf8')));
      response.writeHead(201, { 'content-type': 'application/pem-certificate-chain' }).end(pemOf(certificate) + pemOf(sigstore.authority.certificate));
      return;
    }
    case 'POST /api/v1/log/entries': {
      const name = entryName();
      const entry = await sigstore.log.record(canonicalV1(JSON.parse(body.toString('utf8'))));
      return json(201, { [name]: entry }, { location: `/api/v1/log/entries/${name}`, etag: name });
    }
    case 'POST /api/v2/log/entries':
      return json(201, bundleEntry(await sigstore.log.record(canonicalV2(JSON.parse(body.toString('utf8')))), 2));
    case 'POST /api/v1/timestamp':
      response.writeHead(201, { 'content-type': 'application/timestamp-reply' }).end(await sigstore.stamps.answer(body));
      return;
    default:
      response.writeHead(404).end();
  }
}

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** Fulcio takes the token from the body or from the header, and the key as it is or inside a certificate signing request. */
function certifyRequest(sigstore: Sigstore, request: IncomingMessage, body: unknown): Promise<Buffer> {
  const token = text(property(property(body, 'credentials'), 'oidcIdentityToken')) ?? (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'));
  const email = text(property(claims, 'email'));
  const value = email ?? text(property(claims, 'sub')) ?? '';
  const names: CertificateRequest['names'] = [{ type: email === null ? 'url' : 'email', value }];
  const issuer = text(property(claims, 'iss')) ?? '';
  return sigstore.authority.issue(requestedKey(body), { names, issuer, claims: workflowClaims(claims) });
}

function requestedKey(body: unknown): KeyObject {
  const signingRequest = text(property(body, 'certificateSigningRequest'));
  if (signingRequest !== null) {
    const pem = signingRequest.includes('-----') ? signingRequest : Buffer.from(signingRequest, 'base64').toString('utf8');
    return createPublicKey(new x509.Pkcs10CertificateRequest(pem).publicKey.toString('pem'));
  }
  const asked = text(property(property(property(body, 'publicKeyRequest'), 'publicKey'), 'content'));
  if (asked !== null) return createPublicKey(asked);
  const der = Buffer.from(text(property(property(body, 'publicKey'), 'content')) ?? '', 'base64');
  return createPublicKey({ key: der, format: 'der', type: 'spki' });
}

/** Of a token of GitHub Actions. */
function workflowClaims(claims: unknown): Record<number, string> {
  const numbers: Readonly<Record<string, number>> = { event_name: 20, sha: 13, ref: 14, repository: 12 };
  const found = Object.entries(numbers).flatMap(([name, number]) => {
    const value = text(property(claims, name));
    return value === null ? [] : [[number, name === 'repository' ? `https://github.com/${value}` : value] as const];
  });
  return Object.fromEntries(found);
}
