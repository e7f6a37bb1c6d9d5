/** The listeners of a webhook, as the configuration wants them: certificate, callers, addresses. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type CaBundleKeeper, keepCaBundle } from './cluster/caBundle.ts';
import { certificateSecret } from './cluster/certificateSecret.ts';
import { connectCluster } from './cluster/client.ts';
import type { LoadedConfig } from './config/index.ts';
import type { CertificateSource } from './domain/certificate.ts';
import { bad, good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import { createAdmissionServer } from './server/admission.ts';
import type { Handle } from './server/answer.ts';
import { fromFiles } from './server/certificateFiles.ts';
import { openKeyring } from './server/certificates.ts';
import type { Metrics } from './server/metrics.ts';
import { createOpsServer, type ReadinessCheck } from './server/ops.ts';
import { selfSigned } from './server/selfSigned.ts';

export interface ListenerParts {
  readonly handle: Handle;
  readonly checks: () => readonly ReadinessCheck[];
  readonly metrics: Metrics;
  readonly log: Log;
}

export interface Listeners {
  readonly admission: { readonly host: string; readonly port: number };
  readonly ops: { readonly host: string; readonly port: number } | null;
  readonly pathSecret: string | null;
  /** PEM of the CA that issued the serving certificate, where it is ours. */
  readonly ca: string | null;
  close(): Promise<void>;
}

/** Names of our webhook configurations in a cluster, as manifests/ has them. */
const webhookNames = { mutating: 'tidewaiter', validating: 'tidewaiter' } as const;

/** What the admission listener shows its callers, and how they show that they may call. */
interface Presence {
  readonly certificate: CertificateSource;
  readonly pathSecret: string | null;
  readonly registered: CaBundleKeeper | null;
}

/** Opens all listeners, or none. Faults: CONFIG_INVALID. */
export async function openListeners(config: LoadedConfig, { handle, checks, metrics, log }: ListenerParts): Promise<Outcome<Listeners>> {
  const { server } = config.settings;
  const presence = await openPresence(config, log);
  if (!presence.ok) return presence;
  const { certificate, pathSecret, registered } = presence.value;
  const end = (): void => {
    registered?.close();
    certificate.close();
  };
  const clientCA = server.clientCAFile === null ? good(null) : await config.file(server.clientCAFile);
  if (!clientCA.ok) {
    end();
    return clientCA;
  }
  const admission = await createAdmissionServer({
    listen: server.listen,
    certificate,
    clientCA: clientCA.value === null ? null : Buffer.from(clientCA.value).toString('utf8'),
    clientNames: server.clientNames,
    pathSecret,
    handle,
    log,
    metrics: metrics.admission,
  });
  if (!admission.ok) {
    end();
    return admission;
  }
  metrics.certificateExpires(expiryOf(certificate));
  certificate.onChange(() => metrics.certificateExpires(expiryOf(certificate)));
  const allChecks = (): ReadinessCheck[] => [...checks(), ...(registered === null ? [] : [registrationCheck(registered)])];
  const ops = server.ops === null ? good(null) : await createOpsServer({ listen: server.ops, checks: allChecks, metrics, log });
  if (!ops.ok) {
    await admission.value.close();
    end();
    return ops;
  }
  return good({
    admission: admission.value.address,
    ops: ops.value?.address ?? null,
    pathSecret,
    ca: certificate.current().ca,
    async close() {
      registered?.close();
      await admission.value.close();
      await ops.value?.close();
      certificate.close();
    },
  });
}

async function openPresence(config: LoadedConfig, log: Log): Promise<Outcome<Presence>> {
  const { tls, pathSecretFile } = config.settings.server;
  const path = pathSecretFile === null ? good(null) : await readPathSecret(config, pathSecretFile);
  if (!path.ok) return path;
  if (tls.kind === 'secret') return openShared(config, tls, log);
  const certificate =
    tls.kind === 'files'
      ? await fromFiles({ certFile: config.resolvePath(tls.certFile), keyFile: config.resolvePath(tls.keyFile), clock: Date.now, log })
      : await selfSigned({ directory: config.resolvePath(tls.directory), dnsNames: tls.dnsNames, clock: Date.now, log });
  return certificate.ok ? good({ certificate: certificate.value, pathSecret: path.value, registered: null }) : certificate;
}

/** In a cluster: keys and secret path in one Secret, both told to the API server. */
async function openShared(
  config: LoadedConfig,
  where: { readonly namespace: string; readonly name: string; readonly service: string },
  log: Log,
): Promise<Outcome<Presence>> {
  const kubeconfig = config.settings.cluster?.kubeconfig ?? null;
  const api = await connectCluster(kubeconfig === null ? null : config.resolvePath(kubeconfig));
  if (!api.ok) return api;
  const host = `${where.service}.${where.namespace}.svc`;
  const keyring = await openKeyring({ store: certificateSecret(api.value, where), dnsNames: [host, `${host}.cluster.local`], clock: Date.now, log });
  if (!keyring.ok) return keyring;
  const certificate = keyring.value;
  const registered = keepCaBundle({ api: api.value, names: webhookNames, ca: () => certificate.current().ca ?? '', pathSecret: certificate.pathSecret, log });
  certificate.onChange(() => void registered.check());
  void registered.check();
  return good({ certificate, pathSecret: certificate.pathSecret, registered });
}

async function readPathSecret(config: LoadedConfig, file: string): Promise<Outcome<string>> {
  try {
    const secret = (await readFile(config.resolvePath(file), 'utf8')).trim();
    if (/^[A-Za-z0-9_-]{16,128}$/.test(secret)) return good(secret);
    return bad('CONFIG_INVALID', 'server.pathSecretFile must hold 16 to 128 letters, digits, - or _');
  } catch (cause) {
    return bad('CONFIG_INVALID', 'server.pathSecretFile can not be read', { cause });
  }
}

function registrationCheck(registered: CaBundleKeeper): ReadinessCheck {
  const state = registered.state();
  return { name: 'registration', ready: state.ok, reason: state.ok ? 'the API server knows our CA and path' : state.fault.message };
}

function expiryOf(certificate: CertificateSource): number {
  return new X509Certificate(certificate.current().cert).validToDate.getTime();
}
