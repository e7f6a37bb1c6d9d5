import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { property, text } from '../domain/json.ts';
import { type ChainPoint, parseLine, pointOfEntry } from './chain.ts';
import { type RemovedRange, removedBy } from './removal.ts';

/** What is known of a segment before it is removed. */
export interface SegmentContents {
  /** null where no whole entry is in it. */
  readonly first: ChainPoint | null;
  readonly last: ChainPoint | null;
  /** What the first says is the hash of the one before it. */
  readonly before: string | null;
  readonly entries: number;
  /** What its entries say of segments that were removed before. */
  readonly removed: readonly RemovedRange[];
}

/** Whether a segment holds more than plain admissions. Reads no further than to the first that is more. Rejects as the disk does. */
export async function holdsMore(path: string): Promise<boolean> {
  for await (const entry of entriesOf(path)) {
    if (isMore(entry)) return true;
  }
  return false;
}

/** The first whole entry of a segment. Rejects as the disk does. */
export async function firstEntryOf(path: string): Promise<ChainPoint | null> {
  for await (const entry of entriesOf(path)) {
    const point = pointOfEntry(entry);
    if (point !== null) return point;
  }
  return null;
}

/** Reads a whole segment, line by line. Rejects as the disk does. */
export async function readContents(path: string): Promise<SegmentContents> {
  let [first, last, entries]: [ChainPoint | null, ChainPoint | null, number] = [null, null, 0];
  let before: string | null = null;
  const removed: RemovedRange[] = [];
  for await (const entry of entriesOf(path)) {
    const point = pointOfEntry(entry);
    if (point === null) continue;
    if (first === null) before = text(property(entry, 'previousHash'));
    first ??= point;
    last = point;
    entries += 1;
    removed.push(...removedBy(entry));
  }
  return { first, last, before, entries, removed };
}

async function* entriesOf(path: string): AsyncGenerator<unknown> {
  const input = createReadStream(path);
  try {
    for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      // Contents are no entries, and are what takes long to parse.
      if (line !== '' && !line.startsWith('{"content":')) yield parseLine(line);
    }
  } finally {
    input.destroy();
  }
}

/** A denial, an exception, or evidence that was the last known good: what a reviewer looks for. */
export function isMore(entry: unknown): boolean {
  if (property(entry, 'decision') === 'deny' || property(entry, 'answered') === 'deny') return true;
  const exception = property(entry, 'exception');
  if (exception !== undefined && exception !== null) return true;
  const images = property(entry, 'images');
  return Array.isArray(images) && images.some((image: unknown) => hasEntries(property(image, 'lastKnownGood')));
}

function hasEntries(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0;
}
