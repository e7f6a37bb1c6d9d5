/** Starts the webhook as its users do, in a process of its own, and finds out where it listens. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

export interface StartedWebhook {
  readonly pid: number;
  readonly address: { readonly host: string; readonly port: number };
  readonly ops: string;
  stop(): Promise<void>;
}

const startingTakes = 30_000;

/** Resolves when the webhook says that it is ready; rejects with the end of its log when it is not. */
export async function startWebhook(config: string): Promise<StartedWebhook> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '..', 'src', 'main.ts'), 'serve', '--config', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const { admission, ops } = await listening(child);
  return {
    pid: child.pid ?? 0,
    address: admission,
    ops: `http://${ops.host}:${ops.port}`,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('close', () => resolve());
        child.kill('SIGTERM');
      }),
  };
}

interface Listening {
  readonly admission: { readonly host: string; readonly port: number };
  readonly ops: { readonly host: string; readonly port: number };
}

function listening(child: ChildProcess): Promise<Listening> {
  return new Promise((resolve, reject) => {
    const tail: string[] = [];
    const fail = (what: string): void => reject(new Error(`the webhook ${what}:\n${tail.join('\n')}`));
    const timer = setTimeout(() => fail('did not start in time'), startingTakes);
    child.once('error', reject);
    child.once('exit', (code) => fail(`ended with ${code}`));
    if (child.stderr === null) return reject(new Error('the webhook has no log'));
    createInterface({ input: child.stderr }).on('line', (line) => {
      tail.push(line);
      tail.splice(0, tail.length - 20);
      const entry: unknown = line.startsWith('{') ? JSON.parse(line) : null;
      if (typeof entry !== 'object' || entry === null || !('admission' in entry) || !('ops' in entry)) return;
      clearTimeout(timer);
      resolve(entry as Listening);
    });
  });
}
