import { dirname } from 'node:path';
import type { Deadline } from '../domain/deadline.ts';
import type { Judgement, Question } from '../domain/decision.ts';
import { bad, type Fault, good, type Outcome, publicFault } from '../domain/fault.ts';
import { anyGlob, type Glob } from '../domain/glob.ts';
import { readFindings, readResults } from './findings.ts';
import { evidenceLength, inputDocument, noEvidence, recordedDocument } from './input.ts';
import { type PolicyOptions, type PolicyRoom, type PolicyStatus, policyModes } from './options.ts';
import { defaultWorkers, EnginePool } from './pool.ts';
import { type JudgingSet, makeSet } from './set.ts';
import { lookAt } from './source.ts';
import { faultOfTrial, trySet } from './trial.ts';
import { FolderWatch } from './watch.ts';

const watching = { settle: 30, poll: 2000 };

/**
 * Loads the policies, keeps them loaded, and judges by them. A set that can't be used leaves the last good one in force; where there
 * is none, every judgement is POLICY_BROKEN and says why. Fault: CONFIG_INVALID for options that can never work.
 */
export async function createPolicies(options: PolicyOptions): Promise<Outcome<PolicyRoom>> {
  const fault = faultOfOptions(options);
  if (fault !== null) return bad('CONFIG_INVALID', fault);
  const room = new Room(options);
  await room.refresh();
  return good(room);
}

function faultOfOptions({ modes, required, timeout, workers, memoryPages }: PolicyOptions): string | null {
  for (const [name, mode] of Object.entries(modes)) {
    if (!policyModes.includes(mode)) return `the mode of policy ${name} must be one of ${policyModes.join(', ')}`;
    if (mode === 'off' && required.includes(name)) return `policy ${name} is both required and switched off`;
  }
  if (!Number.isInteger(timeout) || timeout < 1 || timeout > 60_000) return 'the time limit of policies must be between 1 ms and 60 s';
  if (workers !== undefined && !(Number.isInteger(workers) && workers >= 1 && workers <= 256)) return 'policy workers must be between 1 and 256';
  if (memoryPages !== undefined && !(Number.isInteger(memoryPages) && memoryPages >= 16 && memoryPages <= 65_536)) {
    return 'the memory of policies must be between 16 and 65536 pages';
  }
  return null;
}

/** UTF-16 units of evidence that one question may bring before the policies. */
const longestEvidence = 4 * 2 ** 20;

class Room implements PolicyRoom {
  readonly #options: PolicyOptions;
  readonly #pool: EnginePool<JudgingSet>;
  readonly #watch: FolderWatch;
  readonly #listeners = new Set<(status: PolicyStatus) => void>();
  #set: JudgingSet | null = null;
  #fault: Fault | null = null;
  #loadedAt: number | null = null;
  /** Hash of what was last tried, good or bad. */
  #tried: string | null = null;
  #refreshing: Promise<void> | null = null;
  readonly #recorded: Glob;
  #again = false;
  #frozen = false;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#recorded = anyGlob(options.recordedAnnotations);
    this.#pool = new EnginePool({ workers: options.workers ?? defaultWorkers, timeout: options.timeout, log: options.log });
    this.#watch = new FolderWatch(() => void this.refresh(), watching);
  }

  async judge(question: Question, deadline: Deadline): Promise<Judgement> {
    if (evidenceLength(question) > longestEvidence) return this.#tooLarge(question);
    const input = inputDocument(question);
    const recorded = recordedDocument(question, input, this.#recorded);
    if (this.#set === null) return { revision: null, recorded, findings: bad('POLICY_BROKEN', this.#fault?.message ?? 'no policies are loaded') };
    const asked = this.#set.revision;
    const answer = await this.#pool.evaluate(input, deadline);
    if (!answer.ok) return { revision: asked, recorded, findings: answer };
    const { set, results } = answer.value;
    return { revision: set.revision, recorded, findings: good(results === '' ? [] : readFindings(set.running, readResults(results))) };
  }

  /** A Pod may name one image many times, and each time all its findings are shown: that must not starve the others. */
  #tooLarge(question: Question): Judgement {
    const bare = { ...question, images: question.images.map((image) => ({ ...image, evidence: noEvidence })) };
    const recorded = recordedDocument(bare, inputDocument(bare), this.#recorded);
    const why = `what is known of the images of this Pod is more than ${longestEvidence / 2 ** 20} Mi characters; use fewer containers, or images with fewer findings`;
    return { revision: this.#set?.revision ?? null, recorded, findings: bad('LIMIT_EXCEEDED', why) };
  }

  status(): PolicyStatus {
    return { revision: this.#set?.revision ?? null, policies: this.#set?.infos ?? [], fault: this.#fault, loadedAt: this.#loadedAt };
  }

  onChange(listener: (status: PolicyStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  freeze(): void {
    this.#frozen = true;
    this.#watch.close();
    this.#listeners.clear();
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
    const look = await lookAt(this.#options);
    if (!look.ok) {
      const { source } = this.#options;
      this.#watch.follow('directory' in source ? [source.directory, dirname(source.directory)] : [dirname(source.bundle)]);
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
    this.#pool.use(made.value);
    this.#set = made.value;
    this.#loadedAt = Date.now();
    this.#options.log('info', 'policies are in force', {
      revision: made.value.revision,
      policies: made.value.running.map((policy) => policy.name),
      milliseconds: Math.round(performance.now() - started),
    });
    for (const name of Object.keys(this.#options.modes)) {
      if (!made.value.infos.some((info) => info.name === name))
        this.#options.log('warn', 'a mode is configured for a policy that does not exist', { policy: name });
    }
    this.#report(null);
  }

  #report(fault: Fault | null): void {
    this.#fault = fault;
    if (fault !== null) {
      const kept = this.#set === null ? 'no policies are in force' : 'the last good policies stay in force';
      this.#options.log('error', `the policies can not be used; ${kept}`, { fault: publicFault(fault), source: this.#options.source });
    }
    const status = this.status();
    for (const listener of this.#listeners) {
      try {
        listener(status);
      } catch (cause) {
        this.#options.log('error', 'a listener to the policies failed', { cause });
      }
    }
  }
}
