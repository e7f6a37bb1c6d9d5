import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** One request as it came over the wire. */
export interface CloudRequest {
  readonly method: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface CloudAnswer {
  readonly status: number;
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Listening {
  readonly origin: string;
  readonly host: string;
  /** `METHOD PATH` of every request. */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A server on loopback that answers as a cloud's API does. `silence` never answers. */
export async function listen(
  answer: (request: CloudRequest) => CloudAnswer | 'silence',
  tls: { readonly key: string; readonly cert: string } | null = null,
): Promise<Listening> {
  const requests: string[] = [];
  let origin = '';
  const server = tls === null ? createHttpServer() : createHttpsServer(tls);
  server.on('request', (request, response) => {
    void (async () => {
      const body = await readAll(request);
      const url = new URL(request.url ?? '/', origin);
      const method = request.method ?? '';
      requests.push(`${method} ${url.pathname}`);
      const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
      const said = answer({ method, url, headers, body });
      if (said === 'silence') return;
      response.writeHead(said.status, { 'content-type': said.type ?? 'application/json', ...said.headers }).end(said.body);
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;
  origin = `${tls === null ? 'http' : 'https'}://${host}`;
  return {
    origin,
    host,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
