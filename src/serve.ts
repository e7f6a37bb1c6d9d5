/** The webhook: a line, its listeners, its record, and what happens when the configuration changes. */
import { hostname } from 'node:os';
import type { LineEvent } from './admission/line.ts';
import { decodeReview, encodeReview } from './admission/review.ts';
import { type AuditStatus, createAudit, describeStore, type Sink, type SinkKind, sinkKinds } from './audit/index.ts';
import { auditReaderOf, auditStoreOf, spoolOf } from './auditStore.ts';
import { candidateChecks, createComparisonReport, describeFetch } from './candidateReport.ts';
import { openCheckpoints } from './checkpoints.ts';
import type { ClusterApi } from './cluster/api.ts';
import { connectCluster } from './cluster/client.ts';
import { formatConfigFault, type LoadedConfig, watchConfig } from './config/index.ts';
import { buildCore, type Core, type CoreParts } from './core.ts';
import type { Acknowledger, RecordReader } from './domain/auditReader.ts';
import { deadlineIn } from './domain/deadline.ts';
import { describeException } from './domain/exception.ts';
import { type FaultCode, good, type Outcome, publicFault } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import { safeText } from './domain/text.ts';
import { createFacts } from './evidence/cache.ts';
import { openFactStore, shareFacts, storeChecks } from './factStores.ts';
import { createIds } from './identifiers.ts';
import { openListeners } from './listeners.ts';
import type { Handle } from './server/answer.ts';
import { createMetrics, type Metrics } from './server/metrics.ts';
import type { ReadinessCheck } from './server/ops.ts';
import { watchSurroundings } from './surroundings.ts';

/** A webhook that answers. */
export interface Running {
  readonly admission: { readonly host: string; readonly port: number };
  readonly ops: { readonly host: string; readonly port: number } | null;
  /** Where records go, and what judges, for those who started it. */
  readonly about: {
    readonly records: string;
    /** The folder that they are written to first. */
    readonly spool: string;
    readonly policies: readonly string[];
    readonly pathSecret: string | null;
    readonly ca: string | null;
  };
  /** The log, for who looks back while it runs: no admission waits for that. */
  readonly audit: RecordReader & Acknowledger;
  /** Finishes what has begun, then ends. */
  stop(): Promise<void>;
}

export interface ServeParts {
  readonly log: Log;
  /** Version of the program, in records and metrics. */
  readonly version: string;
}

/** Facts kept at most: about 100,000 distinct images with a few sources each. */
const factLimits = { entries: 500_000, askFor: 20_000, asking: 1_000 };

