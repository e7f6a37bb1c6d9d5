import type { ProofLevel, ProvenRange } from '../../domain/auditProof.ts';
import type { ChainPoint } from '../chain.ts';
import { type Claim, type Witness, witnessOf } from './claims.ts';

/** Entries that hang together by their hashes. */
interface Run {
  readonly from: number;
  to: number;
  /** How far each level of witness reaches: what a witness names proves all before it in the run. */
  readonly reach: Partial<Record<Witness['level'], { readonly to: number; readonly time: string | null }>>;
  readonly broken: boolean;
}

/** Runs of one chain that are told apart; then the rest counts as proven by nothing. */
const mostRuns = 200_000;

/** What hangs together in one chain, and what proves it. */
export class ChainRuns {
  readonly #runs: Run[] = [];
  #open: Run | null = null;

  /** An entry that is as it was hashed. `linked`: it is chained to the one before. */
  add({ sequence, hash }: ChainPoint, linked: boolean, claim: Claim | undefined): 'fits' | 'contradicted' {
    let run = linked ? this.#open : null;
    if (run === null) {
      run = { from: sequence, to: sequence, reach: {}, broken: false };
      this.#push(run);
    }
    run.to = sequence;
    this.#open = run;
    if (claim === undefined) return 'fits';
    claim.met = true;
    if (claim.hash !== hash) {
      this.#contradict(run, sequence);
      return 'contradicted';
    }
    for (const { level, time } of Object.values(claim.witnesses)) run.reach[level] = { to: sequence, time };
    return 'fits';
  }

  /** An entry that is not as it was hashed. */
  break(sequence: number): void {
    this.#open = null;
    this.#push({ from: sequence, to: sequence, reach: {}, broken: true });
  }

  ranges(): readonly ProvenRange[] {
    const ranges: ProvenRange[] = [];
    for (const range of this.#runs.flatMap(rangesOf)) {
      const before = ranges.at(-1);
      if (before !== undefined && before.to + 1 === range.from && before.by === range.by && before.time === range.time)
        ranges[ranges.length - 1] = { ...before, to: range.to };
      else ranges.push(range);
    }
    return ranges;
  }

  levelOf(sequence: number): ProofLevel {
    return this.ranges().find(({ from, to }) => from <= sequence && sequence <= to)?.by ?? 'none';
  }

  /** Somebody names another entry: where in the run it was made anew nobody can say. */
  #contradict(run: Run, sequence: number): void {
    const sure = Math.max(run.from - 1, ...Object.values(run.reach).map(({ to }) => to));
    run.to = sure;
    if (sure < run.from) this.#runs.pop();
    this.#push({ from: sure + 1, to: sequence, reach: {}, broken: true });
    this.#open = null;
  }

  #push(run: Run): void {
    if (this.#runs.length < mostRuns) this.#runs.push(run);
  }
}

const levels: readonly Witness['level'][] = ['copies', 'local'];

function rangesOf({ from, to, reach, broken }: Run): readonly ProvenRange[] {
  if (broken) return [{ from, to, by: 'none', time: null }];
  const ranges: ProvenRange[] = [];
  let next = from;
  for (const level of levels) {
    const reached = reach[level];
    if (reached === undefined || reached.to < next) continue;
    ranges.push({ from: next, to: reached.to, by: level, time: reached.time });
    next = reached.to + 1;
  }
  return next > to ? ranges : [...ranges, { from: next, to, by: 'chain', time: null }];
}

/** What somebody says of an entry that is another one. */
export function contradiction(claim: Claim): string {
  return `the entry is another one than ${witnessOf(claim).who} names, whose hash is ${claim.hash}`;
}
