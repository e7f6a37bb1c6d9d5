import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import type { FaultCode } from '../domain/fault.ts';
import type { AdmissionMetrics, Route } from './answer.ts';
import { boundedLabel, labelledCounter, labelledHistogram, prefix } from './series.ts';

/** Everything the program counts. Each function is cheap enough for every request. Times in seconds, as Prometheus has them. */
export interface Metrics {
  readonly admission: AdmissionMetrics;
  /** One answered admission. `operation` other than the five of the API counts as `other`. */
  readonly answered: (route: Route, decision: 'allow' | 'deny' | 'none', mode: string, operation: string) => void;
  readonly stage: (stage: string, seconds: number) => void;
  readonly fault: (code: FaultCode) => void;
  /** `outcome`: ok or a fault code. Hosts beyond a bound count as `other`. */
  readonly registryRequest: (host: string, outcome: 'ok' | FaultCode) => void;
  /** Hosts beyond a bound share `other`, which then tells of the last one that changed. */
  readonly registryBreaker: (host: string, state: 'closed' | 'probing' | 'open') => void;
  /** A look into the store of facts behind the memory. `bad`: what is there is not ours. */
  readonly factRecalled: (result: 'hit' | 'miss' | 'unavailable' | 'bad' | 'undecodable') => void;
  readonly factsLost: (facts: number) => void;
  /** What came of a look at the origin of a policy bundle. */
  readonly policyFetched: (outcome: 'new' | 'unchanged' | 'refused' | 'failed') => void;
  /** What the candidate policies made of a decision; `skipped`: they were not asked. */
  readonly candidateJudged: (outcome: 'same' | 'findings' | 'stricter' | 'milder' | 'failed' | 'skipped') => void;
  /** A finding by which the candidate differs. Policies beyond a bound count as `other`. */
  readonly candidateFinding: (policy: string, change: 'added' | 'removed') => void;
  readonly policyLoaded: (ok: boolean, revision: string | null) => void;
  readonly configLoaded: (ok: boolean, revision: string | null) => void;
  readonly auditQueue: (length: number) => void;
  readonly auditLost: (records: number) => void;
  readonly auditBytes: (bytes: number) => void;
  /** One segment that was removed, and the entries in it. */
  readonly auditRemoved: (entries: number) => void;
  /** An admission that rests on an exception, by what it was. */
  readonly exceptionUsed: (what: 'exception' | 'breakglass') => void;
  /** How many exceptions there are, by how they stand, and whether that may be out of date. */
  readonly exceptions: (counts: ExceptionCounts) => void;
  /** Entries that the store removed for their age. */
  readonly auditRetired: (entries: number) => void;
  /** Whether the store takes records, and how many entries it took so far. */
  readonly auditStore: (up: boolean, shipped: number) => void;
  /** Of each place for copies: how many attempts failed, and how many checkpoints wait; and when the newest was made, in milliseconds since the epoch. */
  readonly auditCheckpoints: (
    newest: number | null,
    copies: readonly { readonly name: string; readonly failed: number; readonly waiting: number; readonly lost: number }[],
  ) => void;
  /** Milliseconds since the epoch. */
  readonly certificateExpires: (when: number) => void;
  /** What /metrics shows. */
  readonly contentType: string;
  readonly text: () => Promise<string>;
}

/** Numbers of exceptions. */
export interface ExceptionCounts {
  /** By standing: inForce, upcoming, expired, pending, void. */
  readonly counts: Readonly<Record<string, number>>;
  /** In force, and near their end. */
  readonly ending: number;
  /** In force. */
  readonly breakglass: number;
  readonly unacknowledged: number;
  readonly stale: boolean;
}