/** Starts the webhook. Faults: CONFIG_INVALID for what can't be used, AUDIT_UNAVAILABLE when no record could be kept. */
export async function serve(config: LoadedConfig, { log, version }: ServeParts): Promise<Outcome<Running>> {
  const { settings } = config;
  const metrics = createMetrics({ version });
  const sinks = await openSinks(config);
  if (!sinks.ok) return sinks;
  const store = await auditStoreOf(config, process.env);
  if (!store.ok) return store;
  const checkpoints = await openCheckpoints(config, log);
  if (!checkpoints.ok) return checkpoints;
  const audit = await createAudit({
    directory: spoolOf(config),
    store: store.value,
    sinks: sinks.value,
    required: settings.audit.required,
    replica: hostname(),
    build: version,
    retention: settings.audit.retention,
    maxBytes: settings.audit.maxBytes,
    storeBytes: settings.audit.storeBytes,
    clock: Date.now,
    log,
    onLoss: (records) => metrics.auditLost(records),
    onRemoval: (entries) => metrics.auditRemoved(entries),
    onRetired: (entries) => metrics.auditRetired(entries),
    ...(checkpoints.value.options === null ? {} : { checkpoints: checkpoints.value.options }),
  });
  if (!audit.ok) {
    await checkpoints.value.close();
    return audit;
  }
  const closeAudit = async (): Promise<void> => {
    await audit.value.close();
    await checkpoints.value.close();
  };

  const opened = await openFactStore(config, metrics);
  if (!opened.ok) {
    await closeAudit();
    return opened;
  }
  const closeStores = async (): Promise<void> => {
    await opened.value?.store.close();
    await closeAudit();
  };
  const surroundings = await watchSurroundings(config, log);
  if (!surroundings.ok) {
    await closeStores();
    return surroundings;
  }
  const asked = (_milliseconds: number, code: FaultCode | null): void => {
    if (code !== null) metrics.fault(code);
  };
  const { lastKnownGoodFor } = settings.evidence;
  const parts: CoreParts = {
    log,
    facts: createFacts({ ...factLimits, lastKnownGoodFor }, Date.now, { asked }, shareFacts(opened.value, config, metrics, log)),
    keeper: audit.value,
    newId: createIds(),
    cluster: connectClusterOf,
    ...(surroundings.value === null ? {} : { surroundings: surroundings.value }),
    onLine: (event) => count(metrics, event),
    onCompared: createComparisonReport(metrics, log),
    onFetched: metrics.policyFetched,
    onRegistry: ({ host, code }) => metrics.registryRequest(host, code ?? 'ok'),
    onBreaker: ({ host, state }) => {
      metrics.registryBreaker(host, state);
      if (state !== 'probing') log.warn({ host }, state === 'open' ? 'the registry failed again and again and is left alone' : 'the registry is asked again');
    },
  };
  const closeAll = async (): Promise<void> => {
    surroundings.value?.close();
    await closeStores();
  };
  const first = await buildCore(config, parts);
  if (!first.ok) {
    await closeAll();
    return first;
  }
  const current = holdCore(first.value, parts, metrics, log);

  const handle = createHandler(() => current.core(), log, metrics);
  const checks = (): ReadinessCheck[] => [
    policyCheck(current.core()),
    ...candidateChecks(current.core(), Date.now()),
    current.configCheck(),
    auditCheck(audit.value.status(), settings.audit.required),
    ...exceptionChecks(current.core()),
    checkpointCheck(audit.value.status()),
    ...storeChecks(opened.value),
    ...(surroundings.value?.checks(current.core().config.settings.platforms === null) ?? []),
  ];
  const listeners = await openListeners(config, { handle, checks, metrics, log });
  if (!listeners.ok) {
    await current.close();
    await closeAll();
    return listeners;
  }
  const reader = auditReaderOf(config, store.value, log);
  const watch = watchConfig(config, (outcome) => void current.replace(outcome));
  const queue = setInterval(() => {
    const { bytes, queue: length, store: filled, checkpoints: signed } = audit.value.status();
    if (signed !== null) metrics.auditCheckpoints(signed.newest, signed.copies);
    metrics.auditQueue(length);
    metrics.auditBytes(bytes);
    countExceptions(metrics, current.core());
    if (filled !== null) metrics.auditStore(filled.fault === null, filled.shipped);
  }, 1_000);
  queue.unref();

  return good({
    admission: listeners.value.admission,
    ops: listeners.value.ops,
    about: {
      records: describeStore(store.value),
      spool: spoolOf(config),
      policies: first.value.policies.status().policies.flatMap(({ name, mode }) => (mode === 'off' ? [] : [name])),
      pathSecret: listeners.value.pathSecret,
      ca: listeners.value.ca,
    },
    audit: { ...reader, acknowledge: (acknowledgement) => audit.value.acknowledge(acknowledgement) },
    async stop() {
      watch.close();
      clearInterval(queue);
      await listeners.value.close();
      await current.close();
      await reader.close();
      await closeAll();
    },
  });
}

function connectClusterOf({ settings, resolvePath }: LoadedConfig): Promise<Outcome<ClusterApi>> {
  const kubeconfig = settings.cluster?.kubeconfig ?? null;
  return connectCluster(kubeconfig === null ? null : resolvePath(kubeconfig));
}

async function openSinks(config: LoadedConfig): Promise<Outcome<readonly Sink[]>> {
  const sinks: Sink[] = [];
  for (const settings of config.settings.audit.sinks) {
    const kind: SinkKind = sinkKinds[settings.kind];
    const sink = await kind.create(settings, { resolvePath: config.resolvePath });
    if (!sink.ok) return sink;
    sinks.push(sink.value);
  }
  return good(sinks);
}

