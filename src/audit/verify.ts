import { hash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical.ts';
import { isObject, property, text } from '../domain/json.ts';
import { type ChainPoint, noHash } from './chain.ts';
import { referencesOf } from './content.ts';

/** Something that is not as it was written, and where. */
export interface ChainFault {
  readonly kind: 'altered' | 'removed' | 'reordered' | 'repeated' | 'torn';
  /** From 1. */
  readonly line: number;
  readonly chain: string | null;
  /** The entry meant; of several that are gone, the first. */
  readonly sequence: number | null;
  readonly message: string;
}

export interface ChainReport {
  readonly entries: number;
  /** The first and last entry of each chain: what lies outside them can be gone without a trace, unless someone else kept their hashes. */
  readonly chains: readonly { readonly first: ChainPoint; readonly last: ChainPoint }[];
  readonly faults: readonly ChainFault[];
}

interface Progress {
  readonly first: ChainPoint;
  last: ChainPoint;
  /** Sequences that were passed over, with the line at which that was seen. */
  readonly missing: Map<number, number>;
}

/** Gaps of a chain that are followed one by one; a larger one is reported as one. */
const mostMissing = 10_000;

/**
 * Goes through lines of the spool, whole segments in order, of one or more chains, and finds what was edited, removed, or moved. With
 * `pruned` a chain may begin later than with its opening, as after retention removed its first segments.
 */
export function verifyChain(lines: Iterable<string>, { pruned = false }: { readonly pruned?: boolean } = {}): ChainReport {
  const chains = new Map<string, Progress>();
  const contents = new Set<string>();
  const faults: ChainFault[] = [];
  let entries = 0;
  let number = 0;
  let unfinished: ChainFault | null = null;

  for (const line of lines) {
    number += 1;
    if (line === '') continue;
    // Only a last line may be unfinished.
    if (unfinished !== null) faults.push({ ...unfinished, kind: 'altered', message: 'the line is not JSON' });
    unfinished = null;
    const add = (kind: ChainFault['kind'], point: ChainPoint | null, message: string): void => {
      faults.push({ kind, line: number, chain: point?.chain ?? null, sequence: point?.sequence ?? null, message });
    };
    const value = parse(line);
    if (value === undefined) {
      unfinished = { kind: 'torn', line: number, chain: null, sequence: null, message: 'the last line was not finished: the process was ended while it wrote' };
      continue;
    }
    const content = text(property(value, 'content'));
    if (content !== null) {
      contents.add(content);
      if (hash('sha256', canonicalJson(property(value, 'value'))) !== content) add('altered', null, 'a content does not have the hash it is kept under');
      continue;
    }
    const point = pointOf(value);
    if (point === null) {
      add('altered', null, 'the line is no entry of a chain');
      continue;
    }
    entries += 1;
    if (hashOf(value) !== point.hash) add('altered', point, 'the entry does not have the hash it states');
    else if (canonicalJson(value) !== line) add('altered', point, 'the entry is not written in canonical form');
    for (const sha256 of referencesOf(property(value, 'input'))) {
      if (!contents.has(sha256)) add('removed', point, `a content that the entry refers to is not there: ${sha256}`);
    }
    follow(chains, point, text(property(value, 'previousHash')), pruned, number, add);
  }

  for (const [chain, { missing }] of chains) {
    for (const [sequence, line] of missing) faults.push({ kind: 'removed', line, chain, sequence, message: 'the entry is not there' });
  }
  if (unfinished !== null) faults.push(unfinished);
  return { entries, chains: [...chains.values()].map(({ first, last }) => ({ first, last })), faults: faults.sort((a, b) => a.line - b.line) };
}

function follow(
  chains: Map<string, Progress>,
  point: ChainPoint,
  previousHash: string | null,
  pruned: boolean,
  line: number,
  add: (kind: ChainFault['kind'], point: ChainPoint, message: string) => void,
): void {
  const progress = chains.get(point.chain);
  if (progress === undefined) {
    chains.set(point.chain, { first: point, last: point, missing: new Map() });
    if (point.sequence === 0 && previousHash !== noHash) add('altered', point, 'the chain is opened by an entry that has one before it');
    if (point.sequence > 0 && !pruned) add('removed', { ...point, sequence: 0 }, `the chain begins with entry ${point.sequence}`);
    return;
  }
  const { last, missing } = progress;
  if (point.sequence <= last.sequence) {
    if (missing.delete(point.sequence)) add('reordered', point, `the entry stands after entry ${last.sequence}`);
    else add('repeated', point, 'the entry is there twice');
    return;
  }
  const gap = point.sequence - last.sequence - 1;
  if (gap > mostMissing || missing.size + gap > mostMissing) add('removed', { ...point, sequence: last.sequence + 1 }, `${gap} entries are not there`);
  else for (let sequence = last.sequence + 1; sequence < point.sequence; sequence += 1) missing.set(sequence, line);
  // Across a gap nothing can be said of the hash before.
  if (gap === 0 && previousHash !== last.hash) add('altered', last, 'the entry is not the one that the next entry was chained to');
  progress.last = point;
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function pointOf(value: unknown): ChainPoint | null {
  const [chain, stated, sequence] = [text(property(value, 'chain')), text(property(value, 'hash')), property(value, 'sequence')];
  return chain === null || stated === null || !Number.isSafeInteger(sequence) || typeof sequence !== 'number' ? null : { chain, sequence, hash: stated };
}

function hashOf(value: unknown): string {
  if (!isObject(value)) return '';
  const { hash: _, ...rest } = value;
  return hash('sha256', canonicalJson(rest));
}
