import { once } from 'node:events';
import { dirname } from 'node:path';
import { readSnapshot } from './snapshot.ts';
import { FolderWatch } from './watch.ts';

const watching = { settle: 100, poll: 1000 };

/**
 * Does something with a folder of policies, and again whenever what is in it has changed, one time after the other, until it is told to
 * stop. Never rejects unless `act` does.
 */
export async function followPolicies(directory: string, act: () => Promise<void>, stop: AbortSignal): Promise<void> {
  let wake: () => void = () => {};
  const watch = new FolderWatch(() => wake(), watching);
  // Nothing else may keep the process: a pipe for input is at its end, and watchers don't.
  const alive = setInterval(() => {}, 2 ** 30);
  const stopped = stop.aborted ? Promise.resolve() : once(stop, 'abort').then(() => {});
  let seen: string | null = null;
  try {
    while (!stop.aborted) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const snapshot = await readSnapshot(directory);
      watch.follow(snapshot.ok ? snapshot.value.folders : [dirname(directory)]);
      const now = snapshot.ok ? snapshot.value.hash : snapshot.fault.message;
      if (now !== seen) {
        seen = now;
        await act();
      }
      await Promise.race([woken, stopped]);
    }
  } finally {
    clearInterval(alive);
    watch.close();
  }
}
