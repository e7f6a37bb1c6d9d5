import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChainPoint, parseLine, pointOfEntry } from './chain.ts';

/** A file of the spool: `CHAIN.NUMBER.jsonl`. Names sort by the time their chain was opened, then by number. */
const nameForm = /^([0-9A-HJKMNP-TV-Z]{26})\.(\d{6})\.jsonl$/;

/** How much is read at a file's end to find its last whole entry, in bytes: the second is longer than any entry. */
const tails: readonly number[] = [256 << 10, 64 << 20];

export function segmentName(chain: string, number: number): string {
  return `${chain}.${String(number).padStart(6, '0')}.jsonl`;
}

/** Names of all segments in a folder, oldest first. */
async function listSegments(directory: string): Promise<readonly string[]> {
  return (await readdir(directory)).filter((name) => nameForm.test(name)).sort();
}

export interface LastEntry {
  readonly point: ChainPoint | null;
  /** Segments that end within a line: their process ended while it wrote. */
  readonly torn: readonly string[];
}

/** The last whole entry in a folder, looked for from the newest segment backwards. */
export async function findLastEntry(directory: string): Promise<LastEntry> {
  const torn: string[] = [];
  for (const name of [...(await listSegments(directory))].reverse()) {
    for (const length of tails) {
      const tail = await readTail(join(directory, name), length);
      if (length === tails[0] && tail !== '' && !tail.endsWith('\n')) torn.push(name);
      const point = lastPoint(tail);
      if (point !== null) return { point, torn };
    }
  }
  return { point: null, torn };
}

/** A file of the spool, as it is found. */
export interface Segment {
  readonly name: string;
  readonly chain: string;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly changed: number;
}

/** All segments in a folder, oldest first. */
export async function surveySegments(directory: string): Promise<readonly Segment[]> {
  const found: Segment[] = [];
  for (const name of await listSegments(directory)) {
    // One that is removed meanwhile is none.
    const state = await stat(join(directory, name)).catch(() => null);
    if (state === null) continue;
    const { size, mtimeMs } = state;
    found.push({ name, chain: name.slice(0, 26), bytes: size, changed: mtimeMs });
  }
  return found;
}

/** The last whole entry of one segment. Rejects as the disk does. */
export async function lastEntryOf(path: string): Promise<ChainPoint | null> {
  for (const length of tails) {
    const point = lastPoint(await readTail(path, length));
    if (point !== null) return point;
  }
  return null;
}

function lastPoint(tail: string): ChainPoint | null {
  // What comes after the last line break was never finished.
  const lines = tail.slice(0, tail.lastIndexOf('\n') + 1).split('\n');
  for (const line of lines.reverse()) {
    const point = pointOf(line);
    if (point !== null) return point;
  }
  return null;
}

async function readTail(path: string, longest: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const length = Math.min(size, longest);
    const buffer = Buffer.alloc(length);
    const { bytesRead } = await file.read(buffer, 0, length, size - length);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

/** null for what is no whole entry: a content, an empty or a broken line. */
function pointOf(line: string): ChainPoint | null {
  return line === '' ? null : pointOfEntry(parseLine(line));
}
