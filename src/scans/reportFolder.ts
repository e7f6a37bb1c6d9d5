import { createHash } from 'node:crypto';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../domain/digest.ts';
import { type Fault, fault, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import type { ScanLog } from './kind.ts';
import { decodeTrivyReport, readImageId, type TrivyReport } from './trivyReport.ts';

/** Limits of a folder: files, bytes of one file, bytes of all files. */
export interface FolderLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly bytes: number;
}

const folderLimits: FolderLimits = { files: 10_000, fileBytes: 64 << 20, bytes: 512 << 20 };

/** What a folder of reports held when it was last read. */
export interface FolderContent {
  readonly reports: ReadonlyMap<Digest, readonly Outcome<TrivyReport>[]>;
  /** Files that hold no report that could be bound to an image. */
  readonly unusable: number;
  /** What could not be read at all: a report may be hidden there. */
  readonly faults: readonly Fault[];
  /** Hex SHA-256 over the content of all files. */
  readonly hash: string;
}

interface ReadFile {
  /** Changes with the file: inode, size and time of its last change. */
  readonly version: string;
  readonly bytes: number;
  readonly hash: string;
  readonly imageId: Digest | null;
  readonly report: Outcome<TrivyReport>;
}

/** Reads a folder of reports again and again, each file only when it changed. */
export class ReportFolder {
  readonly #path: string;
  readonly #name: string;
  readonly #log: ScanLog;
  readonly #limits: FolderLimits;
  #files: ReadonlyMap<string, ReadFile> = new Map();

  constructor(path: string, name: string, log: ScanLog, limits: FolderLimits = folderLimits) {
    this.#path = path;
    this.#name = name;
    this.#log = log;
    this.#limits = limits;
  }

  /** Reads what changed. A folder that can't be listed is a fault; a file that can't be used is logged and left out. */
  async read(): Promise<Outcome<FolderContent>> {
    const names = await listReports(this.#path);
    if (names instanceof Error) {
      return {
        ok: false,
        fault: fault('REGISTRY_UNAVAILABLE', `the folder of scan reports of ${this.#name} can't be read (${codeOf(names)})`, { cause: names }),
      };
    }
    const files = new Map<string, ReadFile>();
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
        this.#log.warn({ scans: this.#name, file: safeText(name, 255), code: outcome.fault.code }, outcome.fault.message);
      }
    }
    if (names.length > this.#limits.files) {
      faults.push(fault('LIMIT_EXCEEDED', `the folder of scan reports of ${this.#name} has more than ${this.#limits.files} reports`));
      this.#log.warn({ scans: this.#name, files: names.length }, 'the folder has more reports than are read');
    }
    this.#files = files;
    return { ok: true, value: index(files, faults) };
  }

  /** null when the file is gone by now, or is none. */
  async #readFile(name: string, room: number): Promise<Outcome<ReadFile> | null> {
    const known = this.#files.get(name);
    try {
      const found = await stat(join(this.#path, name), { bigint: true });
      if (!found.isFile()) return null;
      const version = `${found.ino} ${found.size} ${found.mtimeNs}`;
      if (known?.version === version) return { ok: true, value: known };
      if (found.size > BigInt(Math.min(room, this.#limits.fileBytes))) {
        return { ok: false, fault: fault('LIMIT_EXCEEDED', `a scan report of ${this.#name} is larger than may be read`) };
      }
      const content = await readWhole(join(this.#path, name), Number(found.size));
      const file = decode(content, version);
      // A file that grew meanwhile is kept under the version it had before, so that it is read again at the next change.
      if (!file.report.ok) this.#log.warn({ scans: this.#name, file: safeText(name, 255), code: file.report.fault.code }, file.report.fault.message);
      return { ok: true, value: file };
    } catch (cause) {
      if (codeOf(cause) === 'ENOENT') return null;
      return { ok: false, fault: fault('REGISTRY_UNAVAILABLE', `a scan report of ${this.#name} can't be read (${codeOf(cause)})`, { cause }) };
    }
  }
}

/** Names of what may be reports, sorted; hidden files are others' work in progress. */
async function listReports(path: string): Promise<readonly string[] | Error> {
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

function decode(content: Buffer, version: string): ReadFile {
  const common = { version, bytes: content.length, hash: createHash('sha256').update(content).digest('hex') };
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    return { ...common, imageId: null, report: { ok: false, fault: fault('SCAN_INVALID', 'the file is not JSON, or not whole') } };
  }
  return { ...common, imageId: readImageId(value), report: decodeTrivyReport(value) };
}

function index(files: ReadonlyMap<string, ReadFile>, faults: readonly Fault[]): FolderContent {
  const reports = new Map<Digest, Outcome<TrivyReport>[]>();
  const hash = createHash('sha256');
  let unusable = 0;
  for (const file of files.values()) {
    hash.update(file.hash);
    if (file.imageId === null) unusable += 1;
    else reports.set(file.imageId, [...(reports.get(file.imageId) ?? []), file.report]);
  }
  // Facts found while a file could not be read are not those found after it could.
  for (const { code } of faults) hash.update(code);
  return { reports, unusable, faults, hash: hash.digest('hex') };
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error';
}
