import { z } from 'zod';
import { distinct, duration, filePath, listenAddress, objectName } from '../values.ts';
import { absent } from './absent.ts';

/** Where the serving certificate comes from. */
export type TlsSettings =
  | { readonly kind: 'selfSigned'; readonly directory: string; readonly dnsNames: readonly string[] }
  | { readonly kind: 'files'; readonly certFile: string; readonly keyFile: string }
  /** A Secret that replicas share: made by the first, read by all. */
  | { readonly kind: 'secret'; readonly namespace: string; readonly name: string; readonly service: string };

const dnsName = z.string().regex(/^(?=.{1,253}$)[A-Za-z0-9.:-]+$/, 'must be a DNS name or an IP address');

const tls = z
  .strictObject({
    selfSigned: z
      .strictObject({
        directory: filePath.default('state/tls').describe('Folder that keeps the CA and the serving certificate.'),
        dnsNames: distinct(dnsName, 64)
          .min(1, 'must name at least one')
          .default(['localhost', '127.0.0.1', '::1'])
          .describe('Names and addresses the certificate is for.'),
      })
      .optional()
      .describe('A CA and a serving certificate of its own, renewed before they expire.'),
    certFile: filePath.optional().describe('PEM certificate chain; read again when it changes.'),
    keyFile: filePath.optional().describe('PEM private key of certFile.'),
    secret: z
      .strictObject({
        namespace: objectName.describe('Namespace of the Secret, and of the Service.'),
        name: objectName.describe('Name of the Secret.'),
        service: objectName.describe('Service the API server calls: the certificate is for SERVICE.NAMESPACE.svc.'),
      })
      .optional()
      .describe('A Secret shared by replicas that holds CA and certificate; in a cluster only.'),
  })
  .transform((given, context): TlsSettings => {
    const files = given.certFile !== undefined || given.keyFile !== undefined;
    const ways = [given.selfSigned !== undefined, files, given.secret !== undefined].filter(Boolean).length;
    const say = (message: string): never => {
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    };
    if (ways > 1) return say('must have one of selfSigned, certFile with keyFile, and secret');
    if (given.secret !== undefined) return { kind: 'secret', ...given.secret };
    if (!files) return { kind: 'selfSigned', ...(given.selfSigned ?? { directory: 'state/tls', dnsNames: ['localhost', '127.0.0.1', '::1'] }) };
    if (given.certFile === undefined || given.keyFile === undefined) return say('must have both of certFile and keyFile');
    return { kind: 'files', certFile: given.certFile, keyFile: given.keyFile };
  });

/** Everything about listening. */
export const serverSettings = z
  .strictObject({
    listen: listenAddress.prefault('127.0.0.1:8443').describe('HOST:PORT of the admission endpoints; TLS 1.2 or newer only.'),
    tls: tls.prefault({}).describe('Where the serving certificate comes from: selfSigned (the default), certFile with keyFile, or secret.'),
    clientCAFile: absent(filePath).describe("PEM of the CA whose client certificates may ask: the API server's."),
    clientNames: distinct(z.string().min(1).max(253), 32)
      .default([])
      .describe("Common names or DNS names, one of which the caller's certificate must have; none: every certificate of clientCAFile will do."),
    pathSecretFile: absent(filePath).describe('File with a random path segment known to the webhook configuration only.'),
    ops: z
      .union([z.literal('off'), listenAddress])
      .transform((address) => (address === 'off' ? null : address))
      .prefault('127.0.0.1:8081')
      .describe('HOST:PORT of /healthz, /readyz and /metrics, or off.'),
    deadline: duration(100, 30_000).prefault('8s').describe("Longest time to an answer; the API server's own time-out shortens it."),
  })
  .prefault({})
  .describe('Where the webhook listens, and who may ask.');

/** The cluster to talk to. */
export const clusterSettings = absent(
  z.strictObject({
    kubeconfig: absent(filePath).describe("Kubeconfig file; absent: the Pod's own service account."),
    pullSecrets: z
      .boolean()
      .default(false)
      .describe('Read images with the imagePullSecrets of their Pods. Needs the right to get Secrets: manifests/components/pull-secrets.'),
  }),
).describe('Kubernetes, where there is one. Absent: none, or in a Pod the cluster it runs in.');
