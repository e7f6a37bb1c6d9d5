import { property, text } from '../domain/json.ts';
import { type ChainPoint, pointOfEntry, renderEvent, renderPoint } from './chain.ts';
import type { Link, Unhashed, Writer } from './record.ts';

/** Entries of a chain, one after the other, that were removed. */
export interface RemovedRange {
  readonly first: ChainPoint;
  readonly last: ChainPoint;
  readonly entries: number;
  /** Hash of the entry before the first, where it is known. */
  readonly before: string | null;
  /** They were older than records are kept; or the folder was too large. */
  readonly reason: 'retention' | 'size';
}

/** What a chain says of a segment that is removed: its entries, and those that only that segment said are removed. */
export interface Removal {
  readonly segment: string;
  readonly ranges: readonly RemovedRange[];
}

/** Tells, within the chain, which entries are removed from the folder. */
export function renderRemoval(link: Link, writer: Writer, { segment, ranges }: Removal, time: number): Unhashed {
  const removed = ranges.map(({ first, last, entries, before, reason }) => ({ before, entries, first: renderPoint(first), last: renderPoint(last), reason }));
  return renderEvent(link, writer, { removed: { ranges: removed, segment } }, time);
}

/** The ranges that an entry says are removed. */
export function removedBy(entry: unknown): readonly RemovedRange[] {
  const ranges = property(property(entry, 'removed'), 'ranges');
  if (!Array.isArray(ranges)) return [];
  return ranges.flatMap((range: unknown) => {
    const [first, last, entries] = [pointOfEntry(property(range, 'first')), pointOfEntry(property(range, 'last')), property(range, 'entries')];
    const reason = property(range, 'reason') === 'retention' ? 'retention' : 'size';
    const before = text(property(range, 'before'));
    return first === null || last === null || first.chain !== last.chain || typeof entries !== 'number'
      ? []
      : [{ first, last, entries, before, reason } as const];
  });
}

/** The same ranges, with those that meet as one. */
export function joinRanges(ranges: readonly RemovedRange[]): readonly RemovedRange[] {
  const joined: RemovedRange[] = [];
  const byPlace = (a: RemovedRange, b: RemovedRange): number =>
    a.first.chain === b.first.chain ? a.first.sequence - b.first.sequence : a.first.chain < b.first.chain ? -1 : 1;
  for (const range of [...ranges].sort(byPlace)) {
    const before = joined.at(-1);
    const meets = before !== undefined && before.first.chain === range.first.chain && before.last.sequence + 1 >= range.first.sequence;
    if (!meets || before.reason !== range.reason) joined.push(range);
    else if (range.last.sequence > before.last.sequence) joined[joined.length - 1] = { ...before, last: range.last, entries: before.entries + range.entries };
  }
  return joined;
}
