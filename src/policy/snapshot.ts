import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';

/** A file of policies, as it was when the folder was read. */
export interface PolicyFile {
  /** Relative to the folder, with `/`. */
  readonly path: string;
  readonly content: Buffer;
}

/** All that matters in a folder of policies, read at one moment, so that every step of a load sees the same. */
export interface Snapshot {
  readonly files: readonly PolicyFile[];
  /** The folders that were read: those to watch. */
  readonly folders: readonly string[];
  /** Hex SHA-256 over names and contents. */
  readonly hash: string;
}

const mostFiles = 2000;
const mostBytes = 32 * 1024 * 1024;
const deepest = 16;
const dataFiles = new Set(['data.json', 'data.yaml', 'data.yml']);

/**
 * Reads the `.rego` and data files under a folder, in the order of their names. What starts with a dot is left out: a ConfigMap mount
 * shows each file a second and third time under `..data` and `..TIMESTAMP`
 * (https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically).
 * Fault: POLICY_BROKEN when it can't be read, or is over a limit (2,000 files, 32 MiB, 16 levels).
 */
export async function readSnapshot(directory: string): Promise<Outcome<Snapshot>> {
  const files: PolicyFile[] = [];
  const folders: string[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  const read = async (folder: string, prefix: string, depth: number): Promise<string | null> => {
    if (depth > deepest) return `the folder of policies is more than ${deepest} levels deep`;
    const real = await realpath(folder);
    if (seen.has(real)) return null;
    seen.add(real);
    folders.push(folder);
    for (const name of (await readdir(folder)).sort()) {
      if (name.startsWith('.')) continue;
      const path = join(folder, name);
      const relative = `${prefix}${name}`;
      const info = await stat(path);
      if (info.isDirectory()) {
        const fault = await read(path, `${relative}/`, depth + 1);
        if (fault !== null) return fault;
      } else if (info.isFile() && isPolicyFile(name)) {
        bytes += info.size;
        if (bytes > mostBytes || files.length >= mostFiles) return 'the folder of policies has more than 2,000 files or 32 MiB';
        files.push({ path: relative, content: await readFile(path) });
      }
    }
    return null;
  };
  try {
    const fault = await read(directory, '', 0);
    if (fault !== null) return bad('POLICY_BROKEN', fault);
  } catch (cause) {
    return bad('POLICY_BROKEN', 'the folder of policies can not be read', { cause });
  }
  return good({ ...snapshotOf(files), folders });
}

/** A snapshot of files that are in no folder. */
export function snapshotOf(files: readonly PolicyFile[]): Snapshot {
  const hash = createHash('sha256');
  for (const { path, content } of files) hash.update(`${JSON.stringify(path)} ${content.length}\n`).update(content);
  return { files, folders: [], hash: hash.digest('hex') };
}

/** Whether a file, by its path, matters to policies. */
export function isPolicyFile(path: string): boolean {
  return path.endsWith('.rego') || dataFiles.has(path.slice(path.lastIndexOf('/') + 1));
}

/** Writes files into a folder of their own, runs something there, and removes it. */
export async function withFolder<T>(
  files: readonly { readonly path: string; readonly content: Buffer | string }[],
  run: (folder: string) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tidewaiter-policies-'));
  try {
    const parents = new Set(files.map(({ path }) => dirname(join(folder, path))));
    for (const parent of parents) await mkdir(parent, { recursive: true });
    await Promise.all(files.map(({ path, content }) => writeFile(join(folder, path), content)));
    return await run(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export function isTestFile(path: string): boolean {
  return path.endsWith('_test.rego');
}
