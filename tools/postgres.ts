/** The PostgreSQL server of the distribution, which the tests of the audit store run against. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { installProgram } from './debian.ts';

/** Debian keeps the server's programs out of the path, by major version. */
const versions = '/usr/lib/postgresql';
const places = ['/usr/local/pgsql/bin', '/usr/local/bin', '/usr/bin'];

/** The folder of `initdb` and `postgres`, the newest version's. */
export function installPostgres(say: (line: string) => void): Promise<string> {
  return installProgram({ name: 'postgresql', what: 'PostgreSQL server', find: findPostgres }, say);
}

function findPostgres(): string | null {
  const installed = existsSync(versions) ? readdirSync(versions).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...installed.map((version) => join(versions, version, 'bin')), ...places];
  return folders.find((folder) => existsSync(join(folder, 'initdb')) && existsSync(join(folder, 'postgres'))) ?? null;
}
