import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { LoadedConfig, LoadOutcome } from './load.ts';

export interface ConfigWatch {
  /** Stops watching; nothing is reported afterwards. */
  close(): void;
}

export interface WatchTimes {
  /** Milliseconds of quiet before an edit counts as done. */
  readonly settle: number;
  /** Milliseconds between looks that rely on no event: network file systems and the symlinks of a mounted ConfigMap send none. */
  readonly poll: number;
}

const usual: WatchTimes = { settle: 150, poll: 5000 };

/**
 * Watches the configuration and every file it refers to, and reports each valid new one, and each new set of faults once. What was
 * loaded stays in force until then: a bad edit changes nothing.
 */
export function watchConfig(loaded: LoadedConfig, onChange: (outcome: LoadOutcome) => void, times: WatchTimes = usual): ConfigWatch {
  if (loaded.source === null) return { close: () => {} };
  let current = loaded;
  let reported = '';
  let suspected = '';
  let closed = false;
  let busy = false;
  let again = false;
  let settling: NodeJS.Timeout | undefined;
  let watchers: FSWatcher[] = [];

  const look = async (): Promise<void> => {
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    const outcome = await current.reload();
    busy = false;
    if (closed) return;
    report(outcome);
    if (again) {
      again = false;
      touch();
    }
  };

  const report = (outcome: LoadOutcome): void => {
    if (!outcome.ok) {
      const faults = JSON.stringify(outcome.faults);
      if (faults === reported) return;
      // An editor may be half-way through writing: faults count when they are still there at a second look.
      if (faults !== suspected) {
        suspected = faults;
        touch();
        return;
      }
      reported = faults;
      onChange(outcome);
      return;
    }
    suspected = '';
    const same = outcome.config.fingerprint === current.fingerprint;
    const recovered = reported !== '';
    reported = '';
    if (same && !recovered) return;
    current = outcome.config;
    arm();
    onChange(outcome);
  };

  const touch = (): void => {
    clearTimeout(settling);
    settling = setTimeout(() => void look(), times.settle);
  };

  const arm = (): void => {
    for (const watcher of watchers) watcher.close();
    // Folders, since editors and ConfigMaps put a new file in the old one's place.
    const folders = [...new Set(current.files.map((file) => dirname(file)))].slice(0, 64);
    const names = new Set(current.files.map((file) => basename(file)));
    watchers = folders.flatMap((folder) => {
      try {
        const watcher = watch(folder, { persistent: false }, (_event, name) => {
          // Records may be written to the same folder all the time; `..data` is what a ConfigMap's mount swaps.
          if (name === null || name.startsWith('..') || names.has(name)) touch();
        });
        watcher.on('error', () => watcher.close());
        return [watcher];
      } catch {
        // The poll is enough where nothing can be watched.
        return [];
      }
    });
  };

  arm();
  const poll = setInterval(touch, times.poll);
  poll.unref();
  return {
    close() {
      closed = true;
      clearInterval(poll);
      clearTimeout(settling);
      for (const watcher of watchers) watcher.close();
    },
  };
}
