import type { EngineSet } from './engine.ts';

/** What a worker is told. Inputs travel as one transferred buffer, cut at `ends`. */
export type ToWorker =
  | { readonly type: 'load'; readonly set: EngineSet }
  | { readonly type: 'judge'; readonly inputs: ArrayBuffer; readonly ends: readonly number[] };

/** What it answers: for each input the empty text when every policy ran and none had anything to say, else a JSON array of RawResult. */
export interface FromWorker {
  readonly results: readonly string[];
}

/** Where a worker is, in memory it shares: so that what hangs or dies has a name. */
export class Progress {
  static readonly bytes = 16;
  readonly #since: Float64Array;
  readonly #at: Int32Array;

  constructor(shared: SharedArrayBuffer) {
    this.#since = new Float64Array(shared, 0, 1);
    this.#at = new Int32Array(shared, 8, 2);
  }

  /** Notes the start of an input. */
  begin(input: number): void {
    this.#since[0] = Date.now();
    Atomics.store(this.#at, 0, input);
  }

  policy(index: number): void {
    Atomics.store(this.#at, 1, index);
  }

  /** Notes that a batch is done, or not begun. */
  rest(): void {
    Atomics.store(this.#at, 0, -1);
  }

  /** Index of the input under way in its batch and of its policy, and when it began (ms since the epoch); null between batches. */
  read(): { readonly input: number; readonly policy: number; readonly since: number } | null {
    const input = Atomics.load(this.#at, 0);
    return input < 0 ? null : { input, policy: Atomics.load(this.#at, 1), since: this.#since[0] ?? 0 };
  }
}
