/**
 * An OCI registry in this process, for tests and benchmarks. It speaks the distribution protocol over real sockets, uploads included,
 * so that cosign and crane can push to it too; what it holds is in memory.
 *
 *     await using registry = await startRegistry();                      // plain HTTP on 127.0.0.1:PORT
 *     const image = registry.pushImage({ repository: 'acme/app', tag: '1.0' });
 *     image.digest, image.size, image.mediaType, image.imageId           // imageId: digest of the configuration
 *     registry.pushIndex({ repository: 'acme/app', tag: '2.0', images: [image, registry.pushImage({ repository: 'acme/app', platform: 'linux/arm64' })] });
 *     registry.pushArtifact({ repository: 'acme/app', subject: image, artifactType: 'application/…', layers: [{ bytes, mediaType }] });   // a referrer
 *     registry.pushArtifact({ repository: 'acme/app', tag: 'sha256-….sig', artifactType: '…', layers: [{ bytes, mediaType, annotations }] });
 *     registry.addToFallbackTag('acme/app', image.digest, referrer);
 *     registry.deleteTag('acme/app', '1.0'); registry.pushImage({ … same tag … });                  // a tag that moves
 *
 *     registry.host                      // `127.0.0.1:PORT`, the registry part of references
 *     registry.delay = 50;               // milliseconds before each answer
 *     registry.referrersApi = false;     // 404, as older registries have it
 *     registry.referrersPage = 10;
 *     const undo = registry.inject({ match: '/manifests/', does: { kind: 'status', status: 503 }, times: 2 });   // see Misbehaviour
 *     registry.requests                  // every request: method, path (with query), authorization, status
 *     registry.count('GET /v2/acme/app/manifests/')       // how many of them match; without argument: all
 *     registry.forgetRequests();
 *     await registry.close();            // an outage; startRegistry({ port }) brings it back
 *
 * Options: `auth` (see FakeAuth: none, basic, token with its realm on the same host), `tls` (key, cert in PEM; makeAuthority in
 * registry/authority.ts makes them), `port`, and initial values of the switches.
 */
import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { createGuard, type FakeAuth } from './registry/auth.ts';
import { type Content, createContent } from './registry/content.ts';
import { type Injection, misbehave, sendAnswer } from './registry/injection.ts';
import { answer, type ProtocolSwitches, repositoryOf } from './registry/protocol.ts';
import { createPushes, type Pushes } from './registry/push.ts';

export type { FakeAuth } from './registry/auth.ts';
export { digestOf } from './registry/content.ts';
export type { Injection, Misbehaviour } from './registry/injection.ts';
export { type ArtifactToPush, type ImageToPush, indexType, manifestType, type PushedImage, type WireDescriptor } from './registry/push.ts';

export interface FakeRegistryOptions {
  readonly auth?: FakeAuth;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly port?: number;
  /** Milliseconds before each answer. */
  readonly delay?: number;
  readonly referrersApi?: boolean;
  /** What another registry holds, for a second host with the same content. */
  readonly content?: Content;
}

export interface RecordedRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly host: string;
  readonly authorization: string | null;
  readonly accept: string;
  readonly body: string;
}

export interface FakeRegistry extends Pushes, ProtocolSwitches, AsyncDisposable {
  readonly host: string;
  readonly origin: string;
  readonly content: Content;
  readonly requests: readonly RecordedRequest[];
  delay: number;
  count(match?: string | RegExp): number;
  forgetRequests(): void;
  /** Returns what takes it back. */
  inject(injection: Injection): () => void;
  deleteTag(repository: string, tag: string): void;
  /** Makes every token handed out so far worthless. */
  revokeTokens(): void;
  close(): Promise<void>;
}

export async function startRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const content = options.content ?? createContent();
  const requests: RecordedRequest[] = [];
  const injections: { readonly injection: Injection; left: number }[] = [];
  const sockets = new Set<Socket>();
  let host = '';
  const origin = (): string => `${options.tls === undefined ? 'http' : 'https'}://${host}`;
  const guard = createGuard(options.auth ?? { kind: 'none' }, origin);

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await readBody(request);
    const method = request.method ?? 'GET';
    const path = request.url ?? '/';
    const url = new URL(path, origin());
    const isToken = url.pathname === '/token';
    requests.push({
      method,
      path,
      host: request.headers.host ?? '',
      authorization: request.headers.authorization ?? null,
      accept: request.headers.accept ?? '',
      body: isToken ? body.toString('utf8') : '',
    });
    if (registry.delay > 0) await new Promise((resolve) => setTimeout(resolve, registry.delay));
    const struck = injections.find(({ injection, left }) => left > 0 && matches(injection.match, `${method} ${path}`));
    if (struck === undefined || struck.injection.does.kind === 'headers') {
      if (isToken) return guard.token(request, response, url, body.toString('utf8'));
      const repository = repositoryOf(url.pathname);
      const writes = method !== 'GET' && method !== 'HEAD';
      if (!guard.admits(request, response, repository === null ? '' : `repository:${repository}:${writes ? 'pull,push' : 'pull'}`)) return;
    }
    const honest = (): ReturnType<typeof answer> => answer({ method, url, contentType: request.headers['content-type'] ?? '', body }, content, registry);
    if (struck === undefined) return sendAnswer(honest(), method, response);
    struck.left -= 1;
    misbehave(struck.injection.does, honest, path, method, response);
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    serve(request, response).catch((error: unknown) => response.destroy(error instanceof Error ? error : new Error(String(error))));
  };

  const server = options.tls === undefined ? createHttpServer(listener) : createHttpsServer(options.tls, listener);
  server.keepAliveTimeout = 60_000;
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  host = `127.0.0.1:${portOf(server.address())}`;

  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
    });
  const registry: FakeRegistry = {
    ...createPushes(content),
    host,
    origin: origin(),
    content,
    requests,
    delay: options.delay ?? 0,
    referrersApi: options.referrersApi ?? true,
    referrersPage: Number.POSITIVE_INFINITY,
    count: (match = '') => requests.filter(({ method, path }) => matches(match, `${method} ${path}`)).length,
    forgetRequests: () => {
      requests.length = 0;
    },
    inject(injection) {
      const entry = { injection, left: injection.times ?? Number.POSITIVE_INFINITY };
      injections.push(entry);
      return () => {
        entry.left = 0;
      };
    },
    deleteTag: (repository, tag) => {
      content.find(repository)?.tags.delete(tag);
    },
    revokeTokens: () => guard.revoke(),
    close,
    [Symbol.asyncDispose]: close,
  };
  return registry;
}

function matches(match: string | RegExp, line: string): boolean {
  return typeof match === 'string' ? line.includes(match) : match.test(line);
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

function portOf(address: AddressInfo | string | null): number {
  return typeof address === 'object' && address !== null ? address.port : 0;
}
