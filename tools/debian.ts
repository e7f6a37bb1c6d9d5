/** Programs of the distribution that tests run against: found where they are, else installed as packages. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface DebianProgram {
  /** The Debian package. */
  readonly name: string;
  /** In messages, such as `a Redis server`. */
  readonly what: string;
  /** Where it is; null where it is not. */
  find(): string | null;
}

/** Finds the program, or as root installs its package. Rejects, saying what to do, where that fails. */
export async function installProgram({ name, what, find }: DebianProgram, say: (line: string) => void): Promise<string> {
  const found = find();
  if (found !== null) return found;
  const manually = `install ${name}, such as by: apt-get install -y ${name}`;
  if (process.getuid?.() !== 0) throw new Error(`there is no ${what}, and only root can install one; ${manually}`);
  say(`installing ${name}`);
  try {
    // A machine that never asked for the lists of packages finds nothing.
    await aptGet(['update']);
    await aptGet(['install', '-y', '--no-install-recommends', name]);
  } catch (cause) {
    throw new Error(`${name} could not be installed; ${manually}`, { cause });
  }
  const installed = find();
  if (installed === null) throw new Error(`the package ${name} brought no ${what}; ${manually}`);
  return installed;
}

export async function aptGet(args: readonly string[], cwd?: string): Promise<void> {
  // A package may start a server of its own, which nobody asked for.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await promisify(execFile)('apt-get', ['-q', ...args], { ...(cwd === undefined ? {} : { cwd }), env, timeout: 300_000, maxBuffer: 16 << 20 });
}
