import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installRedisServer } from '../../tools/redis.ts';
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

export async function startRedisServer(): Promise<SharedServer> {
  const program = await installRedisServer(() => {});
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-redis-'));
  const [port = 0] = await freePorts(1);
  let child: Child | null = null;
  const start = async (): Promise<void> => {
    child = startChild(program, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder], join(folder, 'log'));
    await waitFor('the Redis server', async () => ((await connects(port)) ? true : null));
  };
  const stop = async (): Promise<void> => {
    await child?.stop();
    child = null;
  };
  await start();
  return {
    url: `redis://127.0.0.1:${port}`,
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

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: '127.0.0.1' }, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
