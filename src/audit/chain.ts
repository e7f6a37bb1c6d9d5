import { hash } from 'node:crypto';
import { canonicalText, type Renderable } from '../domain/canonical.ts';
import { property, text } from '../domain/json.ts';
import type { Link, Unhashed, Writer } from './record.ts';

/** An entry of a chain, by which others refer to it. */
export interface ChainPoint {
  readonly chain: string;
  readonly sequence: number;
  /** Hex SHA-256 over the entry's canonical form without `hash`. */
  readonly hash: string;
}

/** A line of a segment as it was parsed; undefined for one that is not JSON. */
export function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/** Where an entry stands, as it says itself; null for what is none. */
export function pointOfEntry(value: unknown): ChainPoint | null {
  const [chain, stated, sequence] = [text(property(value, 'chain')), text(property(value, 'hash')), property(value, 'sequence')];
  return chain === null || stated === null || typeof sequence !== 'number' || !Number.isSafeInteger(sequence) ? null : { chain, sequence, hash: stated };
}

/** The hash that a chain's first entry has before it. */
export const noHash = '0'.repeat(64);

/** An entry in its final form. */
export interface Chained {
  readonly hash: string;
  /** One line of JSON Lines, with its line break: canonical JSON. */
  readonly line: string;
}

/** Closes an entry with its hash. */
export function seal({ before, after }: Unhashed): Chained {
  // The hash covers the object without its own key, and stands where that key sorts.
  const digest = hash('sha256', `${before},${after}`);
  return { hash: digest, line: `${before},"hash":"${digest}",${after}\n` };
}

/** A chain that grows: each entry holds the hash of the one before. Only one who writes in order may hold it. */
export class Chain {
  readonly id: string;
  #sequence = 0;
  #last = noHash;

  constructor(id: string) {
    this.id = id;
  }

  /** The entry that was added last. */
  get point(): ChainPoint {
    return { chain: this.id, sequence: this.#sequence - 1, hash: this.#last };
  }

  /** Where the next entry will stand. */
  get next(): Link {
    return { chain: this.id, sequence: this.#sequence, previousHash: this.#last };
  }

  /** Takes an entry that was made for `next` into the chain. */
  add(entry: Chained): void {
    this.#sequence += 1;
    this.#last = entry.hash;
  }
}

/**
 * A chain's first entry. It ties the chain to the last entry of the one before that is on disk here; null where there is none.
 */
export function renderOpening(link: Link, writer: Writer, previous: ChainPoint | null, time: number): Unhashed {
  return renderEvent(link, writer, { opens: { previous: previous && renderPoint(previous) } }, time);
}

/** Tells, within the chain, how many decisions before it could not be recorded. */
export function renderLoss(link: Link, writer: Writer, lost: number, time: number): Unhashed {
  return renderEvent(link, writer, { lost }, time);
}

/** An entry, as others refer to it. */
export function renderPoint({ chain, hash, sequence }: ChainPoint): Renderable {
  return { chain, hash, sequence };
}

/** An entry that is no decision. The keys of `event` sort after `hash`. */
export function renderEvent(link: Link, writer: Writer, event: { readonly [key: string]: Renderable }, time: number): Unhashed {
  const before = canonicalText({ build: writer.build, chain: link.chain });
  const after = canonicalText({
    ...event,
    previousHash: link.previousHash,
    replica: writer.replica,
    schema: 1,
    sequence: link.sequence,
    time: new Date(time).toISOString(),
  });
  return { before: before.slice(0, -1), after: after.slice(1) };
}
