import type { ServerResponse } from 'node:http';

/** What a registry does wrong, instead of its honest answer. */
export type Misbehaviour =
  | { readonly kind: 'status'; readonly status: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string | Buffer }
  /** The honest answer with headers replaced; an empty value leaves the header out. */
  | { readonly kind: 'headers'; readonly headers: Readonly<Record<string, string>> }
  /** The connection is cut after so many bytes of the honest body; null: before any answer. */
  | { readonly kind: 'reset'; readonly after: number | null }
  /** Never answers. */
  | { readonly kind: 'hang' }
  /** The honest answer, once this settles. */
  | { readonly kind: 'hold'; readonly until: Promise<unknown> }
  /** 200 and bytes that are no JSON. */
  | { readonly kind: 'garbage' }
  /** The honest answer with its last byte altered. */
  | { readonly kind: 'wrongDigest' }
  /** The honest answer, with a Link to a next page that is never the last. */
  | { readonly kind: 'endlessLink' }
  /** `{path}` in the location is the path asked for, with its query. */
  | { readonly kind: 'redirect'; readonly location: string; readonly status?: number }
  /** 200 and so many bytes, in chunks, without a Content-Length unless `declared`. */
  | { readonly kind: 'huge'; readonly bytes: number; readonly declared?: boolean };

export interface Injection {
  /** Matched against `METHOD /path?query`; a string is looked for anywhere in it. */
  readonly match: RegExp | string;
  readonly does: Misbehaviour;
  /** How many requests it strikes; default: all. */
  readonly times?: number;
}

/** An answer before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

let page = 0;

export function misbehave(does: Misbehaviour, honest: () => Answer, target: string, method: string, response: ServerResponse): void {
  if (does.kind === 'hang') return;
  if (does.kind === 'hold') {
    const answer = (): void => sendAnswer(honest(), method, response);
    does.until.then(answer, answer);
    return;
  }
  if (does.kind === 'huge') {
    const declared = does.declared === true ? { 'content-length': String(does.bytes) } : {};
    response.writeHead(200, { 'content-type': honest().headers['content-type'] ?? 'application/octet-stream', ...declared });
    pour(response, does.bytes);
    return;
  }
  if (does.kind === 'reset') {
    if (does.after === null) {
      response.socket?.resetAndDestroy();
      return;
    }
    const answer = honest();
    response.writeHead(answer.status, { ...answer.headers, 'content-length': String(answer.body.length) });
    response.write(answer.body.subarray(0, does.after), () => response.socket?.resetAndDestroy());
    return;
  }
  sendAnswer(alter(does, honest, target), method, response);
}

type Alteration = Exclude<Misbehaviour, { kind: 'hang' | 'hold' | 'huge' | 'reset' }>;

function alter(does: Alteration, honest: () => Answer, target: string): Answer {
  switch (does.kind) {
    case 'status':
      return { status: does.status, headers: { 'content-type': 'application/json', ...does.headers }, body: Buffer.from(does.body ?? '{"errors":[]}') };
    case 'headers': {
      const answer = honest();
      const headers = Object.entries({ ...answer.headers, ...does.headers }).filter(([, value]) => value !== '');
      return { ...answer, headers: Object.fromEntries(headers) };
    }
    case 'garbage':
      return { status: 200, headers: { 'content-type': honest().headers['content-type'] ?? 'application/json' }, body: Buffer.from([0xff, 0xfe, 0x7b, 0]) };
    case 'wrongDigest': {
      const answer = honest();
      const body = Buffer.from(answer.body);
      if (body.length > 0) body[body.length - 1] = (body[body.length - 1] ?? 0) ^ 1;
      return { ...answer, body };
    }
    case 'endlessLink': {
      const answer = honest();
      page += 1;
      return { ...answer, headers: { ...answer.headers, link: `<${target.split('?')[0]}?page=${page}>; rel="next"` } };
    }
    case 'redirect':
      return { status: does.status ?? 307, headers: { location: does.location.replace('{path}', target) }, body: Buffer.alloc(0) };
  }
}

export function sendAnswer({ status, headers, body }: Answer, method: string, response: ServerResponse): void {
  response.writeHead(status, { ...headers, 'content-length': headers['content-length'] ?? String(body.length) });
  response.end(method === 'HEAD' ? undefined : body);
}

function pour(response: ServerResponse, left: number): void {
  if (response.destroyed) return;
  if (left <= 0) {
    response.end();
    return;
  }
  response.write(Buffer.alloc(Math.min(left, 65536), 0x20), () => pour(response, left - 65536));
}
