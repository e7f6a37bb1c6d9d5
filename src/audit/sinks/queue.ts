import type { AuditLog } from '../log.ts';
import type { Sink } from './kind.ts';

/** Bytes that wait for a sink at most. */
const mostBytes = 32 << 20;
/** Milliseconds a sink has to take what still waits when the program stops. */
const patience = 5000;

/** Stands between the records and a sink: whatever the sink does, nothing waits for it. What it can't take is lost, and counted. */
export class SinkQueue {
  readonly #sink: Sink;
  readonly #log: AuditLog;
  readonly #limit: number;
  #waiting: { readonly lines: Buffer; readonly entries: number }[] = [];
  #bytes = 0;
  /** Entries that wait or are on their way. */
  #held = 0;
  #lost = 0;
  #losing = false;
  #draining: Promise<void> | null = null;

  constructor(sink: Sink, log: AuditLog, limit: number = mostBytes) {
    this.#sink = sink;
    this.#log = log;
    this.#limit = limit;
  }

  get name(): string {
    return this.#sink.name;
  }

  /** Entries that the sink did not get. */
  get lost(): number {
    return this.#lost;
  }

  send(lines: Buffer, entries: number): void {
    if (this.#bytes + lines.length > this.#limit) {
      this.#lose(entries, 'it does not keep up');
      return;
    }
    this.#waiting.push({ lines, entries });
    this.#bytes += lines.length;
    this.#held += entries;
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = null;
    });
  }

  /** Waits a while for what still waits, then closes the sink. */
  async close(wait: number = patience): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, wait);
    await Promise.race([this.#draining ?? Promise.resolve(), late]);
    clearTimeout(timer);
    if (this.#held > 0) this.#lose(this.#held, 'it did not take them before the end');
    this.#waiting = [];
    await this.#sink.close();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batches = this.#waiting;
      const entries = batches.reduce((sum, batch) => sum + batch.entries, 0);
      this.#waiting = [];
      const lines = Buffer.concat(batches.map((batch) => batch.lines));
      const outcome = await this.#sink.write(lines);
      this.#bytes -= lines.length;
      this.#held -= entries;
      if (!outcome.ok) this.#lose(entries, outcome.fault.message);
      else if (this.#losing) {
        this.#losing = false;
        this.#log.info({ sink: this.name, lost: this.#lost }, 'a sink takes records again');
      }
    }
  }

  #lose(entries: number, why: string): void {
    this.#lost += entries;
    // Once, until it works again: a sink that is down must not flood the log.
    if (!this.#losing) this.#log.warn({ sink: this.name, lost: this.#lost, why }, 'a sink loses records');
    this.#losing = true;
  }
}
