/**
 * Stands in front of any HTTP server and spoils what comes from it, one fault at a time:
 *
 *     const proxy = await startFaultProxy(harbor.url, { authority });      // https with an authority, http without
 *     proxy.strike({ kind: 'status', status: 503 });                       // every request from now on
 *     proxy.strike({ kind: 'garbage' }, /additions/);                      // or those whose `METHOD /path` matches
 *     await proxy.heal();                                                  // what waits for an answer gets the honest one
 */
import { createServer as createHttpServer, type IncomingMessage, request as requestHttp, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer, request as requestHttps } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Authority } from './registry/authority.ts';

export type ProxyFault =
  | { readonly kind: 'down' }
  /** The honest answer, once it is healed. */
  | { readonly kind: 'silence' }
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>> }
  /** Half the honest body, then the connection ends. */
  | { readonly kind: 'reset' }
  | { readonly kind: 'garbage' }
  /** The honest answer, with its body changed. */
  | { readonly kind: 'alter'; readonly change: (body: Buffer) => Buffer | string }
  /** 200, and a body without an end. */
  | { readonly kind: 'flood' }
  /** `{path}` in the location is the path asked for. */
  | { readonly kind: 'redirect'; readonly location: string }
  | { readonly kind: 'expired' };

/** Stands in each body of an upstream that fails: it must come out nowhere. */
export const canary = 'CANARY-5d2c';

export interface FaultProxy {
  readonly host: string;
  readonly origin: string;
  /** `METHOD /path?query` of every request. */
  readonly requests: string[];
  strike(fault: ProxyFault, match?: RegExp): Promise<void>;
  heal(): Promise<void>;
  /** Ends every connection, as a server that is restarted does. */
  breakConnections(): void;
  close(): Promise<void>;
}

export async function startFaultProxy(upstream: string, { authority = null }: { readonly authority?: Authority | null } = {}): Promise<FaultProxy> {
  const requests: string[] = [];
  const sockets = new Set<Socket>();
  const waiting: (() => void)[] = [];
  let fault: ProxyFault | null = null;
  let struck: RegExp = /^/;

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    const line = `${request.method} ${request.url}`;
    requests.push(line);
    response.on('error', () => {});
    void readAll(request).then((body) => {
      const honest = (use: (answer: IncomingMessage) => void): void => forward(upstream, request, body, response, use);
      const pass = (): void =>
        honest((answer) => {
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          response.flushHeaders();
          answer.pipe(response);
        });
      if (fault === null || fault.kind === 'expired' || fault.kind === 'down' || !struck.test(line)) pass();
      else if (fault.kind === 'silence') waiting.push(pass);
      else if (fault.kind === 'flood') pour(response, fault);
      else spoil(fault, request.url ?? '/', response, honest);
    });
  };
  /** As long as that fault lasts. */
  const pour = (response: ServerResponse, flood: ProxyFault, chunk = Buffer.alloc(1 << 20, ' ')): void => {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' });
    let more = true;
    while (more && !response.destroyed && fault === flood) more = response.write(chunk);
    if (fault !== flood) response.destroy();
    else if (!response.destroyed) response.once('drain', () => pour(response, flood, chunk));
  };
  const certificate = authority?.issue(['127.0.0.1']);
  const server = certificate === undefined ? createHttpServer(listener) : createHttpsServer(certificate, listener);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
  });
  const listen = (port: number): Promise<void> => new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve()));
  await listen(0);
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  const show = (shown: { readonly key: string; readonly cert: string } | undefined): void => {
    if (shown !== undefined && 'setSecureContext' in server) server.setSecureContext(shown);
  };
  const breakConnections = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      breakConnections();
    });
  return {
    host,
    origin: `${authority === null ? 'http' : 'https'}://${host}`,
    requests,
    breakConnections,
    async strike(next, match = /^/) {
      fault = next;
      struck = match;
      if (next.kind === 'down') await close();
      if (next.kind === 'expired') {
        show(authority?.issue(['127.0.0.1'], { expired: true }));
        breakConnections();
      }
    },
    async heal() {
      const before = fault;
      fault = null;
      if (before?.kind === 'down') await listen(port);
      if (before?.kind === 'expired') show(certificate);
      for (const answer of waiting.splice(0)) answer();
    },
    close,
  };
}

type Spoiling = Exclude<ProxyFault, { readonly kind: 'down' | 'silence' | 'expired' | 'flood' }>;

function spoil(fault: Spoiling, path: string, response: ServerResponse, honest: (use: (answer: IncomingMessage) => void) => void): void {
  switch (fault.kind) {
    case 'status':
      response.writeHead(fault.status, { 'content-type': 'application/json', ...fault.headers }).end(JSON.stringify({ message: canary }));
      return;
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end(Buffer.from(`\xff\xfe{${canary}`, 'latin1'));
      return;
    case 'redirect':
      response.writeHead(307, { location: fault.location.replace('{path}', path) }).end();
      return;
    case 'reset':
      honest((answer) => {
        void readAll(answer).then((body) => {
          response.writeHead(answer.statusCode ?? 502, { ...answer.headers, 'content-length': String(body.length + 1) });
          response.write(body.subarray(0, Math.floor(body.length / 2)), () => response.destroy());
        });
      });
      return;
    case 'alter':
      honest((answer) => {
        void readAll(answer).then((body) => {
          const { 'content-length': _length, 'transfer-encoding': _encoding, ...headers } = answer.headers;
          response.writeHead(answer.statusCode ?? 502, headers).end(fault.change(body));
        });
      });
  }
}

function forward(upstream: string, request: IncomingMessage, body: Buffer, response: ServerResponse, use: (answer: IncomingMessage) => void): void {
  const url = new URL(request.url ?? '/', upstream);
  // The Host header stays: upstreams sign it, or compare it with what they are called.
  const options = { method: request.method, headers: request.headers, agent: false as const };
  const outgoing = url.protocol === 'https:' ? requestHttps(url, { ...options, rejectUnauthorized: false }, use) : requestHttp(url, options, use);
  outgoing.on('error', () => response.destroy());
  response.on('close', () => outgoing.destroy());
  outgoing.end(body);
}

async function readAll(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  } catch {
    // Whoever sent it has gone.
  }
  return Buffer.concat(chunks);
}
