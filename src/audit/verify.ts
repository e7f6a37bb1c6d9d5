import { hash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical.ts';
import { isObject, property, text } from '../domain/json.ts';
import { type ChainPoint, noHash, parseLine, pointOfEntry } from './chain.ts';
import { referencesOf } from './content.ts';
import { referencesOfEntry } from './fit.ts';
import { Gaps } from './gaps.ts';
import { type RemovedRange, removedBy } from './removal.ts';

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
  readonly gaps: Gaps;
}

/**
 * Goes through lines of the spool, whole segments in order, of one or more chains, and finds what was edited, removed, or moved. What
 * an entry says was removed to make room may be missing. With `pruned` a chain may begin later than with its opening, as when the
 * entry that says so is not among the lines.
 */
export function verifyChain(lines: Iterable<string>, { pruned = false }: { readonly pruned?: boolean } = {}): ChainReport {
  const chains = new Map<string, Progress>();
  // By hash, with what each refers to itself.
  const contents = new Map<string, readonly string[]>();
  const faults: ChainFault[] = [];
  const removed: RemovedRange[] = [];
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
    const value = parseLine(line);
    if (value === undefined) {
      unfinished = { kind: 'torn', line: number, chain: null, sequence: null, message: 'the last line was not finished: the process was ended while it wrote' };
      continue;
    }
    const content = text(property(value, 'content'));
    if (content !== null) {
      contents.set(content, referencesOf(property(value, 'value')));
      if (hash('sha256', canonicalJson(property(value, 'value'))) !== content) add('altered', null, 'a content does not have the hash it is kept under');
      continue;
    }
    const point = pointOfEntry(value);
    if (point === null) {
      add('altered', null, 'the line is no entry of a chain');
      continue;
    }
    entries += 1;
    if (hashOf(value) !== point.hash) add('altered', point, 'the entry does not have the hash it states');
    else if (canonicalJson(value) !== line) add('altered', point, 'the entry is not written in canonical form');
    else removed.push(...removedBy(value));
    for (const sha256 of referencesOfEntry(value, (whole) => contents.get(whole) ?? [])) {
      if (!contents.has(sha256)) add('removed', point, `a content that the entry refers to is not there: ${sha256}`);
    }
    follow(chains, point, text(property(value, 'previousHash')), pruned, number, add);
  }

  for (const [chain, { gaps }] of chains) {
    for (const fault of gaps.unexplained(removed.filter(({ first }) => first.chain === chain))) faults.push({ ...fault, chain });
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
    const gaps = new Gaps();
    chains.set(point.chain, { first: point, last: point, gaps });
    if (point.sequence === 0 && previousHash !== noHash) add('altered', point, 'the chain is opened by an entry that has one before it');
    if (point.sequence > 0 && !pruned) gaps.add({ from: 0, to: point.sequence - 1, line, nextPrevious: previousHash });
    return;
  }
  const { last, gaps } = progress;
  if (point.sequence <= last.sequence) {
    if (gaps.fill(point.sequence)) add('reordered', point, `the entry stands after entry ${last.sequence}`);
    else add('repeated', point, 'the entry is there twice');
    return;
  }
  const gap = point.sequence - last.sequence - 1;
  if (gap > 0) gaps.add({ from: last.sequence + 1, to: point.sequence - 1, line, nextPrevious: previousHash });
  // Across a gap the hash before is known only to whoever says that the entries were removed.
  if (gap === 0 && previousHash !== last.hash) add('altered', last, 'the entry is not the one that the next entry was chained to');
  progress.last = point;
}

function hashOf(value: unknown): string {
  if (!isObject(value)) return '';
  const { hash: _, ...rest } = value;
  return hash('sha256', canonicalJson(rest));
}
