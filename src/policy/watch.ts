import { type FSWatcher, watch } from 'node:fs';

export interface WatchOptions {
  /** Milliseconds of quiet before a change is told: an editor writes in several steps. */
  readonly settle: number;
  /** Milliseconds between looks where the system tells nothing (network file systems, swapped mounts). */
  readonly poll: number;
}

/** Watches folders; `changed` is called when something in them may have changed. */
export class FolderWatch {
  readonly #changed: () => void;
  readonly #options: WatchOptions;
  readonly #ticker: NodeJS.Timeout;
  #watchers: FSWatcher[] = [];
  #settling: NodeJS.Timeout | null = null;
  #closed = false;

  constructor(changed: () => void, options: WatchOptions) {
    this.#changed = changed;
    this.#options = options;
    this.#ticker = setInterval(changed, options.poll);
    this.#ticker.unref();
  }

  /** Replaces the folders: those of the last look, since a swapped symbolic link leads to new ones. */
  follow(folders: readonly string[]): void {
    this.#release();
    if (this.#closed) return;
    for (const folder of folders) {
      try {
        const watcher = watch(folder, { persistent: false }, () => this.#stir());
        // A folder that goes away is noticed by the next look.
        watcher.on('error', () => watcher.close());
        this.#watchers.push(watcher);
      } catch {
        // Out of watches, or gone already: the ticker still looks.
      }
    }
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#ticker);
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#release();
  }

  #stir(): void {
    if (this.#settling !== null) clearTimeout(this.#settling);
    this.#settling = setTimeout(() => {
      this.#settling = null;
      this.#changed();
    }, this.#options.settle);
  }

  #release(): void {
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }
}
