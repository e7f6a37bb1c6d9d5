import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { surveySegments } from '../segments.ts';

/** Lines that follow one another in one file. */
export interface LineBlock {
  readonly file: string;
  /** Number of the first line, from 1. */
  readonly first: number;
  /** Without their line breaks; good until the next block is asked for. */
  readonly lines: readonly Buffer[];
  /** Whether the file ends with this block, and within a line. */
  readonly torn: boolean;
}

const chunk = 4 << 20;
/** Bytes of one line at most: what is longer is no line of ours. */
const longestLine = 256 << 20;

/** All lines of all segments in a folder, the oldest first, in bounded memory. Rejects as the disk does. */
export async function* readSegments(directory: string, signal: AbortSignal): AsyncGenerator<LineBlock> {
  for (const { name } of await surveySegments(directory)) yield* readSegment(directory, name, signal);
}

/** Files that lie among the segments and are none. Rejects as the disk does. */
export async function strangeFiles(directory: string): Promise<readonly string[]> {
  const segments = new Set((await surveySegments(directory)).map(({ name }) => name));
  return (await readdir(directory, { withFileTypes: true }))
    .filter((entry) => entry.name.endsWith('.jsonl') && !segments.has(entry.name))
    .map(({ name }) => name);
}

async function* readSegment(directory: string, name: string, signal: AbortSignal): AsyncGenerator<LineBlock> {
  const file = await open(join(directory, name), 'r');
  try {
    let buffer = Buffer.allocUnsafe(Math.min(chunk, (await file.stat()).size + 1));
    let held = 0;
    let first = 1;
    for (;;) {
      signal.throwIfAborted();
      if (held === buffer.length) {
        if (held >= longestLine) throw new Error(`${name} has a line that is longer than any entry`);
        buffer = Buffer.concat([buffer, Buffer.allocUnsafe(buffer.length)]);
      }
      const { bytesRead } = await file.read(buffer, held, buffer.length - held, null);
      const end = held + bytesRead;
      const lines: Buffer[] = [];
      let from = 0;
      for (let at = buffer.indexOf(10, from); at >= 0 && at < end; at = buffer.indexOf(10, from)) {
        lines.push(buffer.subarray(from, at));
        from = at + 1;
      }
      const torn = bytesRead === 0 && from < end;
      if (torn) lines.push(buffer.subarray(from, end));
      if (lines.length > 0) yield { file: name, first, lines, torn };
      if (bytesRead === 0) return;
      first += lines.length;
      // The lines are done with: what is left moves to the front.
      buffer.copy(buffer, 0, from, end);
      held = end - from;
    }
  } finally {
    await file.close();
  }
}
