import { type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import type { AuditLog } from './log.ts';
import { type OpenSegment, openSegment } from './segmentFile.ts';
import { segmentName } from './segments.ts';
import { SegmentWriter } from './segmentWriter.ts';

export interface SpoolOptions {
  readonly directory: string;
  /** ULID of the chain that is written. */
  readonly chain: string;
  readonly log: AuditLog;
  readonly limits: SpoolLimits;
  /** Sees every batch of lines once, on its way to the disk. */
  readonly onBatch: (lines: Buffer, entries: number) => void;
  readonly open?: OpenSegment;
}

export interface SpoolLimits {
  /** Entries, and UTF-16 units, held at most until they are on disk. */
  readonly entries: number;
  readonly units: number;
  /** Bytes of the folder, with what is on its way there, at most. */
  readonly bytes: number;
  /** Bytes, and milliseconds, after which a new segment begins. */
  readonly segment: number;
  readonly turnAfter: number;
  /** Milliseconds that lines nobody waits for may stay unsynced, and between attempts while the disk fails. */
  readonly syncAfter: number;
  readonly retryAfter: number;
  /** Milliseconds that a caller, and the end, wait for the disk at most: one that hangs must hold up neither. */
  readonly waitAtMost: number;
  readonly closeWithin: number;
}

export const spoolLimits: SpoolLimits = {
  entries: 50_000,
  units: 128 << 20,
  bytes: 1 << 30,
  segment: 64 << 20,
  turnAfter: Number.POSITIVE_INFINITY,
  syncAfter: 1000,
  retryAfter: 1000,
  waitAtMost: 2000,
  closeWithin: 5000,
};

/** Lines that were appended within one turn of the event loop: they are written, and reach the disk, together. */
export interface Batch {
  readonly segment: number;
  readonly lines: string[];
  entries: number;
  units: number;
  bytes: Buffer | null;
  synced: boolean;
  waiting: Waiting | null;
}

/** The promise of those who wait for a batch. */
interface Waiting {
  readonly promise: Promise<Outcome<void>>;
  settle(outcome: Outcome<void>): void;
}

const unavailable: Fault = fault('AUDIT_UNAVAILABLE', 'audit records can not be put on disk');

/**
 * JSON Lines on disk, in segments. Appending never waits. What is not known to be on disk is held in memory, within limits: when the
 * disk fails, waiting callers are told at once, and all that is held is written again from the last point that was sure, since after
 * a failed fdatasync nobody can know what reached the disk (https://wiki.postgresql.org/wiki/Fsync_Errors).
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #writer: SegmentWriter;
  #gathering: Batch | null = null;
  #queue: Batch[] = [];
  #unsynced: Batch[] = [];
  #entries = 0;
  #units = 0;
  #bytes = 0;
  #segment = 0;
  #segmentBytes = 0;
  #segmentBegan = performance.now();
  #running: Promise<void> | null = null;
  #failing = false;
  #reported = false;
  #closing = false;
  #lazySync: NodeJS.Timeout | null = null;
  #retry: NodeJS.Timeout | null = null;

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#writer = new SegmentWriter(options.directory, options.chain, options.open ?? openSegment);
  }

  /** Entries that are not known to be on disk. */
  get queue(): number {
    return this.#entries;
  }

  /** Bytes of the folder, with what is on its way there. */
  get bytes(): number {
    return this.#bytes;
  }

  /** From the first attempt that failed to the first that succeeded again. */
  get fault(): Fault | null {
    return this.#reported ? unavailable : null;
  }

  /** Name of the segment that is appended to. */
  get current(): string {
    return segmentName(this.#options.chain, this.#segment);
  }

  /** Name of the oldest segment of this chain that may still be written to. */
  get oldestOpen(): string {
    return segmentName(this.#options.chain, this.#writer.segment);
  }

  /** Up to where the chain is surely on disk. */
  get committed(): { readonly segment: string; readonly bytes: number } {
    return { segment: this.oldestOpen, bytes: this.#writer.sure };
  }

  /** What was removed from the folder takes no room any more. */
  free(bytes: number): void {
    this.#bytes -= bytes;
  }

  /** Takes what was found in the folder for its size, unless something is on its way there. Returns what counts. */
  recount(found: number): number {
    if (this.#entries === 0) this.#bytes = found;
    return this.#bytes;
  }

  /** Counts what was in the folder before. */
  begin(found: number): void {
    this.#bytes += found;
  }

  /** Begins a new segment if the current one is full. The number changes with every file in which nothing was written yet. */
  turnSegment(): number {
    const { segment, turnAfter } = this.#options.limits;
    if (this.#segmentBytes >= segment || (this.#segmentBytes > 0 && performance.now() - this.#segmentBegan >= turnAfter)) {
      this.#segment += 1;
      this.#segmentBytes = 0;
      this.#segmentBegan = performance.now();
      this.#seal();
    }
    return this.#segment + this.#writer.replaced;
  }

  /**
   * Appends whole lines that hold one entry; null when no more can be held. `urgent` passes the limits: what says that room is made
   * must find room.
   */
  append(lines: string, urgent = false): Batch | null {
    if (this.#closing || (!urgent && !this.#hasRoom(lines.length))) return null;
    let batch = this.#gathering;
    if (batch === null) {
      batch = { segment: this.#segment, lines: [], entries: 0, units: 0, bytes: null, synced: false, waiting: null };
      this.#gathering = batch;
      setImmediate(() => this.#flush());
    }
    batch.lines.push(lines);
    batch.entries += 1;
    batch.units += lines.length;
    this.#entries += 1;
    this.#units += lines.length;
    this.#bytes += lines.length;
    this.#segmentBytes += lines.length;
    return batch;
  }

  #hasRoom(length: number): boolean {
    const { limits } = this.#options;
    return this.#entries < limits.entries && this.#units + length <= limits.units && this.#bytes + length <= limits.bytes;
  }

  /** Settles when a batch is on disk, or as soon as it is known that the disk fails. Asking hurries it. */
  durable(batch: Batch): Promise<Outcome<void>> {
    if (batch.synced) return Promise.resolve(good(undefined));
    if (this.#failing) return Promise.resolve({ ok: false, fault: unavailable });
    if (batch.waiting === null) {
      batch.waiting = this.#waiting();
      if (this.#gathering !== batch) this.#run();
    }
    return batch.waiting.promise;
  }

  /** Writes what is held, and stops. Returns how many entries could not be put on disk. */
  async close(): Promise<number> {
    this.#closing = true;
    this.#seal();
    if (this.#retry !== null) clearTimeout(this.#retry);
    if (this.#lazySync !== null) clearTimeout(this.#lazySync);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, this.#options.limits.closeWithin);
    await Promise.race([this.#finish(), late]);
    clearTimeout(timer);
    this.#failing = true;
    return this.#entries;
  }

  async #finish(): Promise<void> {
    await this.#running;
    this.#failing = false;
    await this.#write(true);
    await this.#writer.abandon();
  }

  #flush(): void {
    this.#seal();
    this.#run();
  }

  #seal(): void {
    const batch = this.#gathering;
    if (batch === null) return;
    this.#gathering = null;
    const bytes = Buffer.from(batch.lines.join(''), 'utf8');
    batch.lines.length = 0;
    batch.bytes = bytes;
    // Until here a UTF-16 unit counted as a byte.
    this.#bytes += bytes.length - batch.units;
    if (batch.segment === this.#segment) this.#segmentBytes += bytes.length - batch.units;
    this.#queue.push(batch);
    this.#options.onBatch(bytes, batch.entries);
  }

  #run(): void {
    if (this.#failing || this.#closing) return;
    this.#running ??= this.#write(false).finally(() => {
      this.#running = null;
      // Something may have come between the last look at the queue and now.
      if (this.#hasWork()) this.#run();
      else this.#syncLater();
    });
  }

  #hasWork(): boolean {
    return !this.#failing && (this.#queue.length > 0 || this.#unsynced.some(({ waiting }) => waiting !== null));
  }

  /** Writes until nothing is left to do; `all` leaves nothing unsynced. Never rejects. */
  async #write(all: boolean): Promise<void> {
    try {
      while (this.#hasWork() || (all && this.#unsynced.length > 0)) {
        const segment = this.#queue[0]?.segment ?? this.#writer.segment;
        if (segment !== this.#writer.segment) {
          // What is unsynced belongs to the segment that is left.
          if (this.#unsynced.length > 0) await this.#sync();
          await this.#writer.turnTo(segment);
        }
        const batches = this.#queue.filter((batch) => batch.segment === segment);
        // Held as unsynced before it is written: a write that fails half-way is undone with the rest.
        this.#queue.splice(0, batches.length);
        this.#unsynced.push(...batches);
        await this.#writer.write(batches.flatMap(({ bytes }) => (bytes === null ? [] : [bytes])));
        // After a failure a sync is what shows that the disk works again.
        if (all || this.#reported || this.#unsynced.some(({ waiting }) => waiting !== null)) await this.#sync();
      }
    } catch (cause) {
      await this.#fail(cause);
    }
  }

  async #sync(): Promise<void> {
    const batches = this.#unsynced;
    await this.#writer.sync();
    this.#unsynced = [];
    if (this.#reported) this.#options.log.info({ held: this.#entries }, 'audit records are put on disk again');
    this.#reported = false;
    for (const batch of batches) {
      batch.synced = true;
      batch.bytes = null;
      this.#entries -= batch.entries;
      this.#units -= batch.units;
      batch.waiting?.settle(good(undefined));
    }
  }

  async #fail(cause: unknown): Promise<void> {
    // Once, not at every attempt.
    if (!this.#reported) {
      this.#options.log.error({ code: 'AUDIT_UNAVAILABLE', held: this.#entries, cause: String(cause) }, 'audit records can not be put on disk');
    }
    this.#reported = true;
    this.#failing = true;
    const held = [...this.#unsynced, ...this.#queue];
    this.#queue = held;
    this.#unsynced = [];
    for (const batch of [...held, ...(this.#gathering === null ? [] : [this.#gathering])]) {
      batch.waiting?.settle({ ok: false, fault: unavailable });
      batch.waiting = null;
    }
    await this.#writer.abandon();
    if (this.#closing) return;
    this.#retry = setTimeout(() => {
      this.#failing = false;
      this.#run();
    }, this.#options.limits.retryAfter).unref();
  }

  #waiting(): Waiting {
    const { promise, resolve } = Promise.withResolvers<Outcome<void>>();
    const timer = setTimeout(() => resolve({ ok: false, fault: unavailable }), this.#options.limits.waitAtMost);
    timer.unref();
    const settle = (outcome: Outcome<void>): void => {
      clearTimeout(timer);
      resolve(outcome);
    };
    return { promise, settle };
  }

  #syncLater(): void {
    if (this.#unsynced.length === 0 || this.#lazySync !== null || this.#failing || this.#closing) return;
    this.#lazySync = setTimeout(() => {
      this.#lazySync = null;
      const [oldest] = this.#unsynced;
      if (oldest !== undefined) void this.durable(oldest);
    }, this.#options.limits.syncAfter).unref();
  }
}
