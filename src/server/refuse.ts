import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http';

/** What of an unwanted body is still read, so that the caller gets to see why it is unwanted. */
const drain = { bytes: 64 * 1024 * 1024, milliseconds: 3000 };

/** Refuses in one sentence, as plain text. */
export function refuse(response: ServerResponse, status: number, message: string, headers: OutgoingHttpHeaders = {}): void {
  writeRefusal(response, status, message, headers);
  response.end();
}

/**
 * Refuses a request whose body has not been read. A client that is still sending when its connection is cut may never see the answer,
 * so the answer goes first, the rest of the body is read and dropped within limits, then the connection closes.
 */
export function refuseUnread(request: IncomingMessage, response: ServerResponse, status: number, message: string, headers: OutgoingHttpHeaders = {}): void {
  if (request.complete || ((request.headers['content-length'] ?? '0') === '0' && request.headers['transfer-encoding'] === undefined)) {
    refuse(response, status, message, headers);
    return;
  }
  writeRefusal(response, status, message, { ...headers, connection: 'close' });
  let dropped = 0;
  const timer = setTimeout(() => request.destroy(), drain.milliseconds);
  request.on('data', (chunk: Buffer) => {
    dropped += chunk.length;
    if (dropped > drain.bytes) request.destroy();
  });
  request.once('close', () => {
    clearTimeout(timer);
    response.end();
  });
  request.resume();
}

function writeRefusal(response: ServerResponse, status: number, message: string, headers: OutgoingHttpHeaders): void {
  const body = `${message}\n`;
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'content-length': Buffer.byteLength(body), ...headers });
  response.write(body);
}
