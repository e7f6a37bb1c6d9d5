import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import type { ScanLog } from './kind.ts';

/** Limits of a folder: files, bytes of one file, bytes of all files. */
export interface FolderLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly bytes: number;
}

const folderLimits: FolderLimits = { files: 10_000, fileBytes: 64 << 20, bytes: 512 << 20 };

/** What the files of a folder are. */
export interface FolderUse<T> {
  /** Added to every line of the log: `{ scans: 'reports' }`. */
  readonly label: Readonly<Record<string, string>>;
  /** One file, in messages: `scan report of reports`. */
  readonly what: string;
  /** Makes of a file's JSON what is kept of it; SCAN_INVALID where it is none. */
  decode(json: Outcome<unknown>): T;
  /** Why a file can't be used; null when it can. */
  faultOf(item: T): Fault | null;
}

/** What a folder held when it was last read. */
export interface FolderContent<T> {
  readonly items: readonly T[];
  /** What could not be read at all: anything may be hidden there. */
  readonly faults: readonly Fault[];
  /** Hex SHA-256 over the content of all files. */
  readonly hash: string;
}

interface ReadFile<T> {
  /** Changes with the file: inode, size and time of its last change. */
  readonly version: string;
  readonly bytes: number;
  readonly hash: string;
  readonly item: T;
}

/** Reads the JSON files of a folder again and again, each file only when it changed. */
export class JsonFolder<T> {
  readonly #path: string;
  readonly #use: FolderUse<T>;
  readonly #log: ScanLog;
  readonly #limits: FolderLimits;
  #files: ReadonlyMap<string, ReadFile<T>> = new Map();

  constructor(path: string, use: FolderUse<T>, log: ScanLog, limits: FolderLimits = folderLimits) {
    this.#path = path;
    this.#use = use;
    this.#log = log;
    this.#limits = limits;
  }

  /** Reads what changed. A folder that can't be listed is a fault; a file that can't be used is logged, and is an item all the same. */
  async read(): Promise<Outcome<FolderContent<T>>> {
    const { what, label } = this.#use;
    const names = await listFiles(this.#path);
    if (names instanceof Error) return bad('REGISTRY_UNAVAILABLE', `the folder with each ${what} can't be read (${codeOf(names)})`, { cause: names });
    const files = new Map<string, ReadFile<T>>();
    const faults: Fault[] = [];
    let bytes = 0;
    for (const name of names.slice(0, this.#limits.files)) {
      const outcome = await this.#readFile(name, this.#limits.bytes - bytes);
      if (outcome === null) continue;
      if (outcome.ok) {
        files.set(name, outcome.value);
        bytes += outcome.value.bytes;
      } else {
        faults.push(outcome.fault);
        this.#log.warn({ ...label, file: safeText(name, 255), code: outcome.fault.code }, outcome.fault.message);
      }
    }
    if (names.length > this.#limits.files) {
      faults.push(fault('LIMIT_EXCEEDED', `the folder has more than ${this.#limits.files} files, each a ${what}`));
      this.#log.warn({ ...label, files: names.length }, 'the folder has more files than are read');
    }
    this.#files = files;
    return good(together(files, faults));
  }

  /** null when the file is gone by now, or is none. */
  async #readFile(name: string, room: number): Promise<Outcome<ReadFile<T>> | null> {
    const { what, label, faultOf } = this.#use;
    const known = this.#files.get(name);
    try {
      const found = await stat(join(this.#path, name), { bigint: true });
      if (!found.isFile()) return null;
      const version = `${found.ino} ${found.size} ${found.mtimeNs}`;
      if (known?.version === version) return good(known);
      if (found.size > BigInt(Math.min(room, this.#limits.fileBytes))) return bad('LIMIT_EXCEEDED', `a ${what} is larger than may be read`);
      // A file that grew meanwhile is kept under the version it had before, so that it is read again at the next change.
      const file = this.#decode(await readWhole(join(this.#path, name), Number(found.size)), version);
      const unusable = faultOf(file.item);
      if (unusable !== null) this.#log.warn({ ...label, file: safeText(name, 255), code: unusable.code }, unusable.message);
      return good(file);
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return null;
      return bad('REGISTRY_UNAVAILABLE', `a ${what} can't be read (${codeOf(cause)})`, { cause });
    }
  }

  #decode(content: Buffer, version: string): ReadFile<T> {
    const hash = createHash('sha256').update(content).digest('hex');
    return { version, bytes: content.length, hash, item: this.#use.decode(parseJson(content)) };
  }
}

function parseJson(content: Buffer): Outcome<unknown> {
  try {
    return good(JSON.parse(content.toString('utf8')));
  } catch {
    return bad('SCAN_INVALID', 'the file is not JSON, or not whole');
  }
}

/** Names of what may be files of ours, sorted; hidden files are others' work in progress. */
async function listFiles(path: string): Promise<readonly string[] | Error> {
  try {
    return (await readdir(path)).filter((name) => name.endsWith('.json') && !name.startsWith('.')).sort();
  } catch (cause) {
    return cause instanceof Error ? cause : new Error('the folder can not be listed');
  }
}

/** No more than the size that was allowed, however fast the file grows. */
async function readWhole(path: string, size: number): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.alloc(size);
    let length = 0;
    while (length < size) {
      const { bytesRead } = await file.read(buffer, length, size - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.subarray(0, length);
  } finally {
    await file.close();
  }
}

function together<T>(files: ReadonlyMap<string, ReadFile<T>>, faults: readonly Fault[]): FolderContent<T> {
  const hash = createHash('sha256');
  for (const file of files.values()) hash.update(file.hash);
  // Facts found while a file could not be read are not those found after it could.
  for (const { code } of faults) hash.update(code);
  return { items: [...files.values()].map(({ item }) => item), faults, hash: hash.digest('hex') };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
