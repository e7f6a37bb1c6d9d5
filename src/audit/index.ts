import { ulid } from 'ulidx';
import type { Acknowledgement, Acknowledger } from '../domain/auditReader.ts';
import { bad, type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import type { ComparisonDraft, Kept, RecordDraft, RecordKeeper } from '../domain/record.ts';
import { Chain, type Chained, type ChainPoint, renderEvent, renderLoss, renderOpening, seal } from './chain.ts';
import { Checkpointer, type CheckpointOptions, type CheckpointStatus } from './checkpoints/checkpointer.ts';
import { checkpointsFolder } from './checkpoints/journal.ts';
import { Survey } from './checkpoints/survey.ts';
import { renderComparison } from './comparison.ts';
import { KeptRecord } from './keptRecord.ts';
import { limitsWithin, removeAbove } from './limits.ts';
import type { AuditLog } from './log.ts';
import { draftRecord, renderRecord, type Writer } from './record.ts';
import { type Removal, renderRemoval } from './removal.ts';
import { Retention } from './retention.ts';
import { findLastEntry, surveySegments } from './segments.ts';
import type { Sink } from './sinks/index.ts';
import { SinkQueue } from './sinks/queue.ts';
import { type Batch, Spool, type SpoolLimits } from './spool.ts';
import { Filling } from './store/filling.ts';
import { describeStore, type StoreSettings } from './store/index.ts';

export type { CheckpointOptions } from './checkpoints/checkpointer.ts';
export { type CheckpointCopy, type CopyKind, copyKinds } from './checkpoints/index.ts';
export { openSigners, readPublishedKey, rotateKey } from './checkpoints/key.ts';
export type { AuditLog } from './log.ts';
export { readRecordedInput } from './recordedInput.ts';
export { type Sink, type SinkKind, sinkKinds } from './sinks/index.ts';
export { createReader, describeStore, indexOf, openCommandReader, openHolds, type StoreSettings } from './store/index.ts';

export interface AuditOptions extends Writer {
  /** The spool: one JSON Lines file a segment, made if need be. */
  readonly directory: string;
  /** Where records go from the spool; null, and JSON Lines: the spool is where they stay. */
  readonly store: StoreSettings | null;
  readonly sinks: readonly Sink[];
  /** Whether a spool that can't be written at the start is a fault. */
  readonly required: boolean;
  /** Milliseconds; records in a store, by decision; where there is none, segments that are older than the longest. */
  readonly retention: { readonly allow: number; readonly deny: number };
  /** Bytes of a store in files at most. */
  readonly storeBytes: number;
  /** Bytes of the folder at most. Segments are removed before it has as many; where none can be, records are lost. */
  readonly maxBytes: number;
  /** Milliseconds since the epoch. */
  clock(): number;
  readonly log: AuditLog;
  /** Told how many records could not be kept at all. */
  onLoss?(records: number): void;
  /** Told of each segment that was removed without being in a store, and how many entries it had. */
  onRemoval?(entries: number): void;
  /** Told of entries that the store removed for their age. */
  onRetired?(entries: number): void;
  readonly limits?: Partial<SpoolLimits>;
  /** Who signs what is there, how often, and where that is copied to. */
  readonly checkpoints?: CheckpointOptions;
}

export interface AuditStatus {
  /** Entries that are not known to be on disk. */
  readonly queue: number;
  /** Records that could not be kept at all. */
  readonly lost: number;
  /** AUDIT_UNAVAILABLE while records can't be put on disk. */
  readonly fault: Fault | null;
  /** The entry that was chained last. */
  readonly chain: ChainPoint;
  readonly directory: string;
  /** Bytes of the folder, with what is on its way there; and at most. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Segments that this process removed. */
  readonly removed: number;
  /** null where there is none but the spool. Its fault: records wait in the spool. */
  readonly store: { readonly name: string; readonly fault: Fault | null; readonly shipped: number } | null;
  readonly sinks: readonly { readonly name: string; readonly lost: number }[];
  /** null where none are made. */
  readonly checkpoints: CheckpointStatus | null;
}

export interface Audit extends RecordKeeper, Acknowledger {
  status(): AuditStatus;
  /** Puts on disk what is held. Nothing is kept afterwards. */
  close(): Promise<void>;
}

/** Opens a chain of its own for this process. Fault: AUDIT_UNAVAILABLE, when the spool is required and can't be written. */
export async function createAudit(options: AuditOptions): Promise<Outcome<Audit>> {
  const previous = await findPrevious(options);
  const audit = new ChainedAudit(options);
  const opened = await audit.open(previous);
  if (!opened.ok && options.required) {
    await audit.close();
    return opened;
  }
  return good(audit);
}

async function findPrevious({ directory, log }: AuditOptions): Promise<ChainPoint | null> {
  try {
    const { point, torn } = await findLastEntry(directory);
    if (torn.length > 0) log.warn({ segments: torn }, 'audit segments end within a line: the process that wrote them was ended while it wrote');
    return point;
  } catch (cause) {
    const absent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (!absent) log.warn({ directory, cause: String(cause) }, 'the earlier audit records can not be read: the new chain is tied to none');
    return null;
  }
}

/** Milliseconds after which a segment is ended where its records go to a store. */
const turnStoredAfter = 3_600_000;

/** Milliseconds between looks at the folder. */
const cleanEvery = 5_000;

class ChainedAudit implements Audit {
  readonly #options: AuditOptions;
  readonly #chain: Chain;
  readonly #spool: Spool;
  readonly #sinks: readonly SinkQueue[];
  readonly #retention: Retention;
  readonly #clean: NodeJS.Timeout;
  #filling: Filling | null = null;
  readonly #checkpointer: Checkpointer | null;
  /** Where the entry that was chained last is on its way to the disk. */
  #batch: Batch | null = null;
  #removed = 0;
  /** Contents that the segment of this epoch holds already. */
  #contents = new Set<string>();
  #epoch = 0;
  #lost = 0;
  /** Lost since the chain last said so. */
  #untold = 0;

  constructor(options: AuditOptions) {
    this.#options = options;
    this.#chain = new Chain(ulid(options.clock()));
    this.#sinks = options.sinks.map((sink) => new SinkQueue(sink, options.log));
    const stored = options.store !== null && options.store.kind !== 'jsonl';
    // What is in the store goes from the spool by whole segments: where little is recorded they must not last for weeks.
    const limits = { ...limitsWithin(options.maxBytes), ...(stored ? { turnAfter: turnStoredAfter } : {}), ...options.limits };
    this.#spool = new Spool({
      directory: options.directory,
      chain: this.#chain.id,
      log: options.log,
      limits,
      onBatch: (lines, entries) => {
        for (const sink of this.#sinks) sink.send(lines, entries);
      },
    });
    this.#retention = new Retention({
      directory: options.directory,
      // What waits for the store is not too old, however long it waits.
      longest: stored ? Number.POSITIVE_INFINITY : Math.max(options.retention.allow, options.retention.deny),
      target: removeAbove(limits),
      log: options.log,
      clock: options.clock,
      isOpen: (name) => name.startsWith(this.#chain.id) && name >= this.#spool.oldestOpen,
      tell: (removal) => this.#tellRemoval(removal),
      counted: (bytes) => this.#spool.recount(bytes),
      removed: ({ bytes }, entries) => {
        this.#removed += 1;
        this.#spool.free(bytes);
        options.onRemoval?.(entries);
      },
    });
    this.#checkpointer = options.checkpoints === undefined ? null : this.#createCheckpointer(options.checkpoints);
    this.#clean = setInterval(() => void this.#retention.run(), cleanEvery);
    this.#clean.unref();
  }

  async open(previous: ChainPoint | null): Promise<Outcome<void>> {
    this.#spool.begin(await this.#bytesBefore());
    const batch = this.#append(seal(renderOpening(this.#chain.next, this.#options, previous, this.#options.clock())), '', true);
    const durable = batch === null ? bad('AUDIT_UNAVAILABLE', 'the audit spool takes no records') : await this.#spool.durable(batch);
    // First what is there is signed: then some of it may go.
    await this.#checkpointer?.start();
    // Where the disk is full, this may be what it takes.
    await this.#retention.run();
    this.#fill();
    return durable;
  }

  keep(draft: RecordDraft): Kept {
    try {
      const drafted = draftRecord(draft);
      const epoch = this.#spool.turnSegment();
      if (epoch !== this.#epoch) {
        this.#contents = new Set();
        void this.#retention.run();
      }
      this.#epoch = epoch;
      this.#tellLoss();
      const entry = seal(renderRecord(drafted, this.#chain.next, this.#options));
      const fresh = drafted.contents.filter(({ sha256 }, i, all) => !this.#contents.has(sha256) && all.findIndex((c) => c.sha256 === sha256) === i);
      const contents = fresh.map(({ sha256, text }) => `{"content":"${sha256}","value":${text}}\n`).join('');
      const batch = this.#untold > 0 ? null : this.#append(entry, contents);
      if (batch === null) return this.#lose(draft.id, entry.hash, 'more audit records than can be held wait for the disk, or the folder has as many as it may');
      for (const { sha256 } of fresh) this.#contents.add(sha256);
      return new KeptRecord(draft.id, entry.hash, batch, this.#spool);
    } catch (cause) {
      this.#options.log.error({ id: draft.id, cause: String(cause) }, 'a decision can not be rendered as an audit record');
      return this.#lose(draft.id, '', 'the decision can not be rendered as an audit record');
    }
  }

  keepComparison(draft: ComparisonDraft): void {
    this.#tellLoss();
    // Without its place in the chain it is counted in the metrics alone, as is everything about a candidate: no decision rests on it.
    if (this.#untold === 0) this.#append(seal(renderComparison(this.#chain.next, this.#options, draft)), '');
  }

  /** In the chain of this process, whichever chain the record is in. */
  acknowledge({ by, note, record, time }: Acknowledgement): Promise<Outcome<void>> {
    const entry = seal(renderEvent(this.#chain.next, this.#options, { reviewed: { by, note, record } }, time));
    const batch = this.#append(entry, '');
    return batch === null ? Promise.resolve(bad('AUDIT_UNAVAILABLE', 'the audit spool takes no records')) : this.#spool.durable(batch);
  }

  status(): AuditStatus {
    return {
      queue: this.#spool.queue,
      lost: this.#lost,
      fault: this.#spool.fault,
      chain: this.#chain.point,
      directory: this.#options.directory,
      bytes: this.#spool.bytes,
      maxBytes: this.#options.maxBytes,
      removed: this.#removed,
      store:
        this.#filling === null || this.#options.store === null
          ? null
          : { name: describeStore(this.#options.store), fault: this.#filling.fault, shipped: this.#filling.shipped },
      sinks: this.#sinks.map(({ name, lost }) => ({ name, lost })),
      checkpoints: this.#checkpointer?.status() ?? null,
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#clean);
    await this.#checkpointer?.close();
    const left = await this.#spool.close();
    if (left > 0) {
      this.#count(left);
      this.#options.log.error({ lost: left }, 'audit records could not be put on disk before the end');
    }
    await Promise.all([this.#filling?.close(), ...this.#sinks.map((sink) => sink.close())]);
  }

  #fill(): void {
    const { directory, log, onRetired, retention, store, storeBytes } = this.#options;
    if (store === null || store.kind === 'jsonl') return;
    this.#filling = new Filling({
      directory,
      settings: store,
      retention: { allow: retention.allow, deny: retention.deny, bytes: storeBytes },
      log,
      committed: () => this.#spool.committed,
      freed: (bytes) => this.#spool.free(bytes),
      removing: async (ranges) => this.#checkpointer?.remove(ranges),
      retired: (entries) => onRetired?.(entries),
    });
  }

  #append(entry: Chained, contents: string, urgent = false): Batch | null {
    const batch = this.#spool.append(contents + entry.line, urgent);
    // What could not be taken leaves no gap: the next entry gets its place.
    if (batch !== null) {
      this.#chain.add(entry);
      this.#batch = batch;
    }
    return batch;
  }

  /** The chain itself says that it does not hold everything. */
  #tellLoss(): void {
    if (this.#untold === 0) return;
    const batch = this.#append(seal(renderLoss(this.#chain.next, this.#options, this.#untold, this.#options.clock())), '');
    if (batch !== null) this.#untold = 0;
  }

  #lose(id: string, hash: string, message: string): Kept {
    if (this.#untold === 0) {
      this.#options.log.error({ id, code: 'AUDIT_UNAVAILABLE' }, message);
      void this.#retention.run();
    }
    this.#untold += 1;
    this.#count(1);
    return { id, hash, durable: Promise.resolve({ ok: false, fault: fault('AUDIT_UNAVAILABLE', message) }) };
  }

  #count(records: number): void {
    this.#lost += records;
    this.#options.onLoss?.(records);
  }

  async #bytesBefore(): Promise<number> {
    try {
      return (await surveySegments(this.#options.directory)).reduce((sum, { bytes }) => sum + bytes, 0);
    } catch {
      // No folder yet, or one that can't be read: whoever writes to it says so.
      return 0;
    }
  }

  /** Room is made even where the disk takes nothing: that may be what it lacks. Then the log alone says so until it works again. */
  async #tellRemoval(removal: Removal): Promise<boolean> {
    // In the segment that is written now, whose contents are still counted: no new one is begun for this.
    const entry = seal(renderRemoval(this.#chain.next, this.#options, removal, this.#options.clock()));
    const batch = this.#append(entry, '', true);
    if (batch === null) return false;
    await this.#spool.durable(batch);
    await this.#checkpointer?.remove(removal.ranges);
    return true;
  }

  #createCheckpointer(options: CheckpointOptions): Checkpointer {
    const { directory, replica, build, log, clock } = this.#options;
    const survey = new Survey(directory);
    return new Checkpointer({
      ...options,
      directory: checkpointsFolder(directory),
      series: this.#chain.id,
      writer: { replica, build },
      log,
      clock,
      own: () => this.#durablePoint(),
      survey: (own) => survey.take(own),
    });
  }

  /** The last entry, when it is on disk. */
  async #durablePoint(): Promise<ChainPoint | null> {
    const { point } = this.#chain;
    const durable = this.#batch === null ? null : await this.#spool.durable(this.#batch);
    return durable?.ok === true ? point : null;
  }
}
