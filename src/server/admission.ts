import { createServer, type Server } from 'node:https';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import type { CertificateSource } from '../domain/certificate.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Log } from '../domain/log.ts';
import { type AdmissionLimits, type AdmissionMetrics, admissionLimits, createAnswerer, type Handle, routes } from './answer.ts';
import { type CheckSecret, checkCallers, namesCaller } from './caller.ts';
import { type Address, type RunningServer, startListening } from './listen.ts';

export interface AdmissionServerOptions {
  readonly listen: Address;
  readonly certificate: CertificateSource;
  /** PEM; when set, only a caller with a certificate of these authorities gets through the handshake. */
  readonly clientCA: string | null;
  /** Names of whose certificate may ask, where `clientCA` is set; empty for every certificate of those authorities. */
  readonly clientNames: readonly string[];
  /** When set, the routes are `/SECRET/mutate`, `/SECRET/validate` and `/SECRET/exceptions`. */
  readonly pathSecret: string | null;
  readonly handle: Handle;
  readonly limits?: Partial<AdmissionLimits>;
  readonly log: Log;
  readonly metrics?: AdmissionMetrics;
}

/** The listener that the API server calls. Fault: CONFIG_INVALID, when it can't or must not listen so. */
export async function createAdmissionServer(options: AdmissionServerOptions): Promise<Outcome<RunningServer>> {
  const limits = { ...admissionLimits, ...options.limits };
  const checked = checkCallers({ host: options.listen.host, clientCA: options.clientCA, pathSecret: options.pathSecret });
  if (!checked.ok) return checked;
  const app = admissionApp(options, limits, checked.value);
  const made = makeServer(app, options, limits);
  if (!made.ok) return made;
  const server = made.value;
  const stopRotation = options.certificate.onChange((certificate) => {
    try {
      // Connections that are open keep their certificate; new ones get this. All options again: what is left out falls back to a default.
      server.setSecureContext({ ...secureOptions(options), cert: certificate.cert, key: certificate.key });
      options.log.info({}, 'the serving certificate was replaced');
    } catch (error) {
      options.log.error({ err: error }, 'the new serving certificate could not be used; the old one stays');
    }
  });
  const started = await startListening(server, options.listen, limits);
  if (!started.ok) {
    stopRotation();
    return started;
  }
  const { address, close } = started.value;
  return good({
    address,
    close() {
      stopRotation();
      return close();
    },
  });
}

function secureOptions({ clientCA }: AdmissionServerOptions): { minVersion: 'TLSv1.2'; ca?: string } {
  return { minVersion: 'TLSv1.2', ...(clientCA === null ? {} : { ca: clientCA }) };
}

function makeServer(app: Express, options: AdmissionServerOptions, limits: AdmissionLimits): Outcome<Server> {
  const { cert, key } = options.certificate.current();
  try {
    const server = createServer(
      {
        ...secureOptions(options),
        cert,
        key,
        ...(options.clientCA === null ? {} : { requestCert: true, rejectUnauthorized: true }),
        ALPNProtocols: ['http/1.1'],
        handshakeTimeout: limits.headersTime,
        headersTimeout: limits.headersTime,
        requestTimeout: limits.requestTime,
        keepAliveTimeout: limits.keepAlive,
        connectionsCheckingInterval: Math.min(1000, limits.headersTime),
        maxHeaderSize: 16 * 1024,
      },
      app,
    );
    server.maxConnections = limits.connections;
    const { clientNames } = options;
    if (options.clientCA !== null && clientNames.length > 0) {
      // Before anything is read from it.
      server.prependListener('secureConnection', (socket) => {
        if (!namesCaller(socket.getPeerCertificate(), clientNames)) socket.destroy();
      });
    }
    // A connection that says nothing at all, within a request or between two.
    server.setTimeout(limits.keepAlive + limits.requestTime);
    return good(server);
  } catch (error) {
    return bad('CONFIG_INVALID', 'the serving certificate or its key can’t be used for TLS', { cause: error });
  }
}

/** Express routes to two handlers and does nothing else: middleware costs more than all that is done here. */
function admissionApp(options: AdmissionServerOptions, limits: AdmissionLimits, isSecret: CheckSecret): Express {
  const app = express();
  app.disable('etag');
  app.disable('x-powered-by');
  app.set('query parser', false);
  app.enable('case sensitive routing');
  app.enable('strict routing');
  const { answer, reject } = createAnswerer(options.handle, limits, options.log, options.metrics ?? null);
  const prefix = options.pathSecret === null ? '' : '/:secret';
  for (const route of routes) {
    app.all(`${prefix}/${route}`, (request: Request, response: Response): void | Promise<void> => {
      const segment = request.params['secret'];
      if (!isSecret(typeof segment === 'string' ? segment : null)) return reject(request, response, 404);
      return request.method === 'POST' ? answer(route, request, response) : reject(request, response, 405);
    });
  }
  app.use((request: Request, response: Response) => reject(request, response, 404));
  // Express knows an error handler by its four parameters. Its own would print the stack to the caller.
  app.use((_error: unknown, request: Request, response: Response, _next: NextFunction) => reject(request, response, 400));
  return app;
}