/** Milliseconds of the API server's time that are left to it, so that our answer with a reason arrives before it gives up. */
function margin(timeout: number): number {
  return Math.min(500, timeout / 10);
}

/** From bytes to bytes. Never rejects for an expected reason. */
function createHandler(core: () => Core, log: Log, metrics: Metrics): Handle {
  return async (route, body, timeout) => {
    const decoded = decodeReview(body);
    const { line, config, exceptions } = core();
    if (!decoded.ok) {
      const { code, message } = publicFault(decoded.fault);
      metrics.fault(code);
      log.warn({ route, code, uid: decoded.uid === null ? null : safeText(decoded.uid, 64) }, `refused: ${message}`);
      if (decoded.uid === null) return { status: 400, body: `${code}: ${message}\n` };
      const answer = {
        uid: decoded.uid,
        allowed: false,
        status: { code: 400, message: `image policy: ${code}: ${message}` },
        warnings: [],
        auditAnnotations: {},
        patch: null,
      };
      return { status: 200, body: encodeReview(answer) };
    }
    const longest = config.settings.server.deadline;
    const deadline = deadlineIn(timeout === null ? longest : Math.min(longest, timeout - margin(timeout)), Date.now());
    if (route === 'exceptions') {
      const answer = await exceptions.review.review(decoded.request, deadline.signal);
      metrics.answered(route, answer.allowed ? 'allow' : 'deny', 'none', decoded.request.operation);
      return { status: 200, body: encodeReview(answer) };
    }
    return { status: 200, body: encodeReview(await line[route](decoded.request, deadline)) };
  };
}

/** The core in force, replaced when a valid configuration arrives; listeners and stores stay as they were. */
function holdCore(first: Core, parts: CoreParts, metrics: Metrics, log: Log) {
  let core = first;
  let refused: string | null = null;
  let closed = false;
  let replacing = Promise.resolve();
  // Their threads keep the process alive until they are closed.
  const retired = new Set<Core>();
  metrics.configLoaded(true, first.config.revision);
  const watchPolicies = (watched: Core): void => {
    const report = (): void => {
      const { revision, fault } = watched.policies.status();
      metrics.policyLoaded(fault === null, revision);
    };
    report();
    watched.policies.onChange(report);
  };
  watchPolicies(first);
  const refuse = (why: string): void => {
    refused = why;
    metrics.configLoaded(false, null);
    log.error({}, `the new configuration is not in force, the old one stays: ${why}`);
  };
  const replace = async (outcome: Awaited<ReturnType<LoadedConfig['reload']>>): Promise<void> => {
    if (!outcome.ok) return refuse(outcome.faults.map((f) => safeText(formatConfigFault(f), 600)).join('; '));
    const next = await buildCore(outcome.config, parts);
    if (!next.ok) return refuse(next.fault.message);
    const before = core;
    core = next.value;
    refused = null;
    watchPolicies(core);
    metrics.configLoaded(true, core.config.revision);
    log.info({ revision: core.config.revision }, 'the new configuration is in force');
    // What began under the old one may finish under it. It takes no part in the next edit: compiling that twice would delay it.
    before.policies.freeze();
    retired.add(before);
    setTimeout(() => {
      if (retired.delete(before)) void before.close();
    }, before.config.settings.server.deadline + 5_000).unref();
  };
  return {
    core: () => core,
    configCheck(): ReadinessCheck {
      return {
        name: 'configuration',
        ready: true,
        reason: refused === null ? `revision ${core.config.revision.slice(0, 12)}` : `the newest edit is not in force: ${refused}`,
      };
    },
    /** One after the other: of two quick edits the second must win, and none may be built after the end. */
    replace(outcome: Awaited<ReturnType<LoadedConfig['reload']>>): Promise<void> {
      replacing = replacing
        .then(() => (closed ? undefined : replace(outcome)))
        .catch((error: unknown) => log.error({ err: error }, 'the new configuration could not be put in force; please report it'));
      return replacing;
    },
    async close() {
      closed = true;
      await replacing;
      await Promise.all([core, ...retired].map((each) => each.close()));
    },
  };
}

