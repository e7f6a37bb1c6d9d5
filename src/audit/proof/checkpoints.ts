import { safeText } from '../../domain/text.ts';
import { readCheckpoint, rotatedKeys, type SignedCheckpoint, signerOf } from '../checkpoints/checkpoint.ts';
import { readEnvelope, type VerifyingKey } from '../checkpoints/envelope.ts';
import type { JournalLine } from '../checkpoints/journal.ts';
import type { RemovedRange } from '../removal.ts';
import type { Claims } from './claims.ts';
import { type Faults, nowhere, type Place } from './faults.ts';

export type CheckpointLevel = 'copies' | 'local';

interface Read extends SignedCheckpoint {
  readonly level: CheckpointLevel;
  readonly place: Place;
}

/** A range that a trusted key says is removed. */
export interface Stub extends RemovedRange {
  readonly key: string;
  /** ISO 8601. */
  readonly time: string;
}

/** Checkpoints that are read at most. */
const mostCheckpoints = 1_000_000;

/** Checkpoints from wherever they lie, and which of them count. */
export class TrustedCheckpoints {
  readonly #keys: Map<string, VerifyingKey>;
  readonly #store: string | null;
  readonly #faults: Faults;
  readonly #read: Read[] = [];
  readonly #trusted: Read[] = [];
  readonly stubs: Stub[] = [];
  readonly #others = new Set<string>();

  constructor(keys: readonly VerifyingKey[], store: string | null, faults: Faults) {
    this.#keys = new Map(keys.map((key) => [key.id, key]));
    this.#store = store;
    this.#faults = faults;
  }

  /** Takes one line; what is no checkpoint is a fault, but for a last line that was not finished. */
  take({ file, line, text }: JournalLine, level: CheckpointLevel): void {
    const envelope = readEnvelope(text);
    const signed = envelope && readCheckpoint(envelope);
    if (signed === null) this.#faults.add('signature', nowhere, { file, line }, 'the line is no checkpoint, or was changed');
    else if (this.#read.length < mostCheckpoints) this.#read.push({ ...signed, level, place: { file, line } });
    else if (this.#read.length === mostCheckpoints) this.#faults.note(`only ${mostCheckpoints} checkpoints are looked at`);
  }

  /** Settles which keys count, and puts what they signed among the claims. */
  settle(claims: Claims): void {
    this.#followRotations();
    const places = new Map<string, Read>();
    for (const read of this.#read) {
      const { checkpoint, place } = read;
      if (this.#store !== null && checkpoint.store !== this.#store) {
        this.#others.add(checkpoint.store);
        continue;
      }
      const key = signerOf(read, this.#keys.values());
      if (key === null) {
        const by = read.envelope.signatures.map(({ keyid }) => keyid.slice(0, 16)).join(', ');
        this.#faults.add('signature', nowhere, place, `the checkpoint is not signed by a trusted key, but by ${by}`);
        continue;
      }
      this.#trusted.push(read);
      this.#compare(read, places);
      this.#claim(read, key, claims);
    }
    for (const other of this.#others) this.#faults.note(`checkpoints of the store ${other} are left out`);
    this.#noteHoles();
  }

  get keys(): readonly string[] {
    return [...this.#keys.keys()];
  }

  /** Checkpoints that count. */
  count(level: CheckpointLevel): number {
    return this.#trusted.filter((read) => read.level === level).length;
  }

  get total(): number {
    return this.#trusted.length;
  }

  get newest(): string | null {
    return this.#trusted.reduce<string | null>((newest, { checkpoint }) => (newest === null || checkpoint.time > newest ? checkpoint.time : newest), null);
  }

  get stores(): readonly string[] {
    return [...new Set(this.#trusted.map(({ checkpoint }) => checkpoint.store))];
  }

  #followRotations(): void {
    for (let before = -1; before !== this.#keys.size; ) {
      before = this.#keys.size;
      for (const read of this.#read) {
        const keys = read.checkpoint.rotation === null ? [] : rotatedKeys(read);
        if (keys.some(({ id }) => this.#keys.has(id))) for (const key of keys) this.#keys.set(key.id, key);
      }
    }
  }

  /** In one place of a series there is one checkpoint. */
  #compare(read: Read, places: Map<string, Read>): void {
    const { series, number, time } = read.checkpoint;
    const at = `${series} ${number}`;
    const other = places.get(at);
    if (other === undefined) places.set(at, read);
    else if (other.id !== read.id) {
      const message = `checkpoint ${number} of the series ${series} was signed twice: ${time} here, ${other.checkpoint.time} in ${other.place.file}:${other.place.line}`;
      this.#faults.add('fork', nowhere, read.place, message);
    }
  }

  #claim({ checkpoint, level, place }: Read, key: VerifyingKey, claims: Claims): void {
    const { time, replica } = checkpoint;
    const where = level === 'copies' ? 'a copy of the checkpoint' : 'the checkpoint';
    const witness = { level, time, who: `${where} of ${time} by ${safeText(replica, 60)}` } as const;
    for (const { chain, pieces } of checkpoint.chains) {
      for (const { first, last } of pieces) for (const point of [first, last]) claims.add({ chain, ...point }, witness, place);
    }
    for (const range of checkpoint.removed) {
      this.stubs.push({ ...range, key: key.id, time });
      claims.add(range.first, witness, place);
      claims.add(range.last, witness, place);
      if (range.before !== null && range.first.sequence > 0) {
        claims.add({ chain: range.first.chain, sequence: range.first.sequence - 1, hash: range.before }, witness, place);
      }
    }
  }

  /** Checkpoints that are not there prove nothing, but hide nothing either: each later one names all chains. */
  #noteHoles(): void {
    const numbers = new Map<string, Set<number>>();
    for (const { checkpoint } of this.#trusted) numbers.set(checkpoint.series, (numbers.get(checkpoint.series) ?? new Set()).add(checkpoint.number));
    for (const [series, known] of numbers) {
      const missing = Math.max(...known) + 1 - known.size;
      if (missing > 0) this.#faults.note(`${missing} checkpoints of the series ${series} are not there`);
    }
  }
}
