import { Worker } from 'node:worker_threads';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { Claim } from '../claim.ts';
import type { Root } from '../trustRoots/root.ts';
import type { FromProver, Proofs, ToProver } from './protocol.ts';

// Run from source the worker is a source file too; the bundle's build puts it beside the bundle under this name.
const workerFile = import.meta.url.endsWith('.ts') ? './worker.ts' : './proving-worker.mjs';

/** Proves who signed, and when, by a trusted root: milliseconds of work that nobody else waits for. */
export interface Proving {
  /** Makes it ready, so that the first claim need not wait for that. */
  begin(): void;
  /**
   * The time at which the holder of a certificate signed a claim, in milliseconds since the epoch. SIGNATURE_INVALID where that is not
   * proven; INTERNAL, transient, where nobody could find out.
   */
  prove(root: Root, proofs: Proofs, claim: Claim, certificate: Buffer): Promise<Outcome<number>>;
  close(): Promise<void>;
}

export interface ProvingLimits {
  /** Milliseconds without an answer after which the thread is given up. */
  readonly patience: number;
  /** Questions that wait at most. */
  readonly waiting: number;
}

const usual: ProvingLimits = { patience: 10_000, waiting: 2_000 };

/** Roots that a thread is given at most; a trusted root is replaced a few times a year. */
const mostRoots = 64;

interface Thread {
  readonly worker: Worker;
  readonly roots: Set<string>;
  readonly waiting: Map<number, (outcome: Outcome<number>) => void>;
  timer: NodeJS.Timeout | null;
}

/** A thread of its own, started anew when it dies. What several signers ask about one claim is proven once. */
export function createProving(limits: ProvingLimits = usual): Proving {
  let thread: Thread | null = null;
  let closed = false;
  let last = 0;
  const known = new WeakMap<Claim, Map<string, Promise<Outcome<number>>>>();

  const end = (ended: Thread, why: string): void => {
    if (thread === ended) thread = null;
    if (ended.timer !== null) clearTimeout(ended.timer);
    void ended.worker.terminate();
    for (const answer of ended.waiting.values()) answer(unproven(why));
    ended.waiting.clear();
  };

  const start = (): Thread => {
    const worker = new Worker(new URL(workerFile, import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 32 },
    });
    // It must not keep a command from ending that has its answer.
    worker.unref();
    const started: Thread = { worker, roots: new Set(), waiting: new Map(), timer: null };
    worker.on('message', ({ id, outcome }: FromProver) => {
      watch(started);
      const answer = started.waiting.get(id);
      started.waiting.delete(id);
      if (started.waiting.size === 0) rest(started);
      answer?.('time' in outcome ? good(outcome.time) : bad('SIGNATURE_INVALID', outcome.refused));
    });
    worker.on('error', () => end(started, 'the thread that verifies signatures died'));
    worker.on('exit', () => end(started, 'the thread that verifies signatures ended'));
    return started;
  };

  /** From now on it has so much time for the next answer. */
  const watch = (watched: Thread): void => {
    if (watched.timer !== null) clearTimeout(watched.timer);
    watched.timer = setTimeout(() => end(watched, `verifying a signature took longer than ${limits.patience} ms`), limits.patience);
  };
  const rest = (resting: Thread): void => {
    if (resting.timer !== null) clearTimeout(resting.timer);
    resting.timer = null;
    resting.worker.unref();
  };

  const ask = (root: Root, proofs: Proofs, { read: _, ...claim }: Claim, certificate: Buffer): Promise<Outcome<number>> => {
    if (closed) return Promise.resolve(unproven('the webhook ends'));
    if (thread !== null && thread.roots.size >= mostRoots && thread.waiting.size === 0) end(thread, '');
    thread ??= start();
    const asked = thread;
    if (asked.waiting.size >= limits.waiting) return Promise.resolve(unproven(`more than ${limits.waiting} signatures wait to be verified`));
    const post = (message: ToProver): void => asked.worker.postMessage(message);
    if (!asked.roots.has(root.hash)) post({ type: 'root', hash: root.hash, bytes: root.bytes });
    asked.roots.add(root.hash);
    last += 1;
    const id = last;
    if (asked.waiting.size === 0) {
      watch(asked);
      asked.worker.ref();
    }
    return new Promise((resolve) => {
      asked.waiting.set(id, resolve);
      post({ type: 'prove', id, root: root.hash, proofs, claim, certificate });
    });
  };

  return {
    begin() {
      if (!closed) thread ??= start();
    },
    prove(root, proofs, claim, certificate) {
      const proven = known.get(claim) ?? new Map<string, Promise<Outcome<number>>>();
      known.set(claim, proven);
      const key = `${root.hash} ${proofs.transparencyLog} ${proofs.certificateLog}`;
      const before = proven.get(key);
      if (before !== undefined) return before;
      const asked = ask(root, proofs, claim, certificate).then((outcome) => {
        // That nobody could find out is no answer, and is not kept as one.
        if (!outcome.ok && outcome.fault.code === 'INTERNAL') proven.delete(key);
        return outcome;
      });
      proven.set(key, asked);
      return asked;
    },
    async close() {
      closed = true;
      const ending = thread;
      if (ending === null) return;
      end(ending, 'the webhook ends');
      await ending.worker.terminate();
    },
  };
}

function unproven(why: string): Outcome<never> {
  return bad('INTERNAL', why, { transient: true });
}
