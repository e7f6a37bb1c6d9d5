import { Worker } from 'node:worker_threads';
import type { AuditLog } from '../log.ts';
import type { FromStore, StoreTask, ToReader, ToShipper } from './protocol.ts';

// Run from source the worker is a source file too; the bundle's build puts it beside the bundle under this name.
const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './audit-worker.mjs';

export interface StoreThread {
  send(message: ToShipper | ToReader): void;
  stop(): Promise<void>;
}

/** Starts a store's thread. `died` is told when it ended without being stopped. */
export function startThread(task: StoreTask, log: AuditLog, tell: (message: Exclude<FromStore, { type: 'log' }>) => void, died: () => void): StoreThread {
  const worker = new Worker(new URL(workerFile, import.meta.url), { workerData: task, env: {}, execArgv: [], stderr: false });
  // What holds the process open is what it serves.
  worker.unref();
  let over = false;
  worker.on('message', (message: FromStore) => {
    if (message.type === 'log') log[message.level](message.fields, message.message);
    else if (!over) tell(message);
  });
  worker.on('error', (cause) => log.error({ cause: String(cause) }, 'the thread of the audit store ended'));
  worker.on('exit', () => {
    if (!over) died();
    over = true;
  });
  return {
    send: (message) => worker.postMessage(message),
    async stop() {
      over = true;
      await worker.terminate();
    },
  };
}
