import { type Fault, fault } from '../../domain/fault.ts';
import type { AuditLog } from '../log.ts';
import type { RemovedRange } from '../removal.ts';
import type { StoreSettings } from './open.ts';
import type { StoreRetention } from './retain.ts';
import type { Committed } from './ship.ts';
import { type StoreThread, startThread } from './thread.ts';

export interface FillingParts {
  /** The spool. */
  readonly directory: string;
  readonly settings: StoreSettings;
  readonly retention: StoreRetention;
  readonly log: AuditLog;
  committed(): Committed;
  /** Told of bytes of the spool that are in the store, and gone. */
  freed(bytes: number): void;
  /** Told of what is about to be removed from the store: it stays until this resolves. Never rejects. */
  removing(ranges: readonly RemovedRange[]): Promise<void>;
  /** Told of records that were too old. */
  retired(entries: number): void;
}

/** Milliseconds: between looks at what is committed; before a thread that died is started again; that the end waits for the store. */
const times = { look: 250, restart: 1_000, finish: 5_000 };

/** Fills the store from the spool, in a thread of its own: no admission waits for it. */
export class Filling {
  readonly #parts: FillingParts;
  #thread: StoreThread | null = null;
  #restart: NodeJS.Timeout | null = null;
  readonly #look: NodeJS.Timeout;
  #told = '';
  #fault: Fault | null = null;
  #shipped = 0;
  #finished: (() => void) | null = null;

  constructor(parts: FillingParts) {
    this.#parts = parts;
    this.#start();
    this.#look = setInterval(() => this.#tellCommitted(), times.look).unref();
  }

  /** AUDIT_UNAVAILABLE while the store takes nothing: then records wait in the spool. */
  get fault(): Fault | null {
    return this.#fault;
  }

  /** Entries that the store took from this process. */
  get shipped(): number {
    return this.#shipped;
  }

  /** Ships what is left, within a limit: what does not get there stays in the spool. */
  async close(): Promise<void> {
    clearInterval(this.#look);
    if (this.#restart !== null) clearTimeout(this.#restart);
    const thread = this.#thread;
    if (thread === null) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#finished = resolve;
    this.#tellCommitted();
    thread.send({ type: 'finish' });
    const timer = setTimeout(resolve, times.finish);
    await promise;
    clearTimeout(timer);
    await thread.stop();
  }

  #tellCommitted(): void {
    const committed = this.#parts.committed();
    const told = `${committed.segment} ${committed.bytes}`;
    if (told === this.#told) return;
    this.#told = told;
    this.#thread?.send({ type: 'committed', committed });
  }

  #start(): void {
    const { committed, directory, freed, log, removing, retention, retired, settings } = this.#parts;
    this.#told = '';
    this.#thread = startThread(
      { role: 'ship', directory, settings, retention, committed: committed() },
      log,
      (message) => {
        if (message.type === 'shipped') this.#shipped += message.entries;
        else if (message.type === 'removedSegment') freed(message.bytes);
        else if (message.type === 'removing') void removing(message.ranges).then(() => this.#thread?.send({ type: 'signed' }));
        else if (message.type === 'retired') retired(message.entries);
        else if (message.type === 'state') this.#fault = message.fault === null ? null : fault(message.fault.code, message.fault.message);
        else if (message.type === 'finished') this.#finished?.();
      },
      () => {
        this.#thread = null;
        this.#finished?.();
        if (this.#finished !== null) return;
        this.#fault = fault('AUDIT_UNAVAILABLE', 'the thread of the audit store ended; it is started again');
        this.#restart = setTimeout(() => this.#start(), times.restart).unref();
      },
    );
  }
}
