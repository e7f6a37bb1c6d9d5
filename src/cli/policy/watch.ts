import { followPolicies } from '../../policy/index.ts';
import { exitCodes, type Io, printLine } from '../io.ts';
import type { Session } from '../session.ts';
import { createSignalWait } from '../signals.ts';
import { longestRun, type PolicyFolder } from './folder.ts';

/** What a command does with a folder, once; to an exit code. */
export type Look = (folder: PolicyFolder, signal: AbortSignal) => Promise<number>;

/** Does it once, or with `--watch` again after every edit until SIGINT or SIGTERM: then the exit code is 0. */
export async function lookAndWatch({ io, parts }: Session, folder: PolicyFolder, watch: boolean, look: Look): Promise<number> {
  if (!watch) return look(folder, AbortSignal.timeout(longestRun));
  const stop = new AbortController();
  const signal = createSignalWait(parts.signals);
  void signal.arrived.then(() => stop.abort());
  try {
    await followPolicies(
      folder.path,
      async () => {
        clearScreen(io);
        await look(folder, AbortSignal.any([stop.signal, AbortSignal.timeout(longestRun)]));
        if (!stop.signal.aborted) printLine(io.stderr, 'Waiting for the next edit. Ctrl-C stops.');
      },
      stop.signal,
    );
    return exitCodes.good;
  } finally {
    signal.forget();
  }
}

/** https://invisible-island.net/xterm/ctlseqs/ctlseqs.html: home, then erase what is below. Only where somebody looks. */
function clearScreen(io: Io): void {
  if (io.stdout.isTTY === true) io.stdout.write('\u001b[H\u001b[2J');
}
