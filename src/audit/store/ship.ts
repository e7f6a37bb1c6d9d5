import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditLog } from '../log.ts';
import { type Segment, surveySegments } from '../segments.ts';
import type { Database } from './database.ts';
import { parseSpoolLine, type StoreEntry } from './entry.ts';
import { beginsLine, readLines } from './spoolLines.ts';
import { type Place, placeOfChain, putBatch } from './write.ts';

/** What this process has surely put on disk of its own chain. */
export interface Committed {
  /** Name of the segment that is written. */
  readonly segment: string;
  readonly bytes: number;
}

export interface ShipperParts {
  /** The spool. */
  readonly directory: string;
  readonly db: Database;
  readonly log: AuditLog;
  /** null where no chain is written by this process. */
  committed(): Committed | null;
  /** Whether segments are removed when all of them is in the store. */
  readonly removes: boolean;
  clock(): number;
  /** Told of each segment that was removed. */
  removed(segment: Segment): void;
  /** Told of entries that the store took. */
  shipped(entries: number): void;
}

/** Entries, and bytes of lines, of a batch at most. */
const batchLimits = { entries: 500, bytes: 4 << 20 };

/** Milliseconds for which the newest segment of another process's chain is taken to be in use. */
const inUse = 60_000;

interface Reading {
  readonly name: string;
  /** What contents of the segment refer to themselves. */
  readonly references: Map<string, readonly string[]>;
}

/**
 * Takes entries from the spool to the store, in the order of their chains. Where it is, the store knows: what was half done when a
 * process ended is done again, and what is there already stays as it is.
 */
export class Shipper {
  readonly #parts: ShipperParts;
  readonly #places = new Map<string, Place | null>();
  /** The segments that are being read, by chain. */
  readonly #readings = new Map<string, Reading>();
  /** Segments with lines that are no entries: they stay. */
  readonly #unreadable = new Set<string>();

  constructor(parts: ShipperParts) {
    this.#parts = parts;
  }

  /** Ships all that is committed. Rejects as the disk or the database does; then the next run goes on from what the store has. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      const segments = await surveySegments(this.#parts.directory).catch(absentIsEmpty);
      for (const segment of segments) {
        if (signal.aborted) return;
        if (await this.#shipSegment(segment, signal)) await this.#remove(segment, segments);
      }
    } catch (cause) {
      // What the store has may be less, or more, than was thought.
      this.#places.clear();
      throw cause;
    }
  }

  /** True when all of a segment is in the store. */
  async #shipSegment(segment: Segment, signal: AbortSignal): Promise<boolean> {
    const { directory } = this.#parts;
    const path = join(directory, segment.name);
    const place = await this.#placeOf(segment.chain);
    if (place !== null && place.segment > segment.name) return true;
    const end = this.#committedOf(segment);
    const known = place?.segment === segment.name ? place.position : 0;
    if (known >= end) return known >= segment.bytes;
    try {
      const from = (await beginsLine(path, known)) ? known : 0;
      const reading = await this.#readingOf(segment, path, from);
      await this.#shipLines(segment, path, reading, from, end, signal);
    } catch (cause) {
      // One that was removed to make room is gone, and the chain says so.
      if (isAbsent(cause)) return false;
      throw cause;
    }
    if (this.#unreadable.has(segment.name) || signal.aborted) return false;
    return end === segment.bytes;
  }

  async #shipLines(segment: Segment, path: string, reading: Reading, from: number, to: number, signal: AbortSignal): Promise<void> {
    let entries: StoreEntry[] = [];
    let contents = new Map<string, string>();
    let [bytes, position] = [0, from];
    const flush = async (): Promise<void> => {
      if (position === from && entries.length === 0) return;
      const sequence = entries.at(-1)?.point.sequence ?? (await this.#placeOf(segment.chain))?.sequence ?? -1;
      await this.#put(path, entries, contents, { chain: segment.chain, segment: segment.name, position, sequence });
      [entries, contents, bytes] = [[], new Map(), 0];
    };
    for await (const { text, end } of readLines(path, from, to)) {
      const parsed = parseSpoolLine(text, (sha256) => reading.references.get(sha256) ?? []);
      if (parsed.type === 'content') {
        contents.set(parsed.sha256, parsed.text);
        if (parsed.references.length > 0) reading.references.set(parsed.sha256, parsed.references);
      } else if (parsed.type === 'entry') entries.push(parsed.entry);
      else if (text !== '') this.#tellUnreadable(segment.name);
      position = end;
      bytes += text.length;
      if (entries.length >= batchLimits.entries || bytes >= batchLimits.bytes) await flush();
      if (signal.aborted) break;
    }
    await flush();
  }

