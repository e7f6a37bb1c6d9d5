import { Worker } from 'node:worker_threads';
import type { EngineSet } from './engine.ts';
import { type FromWorker, Progress, type ToWorker } from './protocol.ts';

// Run from source the worker is a source file too; the bundle's build puts it beside the bundle under this name.
const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './policy-worker.mjs';

/** What a thread tells its owner. A thread that died answers nothing more. */
export interface ThreadEvents {
  readonly answered: (results: readonly string[]) => void;
  readonly died: (cause: unknown) => void;
}

/** A worker thread with an engine in it. */
export class EngineThread {
  readonly #worker: Worker;
  readonly #progress: Progress;
  #set: EngineSet | null = null;
  #over = false;

  constructor(events: ThreadEvents) {
    const shared = new SharedArrayBuffer(Progress.bytes);
    this.#progress = new Progress(shared);
    this.#progress.rest();
    this.#worker = new Worker(new URL(workerFile, import.meta.url), {
      workerData: shared,
      env: {},
      execArgv: [],
      stderr: false,
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 },
    });
    let cause: unknown = null;
    const end = (): void => {
      if (this.#over) return;
      this.#over = true;
      events.died(cause);
    };
    this.#worker.on('message', (message: FromWorker) => {
      if (!this.#over) events.answered(message.results);
    });
    this.#worker.on('error', (error) => {
      cause = error;
      end();
    });
    this.#worker.on('exit', end);
  }

  /** Makes it use a set from its next batch on. */
  load(set: EngineSet): void {
    if (this.#set === set) return;
    this.#set = set;
    this.#worker.postMessage({ type: 'load', set } satisfies ToWorker);
  }

  /** Hands it inputs (JSON texts), in one buffer that changes hands instead of being copied. */
  judge(inputs: readonly string[]): void {
    const sizes = inputs.map((input) => Buffer.byteLength(input));
    const whole = Buffer.from(new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0)));
    const ends: number[] = [];
    let at = 0;
    for (const input of inputs) {
      at += whole.write(input, at);
      ends.push(at);
    }
    this.#worker.postMessage({ type: 'judge', inputs: whole.buffer, ends } satisfies ToWorker, [whole.buffer]);
  }

  /** What it is at, as Progress.read says it. */
  progress(): ReturnType<Progress['read']> {
    return this.#progress.read();
  }

  /** Stops it at once, whatever it runs; it tells nobody that it died. */
  async stop(): Promise<void> {
    this.#over = true;
    await this.#worker.terminate();
  }
}
