import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A segment, open for writing. Every call rejects as the system says. */
export interface SegmentFile {
  /** Whether the file was there before. */
  readonly existed: boolean;
  write(texts: readonly Buffer[], position: number): Promise<void>;
  truncate(length: number): Promise<void>;
  /** Resolves when all that was written is on disk, under the name by which it was opened. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export type OpenSegment = (path: string) => Promise<SegmentFile>;

/** Opens a segment, or makes it (and its folder), readable by its owner only. */
export async function openSegment(path: string): Promise<SegmentFile> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const { file, existed } = await openOrCreate(path);
  const { ino } = await file.stat();
  return {
    existed,
    async write(texts, position) {
      const whole = texts.length === 1 && texts[0] !== undefined ? texts[0] : Buffer.concat(texts);
      let written = 0;
      // A disk that fills up takes a part, and refuses the rest.
      while (written < whole.length) written += (await file.write(whole, written, whole.length - written, position + written)).bytesWritten;
    },
    async truncate(length) {
      if ((await file.stat()).size > length) await file.truncate(length);
    },
    async sync() {
      await file.datasync();
      // A file that was deleted or moved away takes writes gladly, and nobody will ever find them.
      if ((await stat(path)).ino !== ino) throw new Error('the segment was replaced while it was open');
    },
    close: () => file.close(),
  };
}

async function openOrCreate(path: string): Promise<{ file: FileHandle; existed: boolean }> {
  try {
    return { file: await open(path, 'r+'), existed: true };
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
  const file = await open(path, 'wx', 0o600);
  await syncFolder(dirname(path));
  return { file, existed: false };
}

/** A new file's name is on disk only when its folder is. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
