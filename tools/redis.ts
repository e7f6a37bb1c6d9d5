/** The Redis or Valkey server of the distribution, which the tests of the shared store run against. */
import { existsSync } from 'node:fs';
import { installProgram } from './debian.ts';

const places = ['/usr/bin', '/usr/local/bin', '/usr/sbin'];

/** The server's program. */
export function installRedisServer(say: (line: string) => void): Promise<string> {
  const find = (): string | null => places.flatMap((place) => [`${place}/redis-server`, `${place}/valkey-server`]).find((path) => existsSync(path)) ?? null;
  return installProgram({ name: 'redis-server', what: 'Redis server', find }, say);
}
