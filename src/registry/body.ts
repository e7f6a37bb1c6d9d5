import type { Dispatcher } from 'undici';
import { bad, good, type Outcome } from '../domain/fault.ts';

/** Bytes of an unwanted body that are read to keep the connection. */
const spareBody = 64 * 1024;

/** What an answer is read against. */
export interface Expected {
  readonly method: string;
  readonly url: URL;
  /** Bytes. */
  readonly longest: number;
}

/** Reads the body of an answer, no longer than was asked for; of one that is not 200 nothing. */
export async function readBody(response: Dispatcher.ResponseData, ask: Expected): Promise<Outcome<Buffer>> {
  const { body, headers, statusCode } = response;
  const host = ask.url.host;
  const tooLong = (): Outcome<Buffer> => bad('LIMIT_EXCEEDED', `${host} answered with more than ${ask.longest} bytes`);
  if (ask.method === 'HEAD' || statusCode !== 200) {
    await body.dump({ limit: spareBody });
    return good(Buffer.alloc(0));
  }
  const encoding = headers['content-encoding'];
  const declared = Number(headers['content-length']);
  const refused = encoding !== undefined && encoding !== 'identity' ? bad('RESPONSE_INVALID', `${host} answered with an encoding that nobody asked for`) : null;
  if (refused !== null || declared > ask.longest) {
    body.on('error', () => {});
    body.destroy();
    return refused ?? tooLong();
  }
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of body) {
    const bytes: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk);
    length += bytes.length;
    // Leaving the loop destroys the stream, and with it the connection.
    if (length > ask.longest) return tooLong();
    chunks.push(bytes);
  }
  return good(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length));
}
