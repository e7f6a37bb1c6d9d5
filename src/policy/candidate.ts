import { deadlineIn } from '../domain/deadline.ts';
import type { CandidateJudgement } from '../domain/decision.ts';
import type { CandidateStatus, PolicyOptions, SourceOptions } from './options.ts';
import { type SourcedSet, sourceSet } from './sourcedSet.ts';

const words = {
  live: 'candidate policies judge beside those in force',
  broken: 'the candidate policies can not be used',
  kept: 'the last good ones stay the candidate',
  none: 'nothing is compared',
};

/** What may wait for it: a candidate that is slower than the requests come is asked about some of them only. */
const mostWaiting = 64;
const mostCharacters = 16 * 2 ** 20;
/** Milliseconds that one question may wait for its turn. */
const patience = 30_000;
/** A candidate that fails on every request says so once in this time, ms. */
const quiet = 60_000;

/** Policies that are asked what those in force were asked, by a thread of their own, when nobody waits. Nothing depends on what they say. */
export class Candidate {
  readonly #sourced: SourcedSet;
  #waiting = 0;
  #characters = 0;

  constructor(source: SourceOptions, options: PolicyOptions, changed: () => void) {
    // Metrics count the looks for what is in force.
    const { candidateModes, fetched: _, ...own } = options;
    this.#sourced = sourceSet(source, { ...own, modes: { ...own.modes, ...candidateModes } }, { words, workers: 1, log: quietly(options.log), changed });
  }

  async begin(): Promise<void> {
    await this.#sourced.begin();
  }

  /** Whether there is a set that can say anything else than the one of this revision. */
  differsFrom(revision: string | null): boolean {
    const { set } = this.#sourced.live;
    return set !== null && set.revision !== revision;
  }

  /** null: it is not asked, since too much waits for it. */
  async judge(input: string): Promise<CandidateJudgement | null> {
    if (this.#waiting >= mostWaiting || this.#characters + input.length > mostCharacters) return null;
    this.#waiting += 1;
    this.#characters += input.length;
    try {
      const { revision, findings } = await this.#sourced.live.judge(input, deadlineIn(patience, Date.now()));
      return revision === null ? null : { revision, findings };
    } finally {
      this.#waiting -= 1;
      this.#characters -= input.length;
    }
  }

  status(): CandidateStatus {
    const { fault, set } = this.#sourced.live;
    return { revision: set?.revision ?? null, policies: set?.infos ?? [], fault, fetched: this.#sourced.fetched(), waiting: this.#waiting };
  }

  freeze(): void {
    this.#sourced.freeze();
  }

  close(): Promise<void> {
    return this.#sourced.close();
  }
}

/** What concerns the candidate is no error of what is in force, and is not said for each request. */
function quietly(log: PolicyOptions['log']): PolicyOptions['log'] {
  const told = new Map<string, number>();
  return (level, message, details = {}) => {
    const now = performance.now();
    const key = `${message} ${JSON.stringify(details['fault'] ?? null)}`;
    if (level !== 'info' && now - (told.get(key) ?? Number.NEGATIVE_INFINITY) < quiet) return;
    if (told.size >= 100) told.clear();
    told.set(key, now);
    log(level === 'error' ? 'warn' : level, message, { ...details, candidate: true });
  };
}
