import { open, stat } from 'node:fs/promises';
import { isAbsolute, resolve } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import type { Path } from './fault.ts';

/** A file that a configuration refers to. */
export interface ReferredFile {
  /** Where in the document. */
  readonly path: Path;
  readonly file: string;
  /** Whether it decides whom is trusted, rather than how to connect: only such files are part of the revision. */
  readonly trust: boolean;
}

/** Files that hold secrets of our own, or a certificate that is renewed: no decision rests on them, and no record shall hold their hash. */
const notTrust = /^(server|cluster|evidence|exceptions|audit)\b|^policy\.fetch\b|\.credentials\b/;

/** Every file that a configuration refers to, by the names of the keys: `file`, `…File`, `kubeconfig`, and the `root` of a TUF repository. */
export function referredFiles(document: unknown, path: Path = []): ReferredFile[] {
  if (Array.isArray(document)) return document.flatMap((entry, i) => referredFiles(entry, [...path, i]));
  if (!isObject(document)) return [];
  // A policy's data is the authors' own: a key there names nothing of ours.
  if (path[0] === 'policy' && path[1] === 'data') return [];
  return Object.entries(document).flatMap(([key, value]) => {
    const here = [...path, key];
    const isFile = /^file$|File$|^kubeconfig$/.test(key) || (key === 'root' && path.at(-1) === 'tuf');
    if (typeof value === 'string') return isFile ? [{ path: here, file: value, trust: !notTrust.test(here.join('.')) }] : [];
    // What is written to, or made where it is not there.
    return ['sinks', 'checkpoints'].includes(key) ? [] : referredFiles(value, here);
  });
}

/** Longest file that the configuration may be, or refer to. */
const longestFile = 1024 * 1024;

export function resolveFrom(folder: string, path: string): string {
  return isAbsolute(path) ? path : resolve(folder, path);
}

/** Reads a regular file of at most 1 MiB. The fault says why not, without the file's content. */
export async function readBounded(path: string, longest = longestFile): Promise<Outcome<Uint8Array>> {
  try {
    // Opening a FIFO would wait for a writer.
    if (!(await stat(path)).isFile()) return bad('CONFIG_INVALID', 'it is not a file');
    const handle = await open(path, 'r');
    try {
      const buffer = Buffer.alloc(Math.min(longest, (await handle.stat()).size) + 1);
      let length = 0;
      while (length < buffer.length) {
        const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length > longest) return bad('CONFIG_INVALID', `it is longer than ${longest} bytes`);
      return good(new Uint8Array(buffer.subarray(0, length)));
    } finally {
      await handle.close();
    }
  } catch (cause) {
    return bad('CONFIG_INVALID', readWords[codeOf(cause)] ?? `it can not be read (${safeText(codeOf(cause), 40)})`, { cause });
  }
}

const readWords: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EACCES: 'the program may not read it',
  EISDIR: 'it is a folder',
};

function codeOf(cause: unknown): string {
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : 'unknown';
}