  async #put(path: string, entries: readonly StoreEntry[], contents: Map<string, string>, place: Place): Promise<void> {
    const { db, log, shipped } = this.#parts;
    let result = await putBatch(db, { entries, contents, place, lost: new Set() });
    if (!result.put) {
      // The store has let go of contents that only removed records referred to; this segment still has them.
      const wanted = new Set(result.missing);
      for await (const { text, end } of readLines(path, 0, place.position)) {
        const parsed = text.startsWith('{"content":') ? parseSpoolLine(text, () => []) : null;
        if (parsed?.type === 'content' && wanted.delete(parsed.sha256)) contents.set(parsed.sha256, parsed.text);
        if (wanted.size === 0 || end >= place.position) break;
      }
      if (wanted.size > 0) log.error({ contents: wanted.size, segment: place.segment }, 'contents that audit records refer to are not in the segment');
      result = await putBatch(db, { entries, contents, place, lost: wanted });
    }
    if (!result.put) throw new Error('contents of audit records were removed while they were put in');
    this.#places.set(place.chain, place);
    shipped(entries.length);
  }

  /** What is known of a segment that is gone on with: what its contents refer to, and whether all of its lines are good. */
  async #readingOf({ chain, name }: Segment, path: string, upTo: number): Promise<Reading> {
    const found = this.#readings.get(chain);
    if (found?.name === name) return found;
    const reading: Reading = { name, references: new Map() };
    for await (const { text } of readLines(path, 0, upTo)) {
      const parsed = parseSpoolLine(text, () => []);
      if (parsed.type === 'content' && parsed.references.length > 0) reading.references.set(parsed.sha256, parsed.references);
      if (parsed.type === 'unreadable' && text !== '') this.#tellUnreadable(name);
    }
    this.#readings.set(chain, reading);
    return reading;
  }

  #tellUnreadable(name: string): void {
    if (this.#unreadable.has(name)) return;
    this.#unreadable.add(name);
    this.#parts.log.error(
      { segment: name },
      'an audit segment has lines that are no entries of a chain: they are not in the store, and the segment stays where it is',
    );
  }

  async #placeOf(chain: string): Promise<Place | null> {
    const found = this.#places.get(chain);
    if (found !== undefined) return found;
    const place = await placeOfChain(this.#parts.db, chain);
    this.#places.set(chain, place);
    return place;
  }

  /** Bytes of a segment that may be shipped. */
  #committedOf({ bytes, chain, name }: Segment): number {
    const committed = this.#parts.committed();
    if (committed === null || !committed.segment.startsWith(chain)) return bytes;
    if (name === committed.segment) return Math.min(bytes, committed.bytes);
    return name < committed.segment ? bytes : 0;
  }

  async #remove(segment: Segment, all: readonly Segment[]): Promise<void> {
    const { clock, committed, directory, log, removed, removes } = this.#parts;
    // The newest one tells the next process what its chain follows on.
    if (!removes || segment.name === all.at(-1)?.name || segment.name === committed()?.segment) return;
    const newer = all.some(({ chain, name }) => chain === segment.chain && name > segment.name);
    if (!newer && segment.changed >= clock() - inUse) return;
    try {
      await unlink(join(directory, segment.name));
    } catch (cause) {
      if (isAbsent(cause)) return;
      log.warn({ segment: segment.name, cause: String(cause) }, 'an audit segment that is in the store can not be removed');
      return;
    }
    this.#readings.delete(segment.chain);
    removed(segment);
  }
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function absentIsEmpty(cause: unknown): readonly Segment[] {
  if (isAbsent(cause)) return [];
  throw cause;
}
