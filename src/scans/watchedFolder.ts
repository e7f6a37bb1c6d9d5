import { type FSWatcher, watch } from 'node:fs';
import { bad, type Outcome } from '../domain/fault.ts';
import { type FolderContent, type FolderLimits, type FolderUse, JsonFolder } from './jsonFolder.ts';
import type { ScanLog } from './kind.ts';

/** Changes come in bursts: a file is written in many pieces. */
const settleFor = 50;
/** For folders whose changes the system does not tell: network file systems, or one that was not there yet. */
const pollEvery = 5_000;

/** A folder of JSON files whose content is at hand, and up to date, until it is closed. */
export class WatchedFolder<T> {
  readonly #path: string;
  readonly #use: FolderUse<T>;
  readonly #log: ScanLog;
  readonly #folder: JsonFolder<T>;
  readonly #poll: NodeJS.Timeout;
  #content: Outcome<FolderContent<T>> = bad('REGISTRY_UNAVAILABLE', 'the folder was not read yet');
  #hash = '';
  #watcher: FSWatcher | null = null;
  #settle: NodeJS.Timeout | null = null;
  #refreshing: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor(path: string, use: FolderUse<T>, log: ScanLog, limits?: FolderLimits) {
    this.#path = path;
    this.#use = use;
    this.#log = log;
    this.#folder = new JsonFolder(path, use, log, limits);
    this.#poll = setInterval(() => void this.refresh(), pollEvery);
    this.#poll.unref();
  }

  get content(): Outcome<FolderContent<T>> {
    return this.#content;
  }

  /** Changes with the folder's content, so that what is kept about it is asked anew; stays while the folder can't be read. */
  get hash(): string {
    return this.#hash;
  }

  /** Reads the folder again, one reading at a time; a change that comes meanwhile leads to one more. */
  refresh(): Promise<void> {
    this.#again = this.#refreshing !== null;
    this.#refreshing ??= this.#readUntilQuiet().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#watcher?.close();
    this.#watcher = null;
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      // Watched before it is read: what changes in between is seen.
      this.#watch();
      const content = await this.#folder.read();
      const wasGood = this.#content.ok;
      // The same object as long as it is the same content: what was made of it can be kept.
      if (!content.ok || !this.#content.ok || content.value.hash !== this.#content.value.hash) this.#content = content;
      if (content.ok) this.#hash = content.value.hash;
      else if (wasGood) this.#log.warn({ ...this.#use.label, code: content.fault.code }, content.fault.message);
      if (!content.ok) this.#unwatch();
    } while (this.#again && !this.#closed);
  }

  #watch(): void {
    if (this.#watcher !== null || this.#closed) return;
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => {
        this.#settle ??= setTimeout(() => {
          this.#settle = null;
          void this.refresh();
        }, settleFor).unref();
      });
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // Not there, or no watches left: polling goes on, and tries again.
      this.#watcher = null;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }
}
