import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Log } from '../domain/log.ts';
import { createBodyBudget, readBody } from './body.ts';
import { createGate } from './gate.ts';
import { parseGoDuration } from './goDuration.ts';
import { refuse, refuseUnread } from './refuse.ts';

export const routes = ['mutate', 'validate', 'exceptions'] as const;
export type Route = (typeof routes)[number];

/**
 * Answers one call. Never rejects for an expected reason.
 * @param timeout milliseconds that are left of the time the API server said it will wait; null when it did not say
 */
export type Handle = (route: Route, body: Buffer, timeout: number | null) => Promise<{ readonly status: number; readonly body: string | Buffer }>;

export interface AdmissionLimits {
  /** Bytes. An object may have 3 MB, and an UPDATE carries two. */
  readonly body: number;
  /** Bytes of all bodies held at once. */
  readonly bodies: number;
  /** Calls in work. */
  readonly concurrency: number;
  /** Calls that wait for a place, and milliseconds they wait at most. */
  readonly queue: number;
  readonly queueTime: number;
  /** Milliseconds to receive the headers, and the whole request. */
  readonly headersTime: number;
  readonly requestTime: number;
  /** Milliseconds; must exceed the 90 s after which the API server drops an idle connection, since it does not retry on one we dropped. */
  readonly keepAlive: number;
  readonly connections: number;
  /** Milliseconds, see ClosingLimits. */
  readonly linger: number;
  readonly grace: number;
}

export const admissionLimits: AdmissionLimits = {
  body: 8 * 1024 * 1024,
  bodies: 256 * 1024 * 1024,
  concurrency: 256,
  queue: 256,
  queueTime: 5000,
  headersTime: 10_000,
  requestTime: 20_000,
  keepAlive: 120_000,
  connections: 4096,
  linger: 500,
  grace: 15_000,
};

/** What the listener tells about itself; cheap, since it is called for every request. */
export interface AdmissionMetrics {
  readonly began: (route: Route) => void;
  readonly ended: (route: Route, seconds: number) => void;
  readonly refused: (status: number) => void;
}

export interface Answerer {
  /** Reads a call's body, has it handled, and writes the answer. Never rejects. */
  answer(route: Route, request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Refuses a call whose body was not read. */
  reject(request: IncomingMessage, response: ServerResponse, status: RefusalStatus, message?: string): void;
}

const refusals = {
  400: 'the request is malformed',
  404: 'there is nothing here',
  405: 'only POST is answered here',
  413: 'the body is too large',
  415: 'the content type must be application/json',
  503: 'too many admission calls are in work; try again',
} as const;

type RefusalStatus = keyof typeof refusals;

export function createAnswerer(handle: Handle, limits: AdmissionLimits, log: Log, metrics: AdmissionMetrics | null): Answerer {
  const gate = createGate(limits.concurrency, limits.queue);
  const budget = createBodyBudget(limits.bodies);

  const reject: Answerer['reject'] = (request, response, status, message = refusals[status]) => {
    metrics?.refused(status);
    refuseUnread(request, response, status, message, status === 503 ? { 'retry-after': '1' } : status === 405 ? { allow: 'POST' } : {});
  };

  const work = async (route: Route, request: IncomingMessage, response: ServerResponse, started: number): Promise<void> => {
    const { result, release } = readBody(request, limits.body, budget);
    try {
      const read = await result;
      if (!read.ok) return reject(request, response, read.refusal.status, read.refusal.message);
      const asked = askedTimeout(request.url ?? '');
      const left = asked === null ? null : Math.max(1, asked - (performance.now() - started));
      const answered = await handle(route, read.body, left);
      response.writeHead(answered.status, {
        'content-type': answered.status === 200 ? 'application/json' : 'text/plain; charset=utf-8',
        'content-length': Buffer.byteLength(answered.body),
      });
      response.end(answered.body);
    } catch (error) {
      // Never an answer that allows: for the API server a 500 is a failed call, and its failure policy decides.
      log.error({ err: error, route }, 'an admission call could not be answered');
      metrics?.refused(500);
      if (response.headersSent) response.destroy();
      else refuse(response, 500, 'INTERNAL: the request could not be answered; the log says why');
    } finally {
      release();
    }
  };

  return {
    reject,
    async answer(route, request, response) {
      if (!isJson(request.headers['content-type'])) return reject(request, response, 415);
      const started = performance.now();
      if (!gate.tryEnter() && !(await gate.enter(limits.queueTime, abortedOnClose(response)))) return reject(request, response, 503);
      metrics?.began(route);
      try {
        await work(route, request, response, started);
      } finally {
        gate.leave();
        metrics?.ended(route, (performance.now() - started) / 1000);
      }
    },
  };
}

function isJson(type: string | undefined): boolean {
  if (type === 'application/json') return true;
  return type?.split(';', 1)[0]?.trim().toLowerCase() === 'application/json';
}

/** Milliseconds of `?timeout=10s`; a value that is no duration is as good as none. */
function askedTimeout(url: string): number | null {
  const query = url.indexOf('?');
  return query < 0 ? null : parseGoDuration(new URLSearchParams(url.slice(query + 1)).get('timeout') ?? '');
}

function abortedOnClose(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => controller.abort());
  return controller.signal;
}
