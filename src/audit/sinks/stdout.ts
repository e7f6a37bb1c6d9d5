import { close, constants, fstat, open, write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Sink, SinkKind } from './kind.ts';

const settings = z.strictObject({ kind: z.literal('stdout') });
type Settings = z.infer<typeof settings>;

const statOf = promisify(fstat);
const openFile = promisify(open);
const closeFile = promisify(close);
const writeTo = promisify(write);
const standardOutput = 1;
/** Milliseconds between attempts while the reader does not keep up. */
const patience = 20;

/**
 * Lines on standard output, where container platforms collect them. Not through process.stdout: that blocks the whole process when
 * it is a pipe that nobody reads (https://nodejs.org/api/process.html#a-note-on-process-io).
 */
export const stdout: SinkKind<Settings> = {
  settings,
  async create() {
    return good(descriptorSink(await openOutput()));
  },
};

function descriptorSink(descriptor: number): Sink {
  const closed = new AbortController();
  let writing: Promise<Outcome<void>> = Promise.resolve(good(undefined));
  return {
    name: 'stdout',
    write(lines) {
      writing = writeAll(descriptor, lines, closed.signal);
      return writing;
    },
    async close() {
      if (closed.signal.aborted) return;
      closed.abort();
      // Never under a write: the number would be another file's by then.
      await writing;
      if (descriptor !== standardOutput) await closeFile(descriptor);
    },
  };
}

async function writeAll(descriptor: number, lines: Buffer, closed: AbortSignal): Promise<Outcome<void>> {
  let written = 0;
  while (written < lines.length) {
    try {
      written += (await writeTo(descriptor, lines, written, lines.length - written, null)).bytesWritten;
    } catch (cause) {
      const busy = cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN' && !closed.aborted;
      if (!busy) return bad('AUDIT_UNAVAILABLE', 'records can not be written to standard output', { cause });
      await delay(patience);
    }
  }
  return good(undefined);
}

/**
 * Standard output; a pipe opened anew so that it does not block: else a reader that stops would hold a thread, and with it the end of
 * the process. Opened anew, because the flag would change it for everybody who has it.
 */
async function openOutput(): Promise<number> {
  try {
    if (!(await statOf(standardOutput)).isFIFO()) return standardOutput;
    return await openFile('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK);
  } catch {
    return standardOutput;
  }
}
