import { type Fault, fault } from '../../domain/fault.ts';
import type { ChainPoint } from '../chain.ts';
import type { AuditLog } from '../log.ts';
import type { Writer } from '../record.ts';
import type { RemovedRange } from '../removal.ts';
import { type ChainClaim, type Checkpoint, mostChains, mostPieces, mostRemoved, type SignedCheckpoint, signCheckpoint } from './checkpoint.ts';
import { CopyQueue, type CopyStatus } from './copyQueue.ts';
import { appendCheckpoint, lastCheckpoints } from './journal.ts';
import type { Signers } from './key.ts';
import type { CheckpointCopy } from './kind.ts';
import { lastClaims, opensBefore, restateClaims } from './restate.ts';

export interface CheckpointOptions {
  readonly signers: Signers;
  /** Milliseconds between checkpoints while records are added. */
  readonly every: number;
  readonly copies: readonly CheckpointCopy[];
}

export interface CheckpointerParts extends CheckpointOptions {
  /** Folder of the journals. */
  readonly directory: string;
  /** ULID of this process's own chain, which its series of checkpoints is named by. */
  readonly series: string;
  readonly writer: Writer;
  readonly log: AuditLog;
  clock(): number;
  /** The last entry of our own chain that is surely on disk; null while that can not be said. */
  own(): Promise<ChainPoint | null>;
  /** What is there of all chains. */
  survey(own: ChainPoint): Promise<readonly ChainClaim[]>;
}

export interface CheckpointStatus {
  /** Hex id of the key that signs. */
  readonly key: string;
  readonly made: number;
  /** Milliseconds since the epoch; null before the first. */
  readonly newest: number | null;
  /** AUDIT_UNAVAILABLE when the last attempt to make one failed. */
  readonly fault: Fault | null;
  readonly copies: readonly CopyStatus[];
}

/** Signs what is there of all chains: at the start, on an interval, before anything is removed, and at the end. Nothing waits for it but the removal. */
export class Checkpointer {
  readonly #parts: CheckpointerParts;
  readonly #copies: readonly CopyQueue[];
  #earlier: readonly SignedCheckpoint[] = [];
  #store: string;
  #number = 0;
  #previous: string | null = null;
  #rotation: Checkpoint['rotation'] = null;
  #heads = '';
  /** What was signed last of each chain, and what was removed then. */
  #signed: readonly ChainClaim[] = [];
  #gone: readonly RemovedRange[] = [];
  #strange = '';
  #removed: RemovedRange[] = [];
  #newest: number | null = null;
  #fault: Fault | null = null;
  #timer: NodeJS.Timeout | null = null;
  #busy: Promise<void> = Promise.resolve();

  constructor(parts: CheckpointerParts) {
    this.#parts = parts;
    this.#store = parts.series;
    this.#copies = parts.copies.map((copy) => new CopyQueue(copy, parts.log));
  }

  /** Goes on from the checkpoints of earlier processes. Never rejects. */
  async start(): Promise<void> {
    const { signers, directory, every, log } = this.#parts;
    const keys = signers.previous === null ? [signers.current] : [signers.current, signers.previous];
    this.#earlier = await lastCheckpoints(directory, keys).catch(() => []);
    const [newest] = this.#earlier;
    if (newest !== undefined) {
      this.#store = newest.checkpoint.store;
      this.#previous = newest.id;
      this.#signed = lastClaims(this.#earlier);
      this.#gone = newest.checkpoint.removed;
    }
    const { current, previous } = signers;
    const introduced = this.#earlier.some(({ envelope }) => envelope.signatures.some(({ keyid }) => keyid === current.id));
    if (previous !== null && !introduced) {
      this.#rotation = { from: { id: previous.id, pem: previous.pem }, to: { id: current.id, pem: current.pem } };
      log.info({ from: previous.id, to: current.id }, 'audit checkpoints are signed with another key from now on');
    }
    await this.make('start');
    this.#timer = setInterval(() => void this.make('interval'), every);
    this.#timer.unref();
  }

