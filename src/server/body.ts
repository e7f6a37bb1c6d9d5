import type { IncomingMessage } from 'node:http';

/** Why a body was not read, as the HTTP status to answer with. */
export interface BodyRefusal {
  readonly status: 400 | 413 | 503;
  readonly message: string;
}

export type BodyResult = { readonly ok: true; readonly body: Buffer } | { readonly ok: false; readonly refusal: BodyRefusal };

/** Bytes of all bodies that are held at once. */
export interface BodyBudget {
  take(bytes: number): boolean;
  give(bytes: number): void;
}

export function createBodyBudget(total: number): BodyBudget {
  let left = total;
  return {
    take(bytes) {
      if (bytes > left) return false;
      left -= bytes;
      return true;
    },
    give(bytes) {
      left += bytes;
    },
  };
}

/**
 * Reads a whole body of at most `limit` bytes, declared or streamed. What was taken from the budget is given back by `release`, which
 * the caller calls once the body is no longer needed, whatever came of it.
 */
export function readBody(request: IncomingMessage, limit: number, budget: BodyBudget): { readonly result: Promise<BodyResult>; readonly release: () => void } {
  let taken = 0;
  const release = (): void => {
    budget.give(taken);
    taken = 0;
  };
  const take = (bytes: number): boolean => {
    if (!budget.take(bytes)) return false;
    taken += bytes;
    return true;
  };
  const refuse = (status: BodyRefusal['status'], message: string): BodyResult => ({ ok: false, refusal: { status, message } });
  const tooLarge = refuse(413, `the body is larger than ${limit} bytes`);
  const busy = refuse(503, 'too many large requests are being read; try again');
  // Node's HTTP parser refuses a Content-Length that is no number, or that stands beside Transfer-Encoding.
  const declared = request.headers['content-length'] === undefined ? null : Number(request.headers['content-length']);
  if (declared !== null && declared > limit) return { result: Promise.resolve(tooLarge), release };
  if (declared !== null && !take(declared)) return { result: Promise.resolve(busy), release };

  const result = new Promise<BodyResult>((resolve) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const finish = (outcome: BodyResult): void => {
      request.off('data', onData);
      resolve(outcome);
    };
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limit) finish(tooLarge);
      else if (declared === null && !take(chunk.length)) finish(busy);
      else chunks.push(chunk);
    };
    request.on('data', onData);
    request.once('end', () => finish({ ok: true, body: chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks, length) }));
    request.once('error', () => finish(refuse(400, 'the body could not be read')));
    request.once('close', () => finish(refuse(400, 'the connection closed before the body was whole')));
  });
  return { result, release };
}
