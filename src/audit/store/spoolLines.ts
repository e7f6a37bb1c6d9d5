import { open } from 'node:fs/promises';

/** A whole line of a segment, without its line break. */
export interface SpoolLine {
  readonly text: string;
  /** Bytes of the segment up to and with its line break. */
  readonly end: number;
}

const chunk = 1 << 20;

/** The whole lines of a segment between two positions, the first of which is a line's beginning. Rejects as the disk does. */
export async function* readLines(path: string, from: number, to: number): AsyncGenerator<SpoolLine> {
  const file = await open(path, 'r');
  try {
    let held: Buffer = Buffer.alloc(0);
    let position = from;
    let end = from;
    while (position < to) {
      const buffer = Buffer.allocUnsafe(Math.min(chunk, to - position));
      const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
      if (bytesRead === 0) return;
      position += bytesRead;
      const read = buffer.subarray(0, bytesRead);
      held = held.length === 0 ? read : Buffer.concat([held, read]);
      let start = 0;
      for (let at = held.indexOf(10, start); at >= 0; at = held.indexOf(10, start)) {
        end += at + 1 - start;
        yield { text: held.toString('utf8', start, at), end };
        start = at + 1;
      }
      held = held.subarray(start);
    }
  } finally {
    await file.close();
  }
}

/** Whether a position is a line's beginning. A segment that was replaced by another may have none there. */
export async function beginsLine(path: string, position: number): Promise<boolean> {
  if (position === 0) return true;
  const file = await open(path, 'r');
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(1), 0, 1, position - 1);
    return bytesRead === 1 && buffer[0] === 10;
  } finally {
    await file.close();
  }
}
