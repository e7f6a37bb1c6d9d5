import { randomUUID } from 'node:crypto';
import { link, mkdir, open, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { CopyKind } from './kind.ts';

const settings = z.strictObject({ kind: z.literal('folder'), path: z.string().min(1).describe('a folder, on another disk or machine') });
type Settings = z.infer<typeof settings>;

/** One file for each checkpoint, never written again: a volume that keeps what was written once serves best. */
export const folder: CopyKind<Settings> = {
  settings,
  create({ path }, { resolvePath }) {
    const directory = resolvePath(path);
    return good({ name: 'folder', write: (name, text) => writeOnce(directory, `${name}.checkpoint.json`, `${text}\n`) });
  },
};

async function writeOnce(directory: string, name: string, content: string): Promise<Outcome<void>> {
  const temporary = join(directory, `.${randomUUID()}`);
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    try {
      const file = await open(temporary, 'wx', 0o600);
      try {
        await file.writeFile(content);
        await file.sync();
      } finally {
        await file.close();
      }
      await link(temporary, join(directory, name)).catch((cause: unknown) => {
        if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
      });
    } finally {
      await unlink(temporary).catch(() => {});
    }
    return good(undefined);
  } catch (cause) {
    return bad('AUDIT_UNAVAILABLE', 'checkpoints can not be copied to the folder', { cause });
  }
}
