import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { installTool } from '../../tools/install.ts';

export interface RealRegistry {
  /** `127.0.0.1:PORT`, as references name it. */
  readonly host: string;
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts the real registry (go-containerregistry's, in memory) on a free port of the loopback interface. */
export async function startRealRegistry(options: { readonly referrers?: boolean } = {}): Promise<RealRegistry> {
  const binary = await installTool('registry');
  const child = spawn(binary, [`-referrers=${options.referrers ?? true}`], { stdio: ['ignore', 'pipe', 'inherit'] });
  const host = await firstLine(child);
  return {
    host,
    url: `http://${host}`,
    stop: () =>
      new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) return resolve();
        child.once('close', () => resolve());
        child.kill();
      }),
  };
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the registry ended with ${code} before it said its address`)));
    if (child.stdout === null) return reject(new Error('the registry has no output'));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
}