  /** Signs what is about to be removed. Resolves when that is on disk, or can't be put there: then the next checkpoint says it. */
  async remove(ranges: readonly RemovedRange[]): Promise<void> {
    this.#removed.push(...ranges);
    if (this.#timer === null) return;
    for (let left = Number.POSITIVE_INFINITY; this.#removed.length > 0 && this.#removed.length < left; ) {
      left = this.#removed.length;
      await this.make('removal');
    }
  }

  make(reason: Checkpoint['reason']): Promise<void> {
    this.#busy = this.#busy.then(() => this.#make(reason));
    return this.#busy;
  }

  status(): CheckpointStatus {
    const copies = this.#copies.map((copy) => copy.status());
    return { key: this.#parts.signers.current.id, made: this.#number, newest: this.#newest, fault: this.#fault, copies };
  }

  /** One more, while all is on disk; then the copies get a while. */
  async close(): Promise<void> {
    if (this.#timer !== null) {
      clearInterval(this.#timer);
      await this.make('stop');
    }
    await this.#busy;
    await Promise.all(this.#copies.map((copy) => copy.close()));
  }

  async #make(reason: Checkpoint['reason']): Promise<void> {
    const { clock, directory, log, own, series, signers, survey, writer } = this.#parts;
    try {
      const point = await own();
      if (point === null) throw new Error('the records are not on disk');
      const chains = this.#vouchFor(await survey(point));
      const heads = JSON.stringify(chains);
      // Nothing was added: the newest one says all that there is to say.
      if (reason === 'interval' && heads === this.#heads && this.#removed.length === 0) return;
      const removed = this.#removed.slice(0, mostRemoved);
      const time = clock();
      const checkpoint: Checkpoint = {
        build: writer.build,
        chains: [...chains],
        number: this.#number,
        previous: this.#previous,
        reason,
        removed: removed.map(({ reason: why, ...range }) => ({ ...range, first: { ...range.first }, last: { ...range.last }, reason: why })),
        replica: writer.replica,
        rotation: this.#rotation,
        schema: 1,
        series,
        store: this.#store,
        time: new Date(time).toISOString(),
      };
      const by = this.#rotation === null || signers.previous === null ? [signers.current] : [signers.current, signers.previous];
      const { id, text } = signCheckpoint(checkpoint, by);
      await appendCheckpoint(directory, series, text);
      for (const copy of this.#copies) copy.send(copyName(checkpoint), text);
      this.#removed = this.#removed.slice(removed.length);
      this.#number += 1;
      this.#previous = id;
      this.#rotation = null;
      this.#heads = heads;
      this.#signed = chains;
      this.#gone = removed;
      this.#newest = time;
      if (this.#fault !== null) log.info({}, 'audit checkpoints are made again');
      this.#fault = null;
    } catch (cause) {
      if (this.#fault === null) log.warn({ cause: String(cause) }, 'an audit checkpoint can not be made; it is tried again');
      this.#fault = fault('AUDIT_UNAVAILABLE', 'audit checkpoints can not be made', { cause });
    }
  }

  /** What this key may be put under: nothing that contradicts what was signed before, and no chain that should have been known then. */
  #vouchFor(found: readonly ChainClaim[]): readonly ChainClaim[] {
    const { log, series } = this.#parts;
    const [newest] = this.#earlier;
    const strange = found.filter(
      ({ chain }) => newest !== undefined && chain !== series && opensBefore(chain, newest) && !this.#signed.some((claim) => claim.chain === chain),
    );
    const usual = found.filter((claim) => !strange.includes(claim));
    const { claims, changed } = restateClaims(usual, this.#signed, [...this.#gone, ...this.#removed]);
    const inserted = strange.map(({ chain }) => chain);
    const said = JSON.stringify([changed, inserted]);
    // Said once: what was signed before is what is verified.
    if (changed.length + inserted.length > 0 && said !== this.#strange) {
      log.error({ changed, inserted }, 'audit records are not as an earlier checkpoint says: run tidewaiter audit verify');
    }
    this.#strange = said;
    return claims.slice(-mostChains).map((claim) => ({ ...claim, pieces: claim.pieces.slice(-mostPieces) }));
  }
}

/** Sorts by time; a tag as well as a file's name. */
function copyName({ time, series, number }: Checkpoint): string {
  return `${time.replaceAll(/[-:.]/g, '')}-${series}-${String(number).padStart(6, '0')}`;
}
