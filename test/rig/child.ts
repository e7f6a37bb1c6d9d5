import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';

export interface Child {
  readonly process: ChildProcess;
  /** Settles with the exit code, or the signal's name, when the program has ended. */
  readonly ended: Promise<number | string>;
  /** The end of what it has written. */
  tail(): string;
  /** Asks it to end, and makes it end after five seconds. */
  stop(): Promise<void>;
}

const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find((path) => existsSync(path));
const running = new Set<ChildProcess>();

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Starts a program that can't outlive this process, its output in a file. */
export function startChild(command: string, args: readonly string[], logFile: string): Child {
  const log = openSync(logFile, 'a');
  // An exit handler doesn't run when this process is killed: where the kernel can do it, it ends the child then.
  const [file, all] = setpriv === undefined ? [command, args] : [setpriv, ['--pdeathsig', 'KILL', '--', command, ...args]];
  const child = spawn(file, all, { stdio: ['ignore', log, log] });
  closeSync(log);
  running.add(child);
  const ended = new Promise<number | string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      running.delete(child);
      resolve(code ?? signal ?? 'unknown');
    });
  });
  return {
    process: child,
    ended,
    tail: () => readFileSync(logFile, 'utf8').slice(-3000),
    stop: async () => {
      child.kill('SIGTERM');
      const force = setTimeout(() => child.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(force);
    },
  };
}
