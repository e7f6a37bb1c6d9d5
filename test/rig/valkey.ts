import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installRedisServer } from '../../tools/redis.ts';
import type { ServingCertificate } from './certificate.ts';
import { type Child, startChild } from './child.ts';
import { freePorts, waitFor } from './wait.ts';

/** A real Redis or Valkey server that keeps nothing on disk. */
export interface SharedServer {
  readonly url: string;
  readonly port: number;
  start(): Promise<void>;
  /** Ends it with all that it holds. */
  stop(): Promise<void>;
  /** Stops it from answering while its connections stay open. */
  freeze(): void;
  thaw(): void;
  dispose(): Promise<void>;
}

export interface GuardedBy {
  readonly certificate: ServingCertificate;
  readonly password: string;
}

export async function startRedisServer(guard: GuardedBy | null = null): Promise<SharedServer> {
  const program = await installRedisServer(() => {});
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-redis-'));
  const [port = 0] = await freePorts(1);
  let child: Child | null = null;
  const start = async (): Promise<void> => {
    const listen = guard === null ? ['--port', String(port)] : guardedBy(guard, folder, port);
    child = startChild(program, [...listen, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder], join(folder, 'log'));
    await waitFor('the Redis server', async () => ((await connects(port)) ? true : null));
  };
  const stop = async (): Promise<void> => {
    await child?.stop();
    child = null;
  };
  await start();
  return {
    url: guard === null ? `redis://127.0.0.1:${port}` : `rediss://localhost:${port}`,
    port,
    start,
    stop,
    freeze: () => void child?.process.kill('SIGSTOP'),
    thaw: () => void child?.process.kill('SIGCONT'),
    async dispose() {
      child?.process.kill('SIGCONT');
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function guardedBy({ certificate, password }: GuardedBy, folder: string, port: number): readonly string[] {
  const [cert, key] = [join(folder, 'redis.crt'), join(folder, 'redis.key')];
  writeFileSync(cert, certificate.cert);
  writeFileSync(key, certificate.key, { mode: 0o600 });
  return ['--port', '0', '--tls-port', String(port), '--tls-cert-file', cert, '--tls-key-file', key, '--tls-auth-clients', 'no', '--requirepass', password];
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
