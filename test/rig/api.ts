import { readFileSync } from 'node:fs';
import { request } from 'node:https';
import type { Credentials, User } from './credentials.ts';

export interface ApiAnswer {
  readonly status: number;
  /** Parsed JSON, or the text where it is none. */
  readonly body: unknown;
}

export interface ApiCall {
  readonly body?: unknown;
  readonly user?: User;
  /** Defaults to `application/json`; a PATCH says which kind it is. */
  readonly contentType?: string;
}

/** Asks the API server directly: what kubectl does, without the price of a process. */
export type Api = (method: string, path: string, call?: ApiCall) => Promise<ApiAnswer>;

/** An API client that reads the CA when it is first asked: the API server makes it while it starts. */
export function apiOf(port: number, caFile: string, tokens: Credentials['tokens']): Api {
  let ca: Buffer | null = null;
  return (method, path, { body, user = 'admin', contentType = 'application/json' } = {}) => {
    ca ??= readFileSync(caFile);
    const options = { host: '127.0.0.1', port, method, path, ca, timeout: 30_000 };
    return new Promise((resolve, reject) => {
      const asked = request({ ...options, headers: { authorization: `Bearer ${tokens[user]}`, 'content-type': contentType } }, (answer) => {
        const chunks: Buffer[] = [];
        answer.on('data', (chunk: Buffer) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString('utf8')) }));
      });
      asked.on('error', reject);
      asked.on('timeout', () => asked.destroy(new Error(`no answer to ${method} ${path} within 30 s`)));
      asked.end(body === undefined ? undefined : JSON.stringify(body));
    });
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
