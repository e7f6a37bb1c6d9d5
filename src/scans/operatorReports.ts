import { createHash } from 'node:crypto';
import type { Digest } from '../domain/digest.ts';
import { bad, type Fault } from '../domain/fault.ts';
import { type OperatorReport, readVulnerabilityReport } from './vulnerabilityReport.ts';

export interface OperatorReportLimits {
  readonly reports: number;
  /** Of all reports together: they are what takes room. */
  readonly findings: number;
}

const limits: OperatorReportLimits = { reports: 20_000, findings: 500_000 };

/** All VulnerabilityReports of a cluster, by what they are about. */
export class OperatorReports {
  readonly #limits: OperatorReportLimits;
  readonly #held = new Map<string, OperatorReport>();
  readonly #byDigest = new Map<Digest, Set<string>>();
  readonly #byName = new Map<string, Set<string>>();
  /** Keys of reports that there was no room for. */
  readonly #left = new Set<string>();
  #findings = 0;
  /** Of all hashes by exclusive or: what is added and taken away again leaves no trace, in whatever order. */
  #sum = 0n;

  constructor(own: OperatorReportLimits = limits) {
    this.#limits = own;
  }

  put(key: string, object: unknown): void {
    this.drop(key);
    const report = readVulnerabilityReport(object);
    const findings = countFindings(report);
    if (this.#held.size >= this.#limits.reports || this.#findings + findings > this.#limits.findings) {
      if (this.#left.size < this.#limits.reports) this.#left.add(key);
      return;
    }
    this.#held.set(key, report);
    this.#findings += findings;
    this.#sum ^= partOf(key, report);
    if (report.digest !== null) add(this.#byDigest, report.digest, key);
    if (report.name !== null) add(this.#byName, report.name, key);
  }

  drop(key: string): void {
    this.#left.delete(key);
    const report = this.#held.get(key);
    if (report === undefined) return;
    this.#held.delete(key);
    this.#findings -= countFindings(report);
    this.#sum ^= partOf(key, report);
    if (report.digest !== null) remove(this.#byDigest, report.digest, key);
    if (report.name !== null) remove(this.#byName, report.name, key);
  }

  about(digest: Digest): readonly OperatorReport[] {
    return this.#resolve(this.#byDigest.get(digest));
  }

  /** @param name `registry/repository:tag` */
  named(name: string): readonly OperatorReport[] {
    return this.#resolve(this.#byName.get(name));
  }

  /** What was left out, where a report may be that is looked for. */
  get fault(): Fault | null {
    if (this.#left.size === 0) return null;
    const { reports, findings } = this.#limits;
    return bad('LIMIT_EXCEEDED', `the cluster has more VulnerabilityReports than may be held (${reports}, with ${findings} findings)`).fault;
  }

  /** Changes with what the reports say, and with whether some were left out. */
  get version(): string {
    return `${this.#sum.toString(16)} ${this.#left.size > 0}`;
  }

  #resolve(keys: Iterable<string> = []): readonly OperatorReport[] {
    return [...keys].flatMap((key) => this.#held.get(key) ?? []);
  }
}

function countFindings({ content }: OperatorReport): number {
  return content.ok ? content.value.findings.length : 0;
}

function partOf(key: string, { hash }: OperatorReport): bigint {
  return BigInt(`0x${createHash('sha256').update(`${key} ${hash}`).digest('hex')}`);
}

function add<K>(index: Map<K, Set<string>>, at: K, key: string): void {
  const keys = index.get(at) ?? new Set();
  keys.add(key);
  index.set(at, keys);
}

function remove<K>(index: Map<K, Set<string>>, at: K, key: string): void {
  const keys = index.get(at);
  keys?.delete(key);
  if (keys?.size === 0) index.delete(at);
}
