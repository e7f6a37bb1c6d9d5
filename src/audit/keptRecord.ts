import type { Outcome } from '../domain/fault.ts';
import type { Kept } from '../domain/record.ts';
import type { Batch, Spool } from './spool.ts';

/** Asking for `durable` hurries the record to the disk; one that nobody waits for goes there with the next that somebody does. */
export class KeptRecord implements Kept {
  readonly id: string;
  readonly hash: string;
  readonly #batch: Batch;
  readonly #spool: Spool;

  constructor(id: string, hash: string, batch: Batch, spool: Spool) {
    this.id = id;
    this.hash = hash;
    this.#batch = batch;
    this.#spool = spool;
  }

  get durable(): Promise<Outcome<void>> {
    return this.#spool.durable(this.#batch);
  }
}