function policyCheck({ policies }: Core): ReadinessCheck {
  const { fetched, revision, fault, policies: loaded } = policies.status();
  const newest = fault === null ? '' : `; the newest edit is not in force: ${fault.message}`;
  if (revision === null) return { name: 'policies', ready: false, reason: fault?.message ?? 'no policies are in force' };
  return {
    name: 'policies',
    ready: true,
    reason: `${loaded.filter(({ mode }) => mode !== 'off').length} in force, revision ${revision.slice(0, 12)}${describeFetch(fetched, Date.now())}${newest}`,
  };
}

/** Never a reason not to be ready: without exceptions, all that policies deny is denied. */
function exceptionChecks({ config, exceptions }: Core): ReadinessCheck[] {
  if (config.settings.exceptions === null) return [];
  const { counts, voids, unacknowledged, stale } = exceptions.room.status(Date.now());
  const parts = [
    `${counts.inForce} in force, ${counts.pending} not approved, ${counts.void} void`,
    ...(unacknowledged.length === 0 ? [] : [`not acknowledged: ${unacknowledged.map(describeException).join(', ')}`]),
    ...voids.map(({ label, reason }) => `${label} is void: ${reason}`),
    ...(stale === null ? [] : [`as last known: ${stale}`]),
  ];
  return [{ name: 'exceptions', ready: true, reason: safeText(parts.join('; '), 4_000) }];
}

function countExceptions(metrics: Metrics, { exceptions }: Core): void {
  const { counts, ending, breakglass, unacknowledged, stale } = exceptions.room.status(Date.now());
  metrics.exceptions({ counts, ending: ending.length, breakglass, unacknowledged: unacknowledged.length, stale: stale !== null });
}

/** Of what the records may take, from where on it is said that older ones go. */
const nearlyFull = 0.9;

function auditCheck({ bytes, fault: broken, maxBytes, removed, store }: AuditStatus, required: boolean): ReadinessCheck {
  if (broken !== null) return { name: 'audit', ready: !required, reason: broken.message };
  const waiting = store?.fault === null || store === null ? '' : `; they wait in the spool: ${store.fault.message}`;
  if (bytes < nearlyFull * maxBytes) return { name: 'audit', ready: true, reason: `records are kept${waiting}` };
  const share = Math.floor((100 * bytes) / maxBytes);
  return { name: 'audit', ready: true, reason: `records are kept, and take ${share} % of audit.maxBytes: the oldest go, ${removed} files so far${waiting}` };
}

/** Never a reason to be asked no more: what was not signed or copied yet is, later. */
function checkpointCheck({ checkpoints }: AuditStatus): ReadinessCheck {
  const name = 'audit checkpoints';
  if (checkpoints === null) return { name, ready: true, reason: 'none are made: there is no key' };
  const { copies, fault, key, newest } = checkpoints;
  if (fault !== null) return { name, ready: true, reason: fault.message };
  const behind = copies.flatMap((copy) => (copy.reason === null ? [] : [`; ${copy.waiting} wait to be copied (${copy.name}): ${safeText(copy.reason, 200)}`]));
  const when = newest === null ? 'none was made yet' : `the newest is of ${new Date(newest).toISOString()}`;
  return { name, ready: true, reason: `${when}, by key ${key.slice(0, 16)}${behind.join('')}` };
}

function count(metrics: Metrics, event: LineEvent): void {
  const decision = event.outcome === 'allow' || event.outcome === 'deny' ? event.outcome : 'none';
  metrics.answered(event.route, decision, event.mode ?? 'none', event.request.operation);
  for (const [stage, milliseconds] of Object.entries(event.timings)) metrics.stage(stage, milliseconds / 1000);
  for (const { spec } of event.exceptions) metrics.exceptionUsed(spec.breakglass ? 'breakglass' : 'exception');
  for (const { evidence } of event.images) for (const { code } of evidence.faults) metrics.fault(code);
}
