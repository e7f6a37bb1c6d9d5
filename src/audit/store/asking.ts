import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HoldKeeper, RecordReader } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { AuditLog } from '../log.ts';
import { answerFrom, storeFault } from './answers.ts';
import { keepHolds } from './holds.ts';
import { describeStore, openDatabase, type StoreSettings } from './open.ts';
import { type OpenedStore, openStore } from './opened.ts';
import type { StorePages } from './pages.ts';
import type { FromReader } from './protocol.ts';
import { readPages } from './reader.ts';
import type { StoreRetention } from './retain.ts';
import { type StoreThread, startThread } from './thread.ts';

export interface ReaderParts {
  readonly settings: StoreSettings;
  readonly retention: StoreRetention;
  readonly log: AuditLog;
}

/** Questions that wait for an answer at most. */
const mostWaiting = 64;
/** Milliseconds after which nobody waits for an answer any more. */
const waitAtMost = 30_000;

const names = [
  'list',
  'collapse',
  'show',
  'timeline',
  'images',
  'policies',
  'exceptions',
  'contents',
  'whole',
  'chains',
  'entriesFrom',
  'removals',
  'holds',
] as const;

/** A reader that keeps nobody waiting who does not ask: what blocks runs in a thread of its own. Opens nothing before the first question. */
export function createReader(parts: ReaderParts): RecordReader {
  if (parts.settings.kind === 'postgres') {
    const db = openDatabase(parts.settings, 'read', 4);
    return readPages(answerFrom(db, Date.now), () => db.close());
  }
  const thread = new AskedThread(parts);
  // The thread answers what StorePages asks, question by question.
  const pages = Object.fromEntries(names.map((name) => [name, (...given: unknown[]) => thread.ask(name, given)])) as unknown as StorePages;
  return readPages(pages, () => thread.close());
}

/** A reader for a command: it works in the thread of who asks, and leaves nothing behind. */
export async function openCommandReader({ log, retention, settings }: ReaderParts): Promise<Outcome<RecordReader>> {
  // The index of a webhook that runs here belongs to it.
  const scratch = settings.kind === 'jsonl' ? await mkdtemp(join(tmpdir(), 'tidewaiter-index-')) : null;
  const forget = async (): Promise<void> => {
    if (scratch !== null) await rm(scratch, { recursive: true, force: true });
  };
  try {
    const opened: OpenedStore = await openStore(settings.kind === 'jsonl' ? { ...settings, index: join(scratch ?? '', 'audit.db') } : settings, retention, log);
    await opened.refresh(new AbortController().signal);
    const close = async (): Promise<void> => {
      await opened.db.close();
      await forget();
    };
    return { ok: true, value: readPages(answerFrom(opened.db, Date.now), close) };
  } catch (cause) {
    await forget();
    return storeFault(cause, undefined, describeStore(settings));
  }
}

/** Opens the holds of a store that removes records by age itself. Faults: AUDIT_UNAVAILABLE, CONFIG_INVALID for JSON Lines. */
export async function openHolds(settings: StoreSettings): Promise<Outcome<HoldKeeper>> {
  if (settings.kind === 'jsonl') return bad('CONFIG_INVALID', 'audit.store is a folder of JSON Lines, which knows no holds: use sqlite or postgres');
  try {
    const db = openDatabase(settings, 'write', 1);
    await db.migrate();
    return good(keepHolds(db));
  } catch (cause) {
    return storeFault(cause, undefined, describeStore(settings));
  }
}

class AskedThread {
  readonly #parts: ReaderParts;
  readonly #waiting = new Map<number, (answer: Outcome<never>) => void>();
  #thread: StoreThread | null = null;
  #asked = 0;
  #closed = false;

  constructor(parts: ReaderParts) {
    this.#parts = parts;
  }

  /** `given` ends with the signal. */
  async ask(question: keyof StorePages, given: readonly unknown[]): Promise<Outcome<never>> {
    const signal = given.at(-1);
    if (this.#closed || !(signal instanceof AbortSignal) || signal.aborted) return bad('AUDIT_UNAVAILABLE', 'the question to the audit store was given up');
    if (this.#waiting.size >= mostWaiting) return bad('AUDIT_UNAVAILABLE', 'too many questions wait for the audit store');
    this.#asked += 1;
    const id = this.#asked;
    const { promise, resolve } = Promise.withResolvers<Outcome<never>>();
    this.#waiting.set(id, resolve);
    const giveUp = (): void => resolve(bad('AUDIT_UNAVAILABLE', 'the question to the audit store was given up'));
    signal.addEventListener('abort', giveUp, { once: true });
    const timer = setTimeout(() => resolve(bad('AUDIT_UNAVAILABLE', 'the question to the audit store takes too long; ask about a shorter time')), waitAtMost);
    this.#thread ??= this.#start();
    this.#thread.send({ type: 'ask', id, question, given: given.slice(0, -1) });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
      this.#waiting.delete(id);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread?.stop();
    for (const resolve of this.#waiting.values()) resolve(bad('AUDIT_UNAVAILABLE', 'the question to the audit store was given up'));
  }

  #start(): StoreThread {
    const { log, retention, settings } = this.#parts;
    return startThread(
      { role: 'read', settings, retention },
      log,
      (message) => {
        if (message.type === 'answer') this.#answer(message);
      },
      () => {
        this.#thread = null;
        for (const resolve of this.#waiting.values()) resolve(bad('AUDIT_UNAVAILABLE', 'the thread that reads the audit store ended'));
      },
    );
  }

  /** Made by our own thread of the very types that were asked for. */
  #answer({ answer, id }: FromReader): void {
    this.#waiting.get(id)?.(answer as Outcome<never>);
  }
}
