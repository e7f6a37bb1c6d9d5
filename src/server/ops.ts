import { createServer } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { type Address, type RunningServer, startListening } from './listen.ts';

/** One condition of readiness, and why it is, or is not, met. */
export interface ReadinessCheck {
  readonly name: string;
  readonly ready: boolean;
  /** One sentence, already safe to show. */
  readonly reason: string;
}

export interface OpsServerOptions {
  readonly listen: Address;
  /** Asked at every look; not ready when any of them is not. */
  readonly checks: () => readonly ReadinessCheck[];
  /** Text in the Prometheus exposition format. */
  readonly metrics: { readonly contentType: string; readonly text: () => Promise<string> };
  readonly log: Log;
}

/** Health, readiness and metrics, over plain HTTP, for the kubelet and for Prometheus. Fault: CONFIG_INVALID. */
export async function createOpsServer(options: OpsServerOptions): Promise<Outcome<RunningServer>> {
  const server = createServer(
    { headersTimeout: 5000, requestTimeout: 10_000, keepAliveTimeout: 65_000, connectionsCheckingInterval: 1000, maxHeaderSize: 16 * 1024 },
    opsApp(options),
  );
  server.maxConnections = 256;
  server.setTimeout(75_000);
  return startListening(server, options.listen, { linger: 0, grace: 5000 });
}

function opsApp({ checks, metrics, log }: OpsServerOptions): Express {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  app.set('query parser', false);
  app.use((_request: Request, response: Response, next: NextFunction) => {
    response.set({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    next();
  });
  // Alive is a process that answers: whatever else is wrong, a restart would not mend it.
  app.get('/healthz', (_request: Request, response: Response) => {
    response.type('text/plain').send('ok\n');
  });
  app.get('/readyz', (_request: Request, response: Response) => {
    const list = checks();
    const ready = list.every((check) => check.ready);
    response.status(ready ? 200 : 503).json({ ready, checks: list });
  });
  app.get('/metrics', async (_request: Request, response: Response) => {
    const text = await metrics.text();
    response.set('content-type', metrics.contentType).send(text);
  });
  app.all(['/healthz', '/readyz', '/metrics'], (_request: Request, response: Response) => {
    response.status(405).set('allow', 'GET, HEAD').type('text/plain').send('only GET is answered here\n');
  });
  app.use((_request: Request, response: Response) => {
    response.status(404).type('text/plain').send('there is nothing here; see /healthz, /readyz, /metrics\n');
  });
  app.use((error: unknown, request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error);
    if (error instanceof URIError) return response.status(400).type('text/plain').send('the path is malformed\n');
    log.error({ err: error, path: request.path }, 'the ops listener could not answer');
    return response.status(500).type('text/plain').send('INTERNAL: could not answer; the log says why\n');
  });
  return app;
}
