import { once } from 'node:events';
import { createServer } from 'node:https';
import { z } from 'zod';
import type { ServingCertificate } from './certificate.ts';

const review = z.object({
  request: z.looseObject({ uid: z.string(), operation: z.string(), namespace: z.string().optional(), subResource: z.string().optional(), object: z.unknown() }),
});

export type ReviewRequest = z.infer<typeof review>['request'];

export interface AnsweringWebhook {
  readonly port: number;
  /** The requests so far, oldest first, as the API server sent them. */
  readonly requests: readonly ReviewRequest[];
  stop(): Promise<void>;
}

/** A webhook that gives every review the answer the test wants: the yardstick that our own is held against. */
export async function startAnsweringWebhook(certificate: ServingCertificate, answer: (request: ReviewRequest) => object): Promise<AnsweringWebhook> {
  const requests: ReviewRequest[] = [];
  const server = createServer(certificate, (asked, answered) => {
    const chunks: Buffer[] = [];
    asked.on('data', (chunk: Buffer) => chunks.push(chunk));
    asked.on('end', () => {
      const { request } = review.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      requests.push(request);
      answered.setHeader('content-type', 'application/json');
      answered.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: { uid: request.uid, ...answer(request) } }));
    });
  });
  // Longer than the API server keeps a connection idle (90 s): it does not repeat a call on one that has just been closed.
  server.keepAliveTimeout = 120_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  return {
    port: address.port,
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
