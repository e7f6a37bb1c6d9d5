import { parseLine } from '../chain.ts';
import { referencesOf } from '../content.ts';
import { referencesOfEntry } from '../fit.ts';
import type { Faults, Place } from './faults.ts';
import { nowhere } from './faults.ts';
import type { CheckedLine } from './line.ts';

const reference = Buffer.from('{"sha256":"');

/** The contents of one segment: each stands once, right before the first entry that refers to it. */
export class SegmentContents {
  readonly #faults: Faults;
  /** By hash, with what each refers to itself. */
  readonly #known = new Map<string, readonly string[]>();
  /** Those that no entry came after yet. */
  readonly #fresh = new Map<string, Place>();

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  add({ sha256, value, whole }: Extract<CheckedLine, { kind: 'content' }>, place: Place): void {
    if (!whole) this.#faults.add('altered', nowhere, place, 'a content does not have the hash it is kept under');
    if (this.#known.has(sha256)) this.#faults.add('repeated', nowhere, place, 'a content is there twice');
    const refers = whole && value.includes(reference) ? referencesOf(parseLine(value.toString('utf8'))) : [];
    this.#known.set(sha256, refers);
    this.#fresh.set(sha256, place);
  }

  /** Compares what an entry refers to with what is there. */
  refer({ point, value }: Extract<CheckedLine, { kind: 'entry' }>, bytes: Buffer, place: Place): void {
    const references = bytes.includes(reference) ? referencesOfEntry(value, (whole) => this.#known.get(whole) ?? []) : [];
    for (const sha256 of references) {
      if (!this.#known.has(sha256)) this.#faults.add('removed', point, place, `a content that the entry refers to is not there: ${sha256}`);
      this.#fresh.delete(sha256);
    }
    for (const at of this.#fresh.values()) this.#faults.add('inserted', nowhere, at, 'the entry after the content does not refer to it');
    this.#fresh.clear();
  }
}
