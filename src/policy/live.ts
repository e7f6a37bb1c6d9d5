import type { Deadline } from '../domain/deadline.ts';
import type { Finding } from '../domain/decision.ts';
import { bad, type Fault, good, type Outcome, publicFault } from '../domain/fault.ts';
import type { CompiledPolicies } from './compile.ts';
import { readFindings, readResults } from './findings.ts';
import { EnginePool } from './pool.ts';
import { type JudgingSet, makeSet, type SetOptions } from './set.ts';
import { lookAt, nameOfSource, type PolicySource, watchedFolders } from './source.ts';
import { faultOfTrial, trySet } from './trial.ts';
import { FolderWatch } from './watch.ts';

const watching = { settle: 30, poll: 2000 };

export interface LiveOptions extends SetOptions {
  /** What is said of this set, in logs. */
  readonly words: { readonly live: string; readonly broken: string; readonly kept: string; readonly none: string };
  readonly source: PolicySource;
  /** Finds opa; asked anew at each load. */
  readonly opa: () => Promise<Outcome<string>>;
  readonly workers: number;
  /** Milliseconds that the policies may take for one input. */
  readonly timeout: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Readonly<Record<string, unknown>>) => void;
  /** Told after each load, good or bad. */
  changed(): void;
  /** Told of a set before it is used. */
  keep(set: JudgingSet, compiled: CompiledPolicies): Promise<void>;
}

/** A set of policies that follows its source: what can't be used leaves the last good one where it is. */
export class LiveSet {
  readonly #options: LiveOptions;
  readonly #pool: EnginePool<JudgingSet>;
  readonly #watch: FolderWatch;
  #set: JudgingSet | null = null;
  #fault: Fault | null = null;
  #loadedAt: number | null = null;
  /** Hash of what was last tried, good or bad. */
  #tried: string | null = null;
  #refreshing: Promise<void> | null = null;
  #again = false;
  #frozen = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#pool = new EnginePool({ workers: options.workers, timeout: options.timeout, log: options.log });
    this.#watch = new FolderWatch(() => void this.refresh(), watching);
  }

  get set(): JudgingSet | null {
    return this.#set;
  }

  /** Why the newest edit is not used, or why nothing is. */
  get fault(): Fault | null {
    return this.#fault;
  }

  /** Milliseconds since the epoch. */
  get loadedAt(): number | null {
    return this.#loadedAt;
  }

  /** What the set says of an input, and which one that was. Faults of the findings as of EnginePool.evaluate. */
  async judge(input: string, deadline: Deadline): Promise<{ readonly revision: string | null; readonly findings: Outcome<readonly Finding[]> }> {
    if (this.#set === null) return { revision: null, findings: bad('POLICY_BROKEN', this.#fault?.message ?? 'no policies are loaded') };
    const asked = this.#set.revision;
    const answer = await this.#pool.evaluate(input, deadline);
    if (!answer.ok) return { revision: asked, findings: answer };
    const { set, results } = answer.value;
    return { revision: set.revision, findings: good(results === '' ? [] : readFindings(set.running, readResults(results))) };
  }

  /** Follows no more edits. */
  freeze(): void {
    this.#frozen = true;
    this.#watch.close();
  }

  async close(): Promise<void> {
    this.freeze();
    await this.#pool.close();
    await this.#refreshing;
  }

  /** Looks, and loads what is new; one at a time, and once more if something changed meanwhile. Never rejects. */
  refresh(): Promise<void> {
    this.#again = true;
    this.#refreshing ??= this.#refreshAll().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  async #refreshAll(): Promise<void> {
    while (this.#again && !this.#frozen) {
      this.#again = false;
      try {
        await this.#refreshOnce();
      } catch (cause) {
        const failed = bad('POLICY_BROKEN', 'loading the policies failed for an unexpected reason', { cause });
        this.#report(failed.fault);
      }
    }
  }

  async #refreshOnce(): Promise<void> {
    const { keep, opa, source } = this.#options;
    const look = await lookAt(source, opa);
    if (!look.ok) {
      this.#watch.follow(watchedFolders(source));
      if (this.#tried !== `fault ${look.fault.message}`) this.#report(look.fault);
      this.#tried = `fault ${look.fault.message}`;
      return;
    }
    if (look.value.hash === this.#tried) return;
    this.#tried = look.value.hash;
    // Watched before it is compiled: what changes meanwhile is seen.
    this.#watch.follow(look.value.folders);
    const started = performance.now();
    const compiled = await look.value.compile();
    if (!compiled.ok) {
      // It is not the policies' fault: the next look tries again, and says so once.
      if (compiled.fault.transient) this.#tried = null;
      if (compiled.fault.message !== this.#fault?.message) this.#report(compiled.fault);
      return;
    }
    const made = await makeSet(compiled.value, this.#options);
    if (!made.ok) return this.#report(made.fault);
    // A policy that fails on a sample would fail in production.
    const tried = await trySet(this.#pool, made.value);
    const fault = tried.ok ? faultOfTrial(tried.value) : tried.fault;
    if (this.#frozen) return;
    if (fault !== null) return this.#report(fault);
    await keep(made.value, compiled.value);
    this.#use(made.value, performance.now() - started);
    await look.value.adopted();
  }

  #use(set: JudgingSet, milliseconds: number): void {
    const { log, modes, words } = this.#options;
    this.#pool.use(set);
    this.#set = set;
    this.#loadedAt = Date.now();
    log('info', words.live, { revision: set.revision, policies: set.running.map((policy) => policy.name), milliseconds: Math.round(milliseconds) });
    for (const name of Object.keys(modes)) {
      if (!set.infos.some((info) => info.name === name)) log('warn', 'a mode is configured for a policy that does not exist', { policy: name });
    }
    this.#report(null);
  }

  #report(fault: Fault | null): void {
    const { changed, log, source, words } = this.#options;
    this.#fault = fault;
    if (fault !== null)
      log('error', `${words.broken}; ${this.#set === null ? words.none : words.kept}`, { fault: publicFault(fault), source: nameOfSource(source) });
    changed();
  }
}
