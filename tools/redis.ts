/** The Redis or Valkey server of the distribution, which the tests of the shared store run against. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const places = ['/usr/bin', '/usr/local/bin', '/usr/sbin'];

/** The server's program, or null where there is none. */
export function findRedisServer(): string | null {
  return places.flatMap((place) => [`${place}/redis-server`, `${place}/valkey-server`]).find((path) => existsSync(path)) ?? null;
}

/** Installs the Debian package where no server is found and this is root. Rejects, saying what to do, where that fails. */
export async function installRedisServer(say: (line: string) => void): Promise<string> {
  const found = findRedisServer();
  if (found !== null) return found;
  const manually = 'install redis-server or valkey-server, such as by: apt-get install -y redis-server';
  if (process.getuid?.() !== 0) throw new Error(`there is no Redis server, and only root can install one; ${manually}`);
  say('installing redis-server');
  try {
    // A machine that never asked for the lists of packages finds nothing.
    await aptGet('update');
    await aptGet('install', '-y', '--no-install-recommends', 'redis-server');
  } catch (cause) {
    throw new Error(`redis-server could not be installed; ${manually}`, { cause });
  }
  const installed = findRedisServer();
  if (installed === null) throw new Error(`the package redis-server brought no server; ${manually}`);
  return installed;
}

async function aptGet(...args: readonly string[]): Promise<void> {
  await run('apt-get', args, { timeout: 300_000, maxBuffer: 16 << 20, env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
}
