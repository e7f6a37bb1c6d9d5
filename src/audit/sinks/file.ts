import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Sink, SinkKind } from './kind.ts';

const settings = z.strictObject({ kind: z.literal('file'), path: z.string().min(1).describe('a JSON Lines file that is appended to') });
type Settings = z.infer<typeof settings>;

/** Lines appended to a file. It is opened for each batch, so that it can be rotated at any time by renaming it. */
export const file: SinkKind<Settings> = {
  settings,
  async create(entry, parts) {
    return good(fileSink(parts.resolvePath(entry.path)));
  },
};

function fileSink(path: string): Sink {
  // After a write that failed half-way the next one must not go on in the middle of a line.
  let torn = false;
  return {
    name: 'file',
    async write(lines): Promise<Outcome<void>> {
      try {
        await mkdir(dirname(path), { recursive: true, mode: 0o700 });
        const handle = await open(path, 'a', 0o600);
        try {
          if (torn) await handle.appendFile('\n');
          torn = true;
          await handle.appendFile(lines);
          torn = false;
        } finally {
          await handle.close();
        }
        return good(undefined);
      } catch (cause) {
        return bad('AUDIT_UNAVAILABLE', 'records can not be appended to the file of a sink', { cause });
      }
    },
    async close() {},
  };
}
