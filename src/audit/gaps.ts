import type { RemovedRange } from './removal.ts';

/** Sequences of a chain that were passed over. */
export interface Gap {
  readonly from: number;
  readonly to: number;
  /** The line at which that was seen, from 1. */
  readonly line: number;
  /** What the entry after the gap says is the hash of the one before it. */
  readonly nextPrevious: string | null;
}

export interface GapFault {
  readonly kind: 'altered' | 'removed';
  readonly line: number;
  /** Of several entries, the first. */
  readonly sequence: number;
  readonly message: string;
}

/** Entries that are told one by one; more in a row are told as one. */
const mostSingle = 100;

/** Entries of one chain that are missing, until it is known why. Out of order ones may still come. */
export class Gaps {
  #gaps: Gap[] = [];

  add(gap: Gap): void {
    this.#gaps.push(gap);
  }

  /** Takes a sequence out of its gap; false when it is in none. */
  fill(sequence: number): boolean {
    const at = this.#gaps.findIndex(({ from, to }) => from <= sequence && sequence <= to);
    const gap = this.#gaps[at];
    if (gap === undefined) return false;
    const parts: Gap[] = [
      { ...gap, to: sequence - 1, nextPrevious: null },
      { ...gap, from: sequence + 1 },
    ];
    this.#gaps.splice(at, 1, ...parts.filter(({ from, to }) => from <= to));
    return true;
  }

  /** What is missing and not among what was removed, or was removed but ended otherwise than the next entry says. */
  unexplained(removed: readonly RemovedRange[]): readonly GapFault[] {
    const ranges = [...removed].sort((a, b) => a.first.sequence - b.first.sequence);
    return this.#gaps.flatMap((gap) => explain(gap, ranges));
  }
}

function explain({ from, to, line, nextPrevious }: Gap, ranges: readonly RemovedRange[]): readonly GapFault[] {
  const faults: GapFault[] = [];
  let next = from;
  for (const { first, last } of ranges) {
    if (last.sequence < next || first.sequence > to) continue;
    faults.push(...missing(next, first.sequence - 1, line));
    next = Math.max(next, last.sequence + 1);
    if (last.sequence === to && nextPrevious !== null && nextPrevious !== last.hash) {
      faults.push({ kind: 'altered', line, sequence: to, message: 'the entry that was removed is not the one that the next entry was chained to' });
    }
  }
  return [...faults, ...missing(next, to, line)];
}

function missing(from: number, to: number, line: number): readonly GapFault[] {
  if (from > to) return [];
  const count = to - from + 1;
  if (from === 0 || count > mostSingle) return [{ kind: 'removed', line, sequence: from, message: `${count} entries are not there` }];
  return Array.from({ length: count }, (_, i) => ({ kind: 'removed' as const, line, sequence: from + i, message: 'the entry is not there' }));
}
