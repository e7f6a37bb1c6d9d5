/** The PostgreSQL server of the distribution, which the tests of the audit store run against. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
/** Debian keeps the server's programs out of the path, by major version. */
const versions = '/usr/lib/postgresql';
const places = ['/usr/local/pgsql/bin', '/usr/local/bin', '/usr/bin'];

/** The folder of `initdb` and `postgres`, the newest version's; null where there is none. */
export function findPostgres(): string | null {
  const installed = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...installed.map((version) => join(versions, version, 'bin')), ...places];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}

/** Installs the Debian package where no server is found and this is root. Rejects, saying what to do, where that fails. */
export async function installPostgres(say: (line: string) => void): Promise<string> {
  const found = findPostgres();
  if (found !== null) return found;
  const manually = 'install postgresql, such as by: apt-get install -y postgresql';
  if (process.getuid?.() !== 0) throw new Error(`there is no PostgreSQL server, and only root can install one; ${manually}`);
  say('installing postgresql');
  try {
    // A machine that never asked for the lists of packages finds nothing.
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', 'postgresql');
  } catch (cause) {
    throw new Error(`postgresql could not be installed; ${manually}`, { cause });
  }
  const installed = findPostgres();
  if (installed === null) throw new Error(`the package postgresql brought no server; ${manually}`);
  return installed;
}

async function aptGet(...args: readonly string[]): Promise<void> {
  // The package would start a server of its own, which nobody asked for.
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', RUNLEVEL: '1' };
  await run('apt-get', args, { timeout: 300_000, maxBuffer: 16 << 20, env });
}
