/** The store of the audit log, as a configuration names it. */
import { createReader, indexOf, openCommandReader, openHolds, type StoreSettings } from './audit/index.ts';
import type { LoadedConfig } from './config/index.ts';
import type { HoldKeeper, RecordReader } from './domain/auditReader.ts';
import { good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';

/** With absolute paths, and the password where it comes from the environment. Fault: CONFIG_INVALID for a CA that can't be read. */
export async function auditStoreOf({ settings, resolvePath, file }: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Outcome<StoreSettings>> {
  const { caFile, passwordFile, store } = settings.audit;
  if (store.kind !== 'postgres') {
    const path = resolvePath(store.path);
    return good(store.kind === 'sqlite' ? { kind: 'sqlite', file: path } : { kind: 'jsonl', directory: path, index: indexOf(path) });
  }
  const ca = caFile === undefined ? good(null) : await file(caFile);
  if (!ca.ok) return ca;
  const { host, port, database, user, tls } = store;
  return good({
    kind: 'postgres',
    host,
    port,
    database,
    user,
    tls: tls ? { ca: ca.value === null ? null : Buffer.from(ca.value).toString('utf8') } : 'off',
    passwordFile: passwordFile === undefined ? null : resolvePath(passwordFile),
    password: env['PGPASSWORD'] ?? null,
  });
}

/** The folder that records are written to first. */
export function spoolOf({ settings: { audit }, resolvePath }: LoadedConfig): string {
  return resolvePath(audit.store.kind === 'jsonl' ? audit.store.path : audit.spool);
}

/** A reader for whoever runs beside the webhook, in its process: it keeps no admission waiting. */
export function auditReaderOf(config: LoadedConfig, settings: StoreSettings, log: Log): RecordReader {
  return createReader({ settings, retention: retentionOf(config), log });
}

/** A reader for one command. Faults: CONFIG_INVALID, AUDIT_UNAVAILABLE. */
export async function openAuditReader(config: LoadedConfig, env: NodeJS.ProcessEnv, log: Log): Promise<Outcome<RecordReader>> {
  const settings = await auditStoreOf(config, env);
  return settings.ok ? openCommandReader({ settings: settings.value, retention: retentionOf(config), log }) : settings;
}

/** Faults: CONFIG_INVALID, AUDIT_UNAVAILABLE. */
export async function openAuditHolds(config: LoadedConfig, env: NodeJS.ProcessEnv): Promise<Outcome<HoldKeeper>> {
  const settings = await auditStoreOf(config, env);
  return settings.ok ? openHolds(settings.value) : settings;
}

function retentionOf({ settings: { audit } }: LoadedConfig) {
  return { ...audit.retention, bytes: audit.storeBytes };
}
