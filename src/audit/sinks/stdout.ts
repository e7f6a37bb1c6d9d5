import { write } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { z } from 'zod';
import { bad, good } from '../../domain/fault.ts';
import type { SinkKind } from './kind.ts';

const settings = z.strictObject({ kind: z.literal('stdout') });
type Settings = z.infer<typeof settings>;

const writeTo = promisify(write);
const descriptor = 1;
/** Milliseconds between attempts while the reader does not keep up. */
const patience = 20;

/**
 * Lines on standard output, where container platforms collect them. Not through process.stdout: that blocks the whole process when
 * it is a pipe that nobody reads (https://nodejs.org/api/process.html#a-note-on-process-io).
 */
export const stdout: SinkKind<Settings> = {
  settings,
  async create() {
    const closed = new AbortController();
    return good({
      name: 'stdout',
      async write(lines) {
        let written = 0;
        while (written < lines.length) {
          try {
            written += (await writeTo(descriptor, lines, written, lines.length - written, null)).bytesWritten;
          } catch (cause) {
            const busy = cause instanceof Error && 'code' in cause && cause.code === 'EAGAIN' && !closed.signal.aborted;
            if (!busy) return bad('AUDIT_UNAVAILABLE', 'records can not be written to standard output', { cause });
            await delay(patience);
          }
        }
        return good(undefined);
      },
      async close() {
        closed.abort();
      },
    });
  },
};
