import { parentPort, workerData } from 'node:worker_threads';
import { Engine, nothing } from './engine.ts';
import { type FromWorker, Progress, type ToWorker } from './protocol.ts';

// The entry point of a worker thread: it evaluates batches, one input after the other.
const port = parentPort;
if (port === null || !(workerData instanceof SharedArrayBuffer)) throw new Error('this is the entry of a worker thread');
const progress = new Progress(workerData);
let engine: Engine | null = null;

port.on('message', (message: ToWorker) => {
  if (message.type === 'load') {
    engine = new Engine(message.set);
    return;
  }
  const results: string[] = [];
  let start = 0;
  for (const [i, end] of message.ends.entries()) {
    progress.begin(i);
    const found = engine?.evaluate(new Uint8Array(message.inputs, start, end - start), (policy) => progress.policy(policy)) ?? [];
    results.push(engine !== null && found.every((result) => result === nothing) ? '' : JSON.stringify(found));
    start = end;
  }
  progress.rest();
  port.postMessage({ results } satisfies FromWorker);
});
