import type { Deadline } from '../domain/deadline.ts';
import type { CandidateJudgement, Judgement, Question } from '../domain/decision.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { anyGlob, type Glob } from '../domain/glob.ts';
import { Candidate } from './candidate.ts';
import { evidenceLength, inputDocument, noEvidence, recordedDocument } from './input.ts';
import { type PolicyOptions, type PolicyRoom, type PolicyStatus, policyModes } from './options.ts';
import { defaultWorkers } from './pool.ts';
import { type SourcedSet, sourceSet } from './sourcedSet.ts';

/**
 * Loads the policies, keeps them loaded, and judges by them. A set that can't be used leaves the last good one in force; where there
 * is none, every judgement is POLICY_BROKEN and says why. Fault: CONFIG_INVALID for options that can never work.
 */
export async function createPolicies(options: PolicyOptions): Promise<Outcome<PolicyRoom>> {
  const fault = faultOfOptions(options);
  if (fault !== null) return bad('CONFIG_INVALID', fault);
  const room = new Room(options);
  await room.begin();
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

const words = {
  live: 'policies are in force',
  broken: 'the policies can not be used',
  kept: 'the last good policies stay in force',
  none: 'no policies are in force',
};

class Room implements PolicyRoom {
  readonly #options: PolicyOptions;
  readonly #inForce: SourcedSet;
  readonly #candidate: Candidate | null;
  readonly #listeners = new Set<(status: PolicyStatus) => void>();
  readonly #recorded: Glob;

  constructor(options: PolicyOptions) {
    this.#options = options;
    this.#recorded = anyGlob(options.recordedAnnotations);
    const changed = (): void => this.#tell();
    this.#inForce = sourceSet(options.source, options, { words, workers: options.workers ?? defaultWorkers, log: options.log, changed });
    const { candidate } = options;
    this.#candidate = candidate === undefined || candidate === null ? null : new Candidate(candidate, options, changed);
  }

  async begin(): Promise<void> {
    await this.#inForce.begin();
    // Nobody waits for it, however long it takes.
    void this.#candidate?.begin();
  }

  async judge(question: Question, deadline: Deadline): Promise<Judgement> {
    if (evidenceLength(question) > longestEvidence) return this.#tooLarge(question);
    const input = inputDocument(question);
    const recorded = recordedDocument(question, input, this.#recorded);
    const judged = await this.#inForce.live.judge(input, deadline);
    const candidate = this.#candidate;
    if (candidate === null || !candidate.differsFrom(judged.revision)) return { ...judged, recorded };
    return { ...judged, recorded, candidate: (): Promise<CandidateJudgement | null> => candidate.judge(input) };
  }

  /** A Pod may name one image many times, and each time all its findings are shown: that must not starve the others. */
  #tooLarge(question: Question): Judgement {
    const bare = { ...question, images: question.images.map((image) => ({ ...image, evidence: noEvidence })) };
    const recorded = recordedDocument(bare, inputDocument(bare), this.#recorded);
    const why = `what is known of the images of this Pod is more than ${longestEvidence / 2 ** 20} Mi characters; use fewer containers, or images with fewer findings`;
    return { revision: this.#inForce.live.set?.revision ?? null, recorded, findings: bad('LIMIT_EXCEEDED', why) };
  }

  status(): PolicyStatus {
    const { fault, loadedAt, set } = this.#inForce.live;
    return {
      revision: set?.revision ?? null,
      policies: set?.infos ?? [],
      fault,
      loadedAt,
      fetched: this.#inForce.fetched(),
      candidate: this.#candidate?.status() ?? null,
    };
  }

  onChange(listener: (status: PolicyStatus) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  freeze(): void {
    this.#inForce.freeze();
    this.#candidate?.freeze();
    this.#listeners.clear();
  }

  async close(): Promise<void> {
    this.freeze();
    await Promise.all([this.#inForce.close(), this.#candidate?.close()]);
  }

  #tell(): void {
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
