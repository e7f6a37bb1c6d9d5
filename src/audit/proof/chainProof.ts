import { property, text } from '../../domain/json.ts';
import { type ChainPoint, noHash } from '../chain.ts';
import { Gaps } from '../gaps.ts';
import type { RemovedRange } from '../removal.ts';
import { ChainRuns, contradiction } from './chainRuns.ts';
import type { Claim } from './claims.ts';
import type { Faults, Place } from './faults.ts';
import type { CheckedLine } from './line.ts';

type Entry = Extract<CheckedLine, { kind: 'entry' }>;

/** An entry in a place that was taken already. */
export interface Doubled {
  readonly point: ChainPoint;
  readonly place: Place | null;
}

/** One chain, entry by entry, in the order in which they lie there. */
export class ChainProgress {
  readonly runs = new ChainRuns();
  readonly doubled: Doubled[] = [];
  entries = 0;
  replica: string | null = null;
  last: ChainPoint | null = null;
  readonly #faults: Faults;
  readonly #claims: ReadonlyMap<number, Claim> | undefined;
  readonly #gaps = new Gaps();
  /** Where gaps were seen: their `line` counts these. */
  readonly #places: (Place | null)[] = [];

  constructor(faults: Faults, claims: ReadonlyMap<number, Claim> | undefined) {
    this.#faults = faults;
    this.#claims = claims;
  }

  add(entry: Entry, place: Place | null): void {
    const { point, previousHash } = entry;
    this.entries += 1;
    this.replica ??= text(property(entry.value, 'replica'));
    if (entry.fault !== null) this.#faults.add('altered', point, place, entry.fault);
    const { last } = this;
    if (last !== null && point.sequence <= last.sequence) {
      this.#addLate(point, last, place);
      return;
    }
    const linked = this.#follow(point, previousHash, last, place);
    this.last = point;
    const claim = this.#claims?.get(point.sequence);
    if (entry.fault !== null) {
      this.runs.break(point.sequence);
      if (claim !== undefined) claim.met = true;
      return;
    }
    const fits = this.runs.add(point, linked, claim);
    if (fits === 'contradicted' && claim !== undefined) this.#faults.add('altered', point, place, contradiction(claim));
  }

  /** Says what is missing and not among what was removed. */
  finish(chain: string, removed: readonly RemovedRange[]): void {
    for (const { kind, line, sequence, message } of this.#gaps.unexplained(removed)) {
      this.#faults.add(kind, { chain, sequence }, this.#places[line] ?? null, message);
    }
  }

  /** Whether the entry is chained to the one before it, which then is as it was. */
  #follow(point: ChainPoint, previousHash: string | null, last: ChainPoint | null, place: Place | null): boolean {
    const expected = last === null ? 0 : last.sequence + 1;
    if (point.sequence > expected) {
      this.#gaps.add({ from: expected, to: point.sequence - 1, line: this.#places.push(place) - 1, nextPrevious: previousHash });
      return false;
    }
    if (last === null) {
      if (previousHash !== noHash) this.#faults.add('altered', point, place, 'the chain is opened by an entry that has one before it');
      return false;
    }
    if (previousHash === last.hash) return true;
    this.#faults.add('altered', last, place, 'the entry is not the one that the next entry was chained to');
    return false;
  }

  #addLate(point: ChainPoint, last: ChainPoint, place: Place | null): void {
    const claim = this.#claims?.get(point.sequence);
    if (this.#gaps.fill(point.sequence)) {
      this.#faults.add('reordered', point, place, `the entry stands after entry ${last.sequence}`);
      if (claim !== undefined) claim.met = true;
    } else if (this.doubled.length < mostDoubled) this.doubled.push({ point, place });
    else this.#faults.add('repeated', point, place, 'the entry is there twice');
  }
}

/** Doubled entries of which it is found out whether they are the same. */
const mostDoubled = 1_000;
