/** Calls as the API server makes them, and calls that it never would. */
import { Agent, request } from 'node:https';
import { connect, type TLSSocket } from 'node:tls';
import { registryHost } from '../fakes/publish/push.ts';
import type { PublishedImage } from '../fakes/publish.ts';
import { admissionReview, podObject, type ReviewOptions, type ReviewResponse } from '../fakes/review.ts';

export interface Answer {
  readonly status: number;
  readonly body: string;
}

export type Reviewed = ReviewResponse & { readonly milliseconds: number };

export interface Call {
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A list is sent chunked. */
  readonly body: string | Buffer | readonly Buffer[];
}

export interface Caller {
  call(call: Call): Promise<Answer>;
  /** Rejects unless the answer is an AdmissionReview. */
  review(path: string, review: unknown, timeout: number): Promise<Reviewed>;
  /** A bare connection, past the handshake. */
  socket(): Promise<TLSSocket>;
  close(): void;
}

export function openCaller(address: { readonly host: string; readonly port: number }, ca: string, prefix = ''): Caller {
  const agent = new Agent({ keepAlive: true, maxSockets: 256, ca });
  const call: Caller['call'] = ({ path, method = 'POST', headers = {}, body }) =>
    new Promise((resolve, reject) => {
      const chunks = typeof body === 'string' || Buffer.isBuffer(body) ? null : body;
      const whole = typeof body === 'string' || Buffer.isBuffer(body) ? Buffer.from(body) : null;
      const asked = request(
        {
          ...address,
          servername: 'localhost',
          agent,
          method,
          path: `${prefix}${path}`,
          headers: { 'content-type': 'application/json', ...(whole === null ? {} : { 'content-length': whole.length }), ...headers },
        },
        (response) => {
          const read: Buffer[] = [];
          response.on('data', (chunk: Buffer) => read.push(chunk));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(read).toString('utf8') }));
          response.on('error', reject);
        },
      );
      asked.on('error', reject);
      for (const chunk of chunks ?? []) asked.write(chunk);
      asked.end(whole ?? undefined);
    });
  return {
    call,
    async review(path, review, timeout) {
      const began = performance.now();
      const { status, body } = await call({ path: `${path}?timeout=${timeout}ms`, body: JSON.stringify(review) });
      if (status !== 200) throw new Error(`${path} answered HTTP ${status}: ${body}`);
      return { ...JSON.parse(body).response, milliseconds: performance.now() - began };
    },
    socket: () =>
      new Promise((resolve, reject) => {
        const socket = connect({ ...address, ca, servername: 'localhost' }, () => resolve(socket));
        socket.once('error', reject);
      }),
    close: () => agent.destroy(),
  };
}

/** `registry/repository:tag@digest` of what was published. */
export function pinned(image: PublishedImage): string {
  return `${tagged(image)}@${image.digest}`;
}

export function tagged({ place, tag }: PublishedImage): string {
  return `${registryHost(place)}/${place.repository}:${tag}`;
}

/** The review of a new Pod with these images. */
export function podWith(images: readonly string[], more: Partial<ReviewOptions> = {}) {
  return admissionReview({ object: podObject({ containers: images.map((image, i) => ({ name: `c${i}`, image })) }), ...more });
}