/** Fit for answers of a millisecond as well as for those that reach the deadline. */
const seconds = [0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const operations: ReadonlySet<string> = new Set(['CREATE', 'UPDATE', 'DELETE', 'CONNECT']);

export function createMetrics(build: { readonly version: string }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry });
  const answered = labelledCounter(registry, 'admissions_total', 'Admission calls answered', ['route', 'decision', 'mode', 'operation']);
  const duration = labelledHistogram(registry, 'admission_duration_seconds', 'From the headers of a call to its answer', ['route'], seconds);
  const inFlight = new Gauge({ registers, name: `${prefix}admissions_in_flight`, help: 'Admission calls in work' });
  const refused = labelledCounter(registry, 'requests_refused_total', 'Requests refused before they were judged, by HTTP status', ['status']);
  const stage = labelledHistogram(registry, 'stage_duration_seconds', 'Time by stage of the line', ['stage'], seconds);
  const faults = labelledCounter(registry, 'faults_total', 'Faults by code: what could not be looked at, or was looked at and is not good', ['code']);
  const requests = labelledCounter(registry, 'registry_requests_total', 'Requests sent to registries', ['host', 'outcome']);
  const breakers = new Gauge({
    registers,
    name: `${prefix}registry_breaker_state`,
    help: 'Whether a registry that failed is asked: 0 it is again, 1 one request tries, 2 it is not',
    labelNames: ['host'],
  });
  const recalled = labelledCounter(registry, 'fact_store_reads_total', 'Looks into the store of facts; bad: what is there was not written by us', ['result']);
  const factsLost = new Counter({ registers, name: `${prefix}fact_store_lost_writes_total`, help: 'Facts that could not be written to their store' });
  const fetches = labelledCounter(registry, 'policy_bundle_fetches_total', 'Looks at the origin of a policy bundle', ['outcome']);
  const compared = labelledCounter(registry, 'candidate_decisions_total', 'Decisions that candidate policies were asked about, by what they would change', [
    'outcome',
  ]);
  const differing = labelledCounter(registry, 'candidate_findings_total', 'Findings that candidate policies would add or remove', ['policy', 'change']);
  const reloads = labelledCounter(registry, 'reloads_total', 'Policies and configurations loaded, and refused', ['what', 'outcome']);
  const revision = new Gauge({ registers, name: `${prefix}revision_info`, help: 'The revision in force', labelNames: ['what', 'revision'] });
  const queue = new Gauge({ registers, name: `${prefix}audit_queue_records`, help: 'Audit records that wait to be written' });
  const lost = new Counter({ registers, name: `${prefix}audit_lost_records_total`, help: 'Audit records that could not be kept' });
  const auditBytes = new Gauge({ registers, name: `${prefix}audit_bytes`, help: 'Bytes that audit records take on disk, and will take' });
  const removedSegments = new Counter({ registers, name: `${prefix}audit_removed_segments_total`, help: 'Audit segments removed for their age or size' });
  const removedEntries = new Counter({ registers, name: `${prefix}audit_removed_records_total`, help: 'Audit records removed for age or size' });
  const used = new Counter({ registers, name: `${prefix}exceptions_used_total`, help: 'Admissions that rest on an exception', labelNames: ['what'] });
  // There from the start: an alert on an increase would miss the first.
  for (const what of ['exception', 'breakglass']) used.inc({ what }, 0);
  const exceptions = new Gauge({ registers, name: `${prefix}exceptions`, help: 'Exceptions by how they stand', labelNames: ['standing'] });
  const ending = new Gauge({ registers, name: `${prefix}exceptions_ending`, help: 'Exceptions in force that end soon' });
  const breakglass = new Gauge({
    registers,
    name: `${prefix}breakglass_in_force`,
    help: 'Breakglasses in force: policies are recorded there and not enforced',
  });
  const unacknowledged = new Gauge({ registers, name: `${prefix}breakglass_unacknowledged`, help: 'Breakglasses that nobody has taken note of' });
  const stale = new Gauge({ registers, name: `${prefix}exceptions_stale`, help: '1 while the source of exceptions can not be looked at' });
  const retired = new Counter({ registers, name: `${prefix}audit_retired_records_total`, help: 'Audit records that the store removed for their age' });
  const storeUp = new Gauge({ registers, name: `${prefix}audit_store_up`, help: 'Whether the audit store takes records: 0 they wait in the spool' });
  const stored = new Counter({ registers, name: `${prefix}audit_stored_records_total`, help: 'Audit records that the store took' });
  const checkpoint = new Gauge({
    registers,
    name: `${prefix}audit_checkpoint_seconds`,
    help: 'When the newest audit checkpoint was signed, in seconds since the epoch',
  });
  const copies = new Gauge({
    registers,
    name: `${prefix}audit_checkpoint_copies`,
    help: 'Copies of audit checkpoints by place: that wait, attempts that failed, and that were given up',
    labelNames: ['copy', 'state'],
  });
  const expires = new Gauge({
    registers,
    name: `${prefix}certificate_expires_seconds`,
    help: 'When the serving certificate expires, in seconds since the epoch',
  });
  new Gauge({ registers, name: `${prefix}build_info`, help: 'What is running', labelNames: ['version'] }).set({ version: build.version }, 1);

  const hosts = boundedLabel(50);
  const policies = boundedLabel(200);
  const current = new Map<string, string>();
  const loaded = (what: 'policy' | 'config', ok: boolean, next: string | null): void => {
    reloads(what, ok ? 'ok' : 'bad');
    if (!ok || next === null) return;
    const before = current.get(what);
    if (before !== undefined) revision.remove({ what, revision: before });
    current.set(what, next);
    revision.set({ what, revision: next }, 1);
  };

  // The number in work is kept here and handed over when somebody looks.
  let working = 0;
  let known = 0;
  return {
    admission: {
      began: () => {
        working += 1;
      },
      ended: (route, took) => {
        working -= 1;
        duration(took, route);
      },
      refused: (status) => refused(String(status)),
    },
    answered: (route, decision, mode, operation) => answered(route, decision, mode, operations.has(operation) ? operation : 'other'),
    stage: (name, took) => stage(took, name),
    fault: (code) => faults(code),
    registryRequest: (host, outcome) => requests(hosts(host), outcome),
    registryBreaker: (host, state) => breakers.set({ host: hosts(host) }, state === 'closed' ? 0 : state === 'probing' ? 1 : 2),
    factRecalled: (result) => recalled(result),
    factsLost: (facts) => factsLost.inc(facts),
    policyFetched: (outcome) => fetches(outcome),
    candidateJudged: (outcome) => compared(outcome),
    candidateFinding: (policy, change) => differing(policies(policy), change),
    policyLoaded: (ok, next) => loaded('policy', ok, next),
    configLoaded: (ok, next) => loaded('config', ok, next),
    auditQueue: (length) => queue.set(length),
    auditLost: (records) => lost.inc(records),
    auditBytes: (bytes) => auditBytes.set(bytes),
    auditCheckpoints: (newest, places) => {
      if (newest !== null) checkpoint.set(newest / 1000);
      for (const [i, { name, failed, waiting, lost: given }] of places.entries()) {
        // Two folders are two places.
        const copy = `${i}-${name}`;
        copies.set({ copy, state: 'failed' }, failed);
        copies.set({ copy, state: 'waiting' }, waiting);
        copies.set({ copy, state: 'lost' }, given);
      }
    },
    auditRemoved: (entries) => {
      removedSegments.inc();
      removedEntries.inc(entries);
    },
    exceptionUsed: (what) => used.inc({ what }),
    exceptions: (now) => {
      for (const [standing, count] of Object.entries(now.counts)) exceptions.set({ standing }, count);
      ending.set(now.ending);
      breakglass.set(now.breakglass);
      unacknowledged.set(now.unacknowledged);
      stale.set(now.stale ? 1 : 0);
    },
    auditRetired: (entries) => retired.inc(entries),
    auditStore: (up, shipped) => {
      storeUp.set(up ? 1 : 0);
      stored.inc(Math.max(0, shipped - known));
      known = shipped;
    },
    certificateExpires: (when) => expires.set(when / 1000),
    contentType: registry.contentType,
    text: () => {
      inFlight.set(working);
      return registry.metrics();
    },
  };
}
