import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { BlockList, isIP, Server as NetServer, type Socket } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';

export interface Address {
  readonly host: string;
  /** 0 picks a free one. */
  readonly port: number;
}

export interface RunningServer {
  readonly address: Address;
  /** Stops accepting, answers what has begun, then closes; connections that are kept alive are told so with their next answer. Never rejects. */
  close(): Promise<void>;
}

/** Milliseconds. */
export interface ClosingLimits {
  /** How long idle connections may still bring a request that is under way: a client does not retry one that breaks. */
  readonly linger: number;
  /** How long what has begun may take. */
  readonly grace: number;
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** Whether only this machine can reach an address. */
export function isLoopback(host: string): boolean {
  const family = isIP(host);
  return family === 0 ? host === 'localhost' : loopback.check(host, family === 6 ? 'ipv6' : 'ipv4');
}

/** Starts listening. Fault: CONFIG_INVALID, saying why the address can't be had. */
export async function startListening(server: Server, listen: Address, closing: ClosingLimits): Promise<Outcome<RunningServer>> {
  let closed: Promise<void> | null = null;
  const open = new Set<ServerResponse>();
  const unused = new Set<Socket>();
  server.on(server instanceof TlsServer ? 'secureConnection' : 'connection', (socket: Socket) => {
    unused.add(socket);
    socket.once('close', () => unused.delete(socket));
  });
  // Before the application's own listener, so that an answer is marked before it is written.
  server.prependListener('request', (request: IncomingMessage, response: ServerResponse) => {
    unused.delete(request.socket);
    if (closed !== null) response.shouldKeepAlive = false;
    open.add(response);
    response.once('close', () => open.delete(response));
  });
  const refused = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const onError = (error: NodeJS.ErrnoException): void => resolve(error);
    server.once('error', onError);
    server.listen(listen.port, listen.host, () => {
      server.off('error', onError);
      resolve(null);
    });
  });
  if (refused !== null)
    return bad(
      'CONFIG_INVALID',
      `can't listen on ${safeText(listen.host)}:${listen.port}: ${reasons[refused.code ?? ''] ?? refused.code}; server.listen and server.ops say where`,
      { cause: refused },
    );
  const bound = server.address();
  const address = typeof bound === 'object' && bound !== null ? { host: bound.address, port: bound.port } : listen;
  return good({
    address,
    close() {
      closed ??= closeGracefully(server, open, unused, closing);
      return closed;
    },
  });
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use',
  EADDRNOTAVAIL: 'this machine does not have the address',
  EACCES: 'not permitted (ports below 1024 need a privilege)',
  ENOTFOUND: 'the host name is not known',
};

async function closeGracefully(
  server: Server,
  open: ReadonlySet<ServerResponse>,
  unused: ReadonlySet<Socket>,
  { linger, grace }: ClosingLimits,
): Promise<void> {
  // http.Server.close() would cut idle connections at once, among them those with a request on its way; net.Server's only stops accepting.
  const ended = new Promise<void>((resolve) => NetServer.prototype.close.call(server, () => resolve()));
  for (const response of open) response.shouldKeepAlive = false;
  const idle = setTimeout(() => {
    server.close();
    // Node takes a connection without a first request for one that is at work. Go's clients open some in every burst, and keep them.
    for (const socket of unused) socket.destroy();
  }, linger);
  const last = setTimeout(() => server.closeAllConnections(), grace);
  await ended;
  clearTimeout(idle);
  clearTimeout(last);
  // Ends the interval that checks for slow requests, where all connections were gone before.
  server.close();
}
