import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditLog } from './log.ts';
import { joinRanges, type Removal, type RemovedRange } from './removal.ts';
import { holdsMore, readContents } from './segmentContents.ts';
import { type Segment, surveySegments } from './segments.ts';

export interface RetentionParts {
  readonly directory: string;
  /** Milliseconds since the last change of a segment, after which it goes. */
  readonly longest: number;
  /** Bytes of the folder above which segments go. */
  readonly target: number;
  readonly log: AuditLog;
  clock(): number;
  /** Whether a segment may still be written to by this process. */
  isOpen(name: string): boolean;
  /** Puts into the chain what is about to be removed, and waits a while for the disk. False when nothing can be told any more. */
  tell(removal: Removal): Promise<boolean>;
  /** Told the bytes of all segments; says how many count, with those on their way. */
  counted(bytes: number): number;
  removed(segment: Segment, entries: number): void;
}

/** Milliseconds for which the newest segment of another process's chain is taken to be in use. */
const inUse = 60_000;

/** Removes whole segments that are too old, or of which there are too many: first those with nothing but admissions in them. */
export class Retention {
  readonly #parts: RetentionParts;
  /** Whether a segment that is written no more holds more than admissions. */
  readonly #more = new Map<string, boolean>();
  /** Segments that could not be removed after the chain said that they are; and all that could not be, which is logged once. */
  readonly #told = new Set<string>();
  readonly #stuck = new Set<string>();
  #running: Promise<void> | null = null;
  #again = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
  }

  /** Goes through the folder; once more when it is asked to meanwhile. Never rejects. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#repeat().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #repeat(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        await this.#pass();
      } catch (cause) {
        this.#parts.log.warn({ directory: this.#parts.directory, cause: String(cause) }, 'audit segments can not be removed');
      }
    }
  }

  async #pass(): Promise<void> {
    const { clock, directory, isOpen, log, longest, target } = this.#parts;
    const segments = await surveySegments(directory);
    for (const name of [...this.#more.keys()]) if (!segments.some((segment) => segment.name === name)) this.#more.delete(name);
    let total = this.#parts.counted(segments.reduce((sum, { bytes }) => sum + bytes, 0));
    let left = [...segments];
    const remove = async (segment: Segment, reason: RemovedRange['reason']): Promise<boolean> => {
      left = left.filter((each) => each !== segment);
      try {
        if (!(await this.#remove(segment, left, reason))) return false;
        total -= segment.bytes;
      } catch (cause) {
        // The next may do: one file that can't be removed must not let the folder fill up.
        if (!this.#stuck.has(segment.name)) log.warn({ segment: segment.name, cause: String(cause) }, 'an audit segment can not be removed');
        this.#stuck.add(segment.name);
      }
      return true;
    };
    const before = clock() - longest;
    for (const segment of segments) {
      if (segment.changed < before && !isOpen(segment.name) && !(await remove(segment, 'retention'))) return;
    }
    const removable = left.filter((segment) => !isOpen(segment.name) && !inUseElsewhere(segment, segments, clock() - inUse));
    while (total > target && removable.length > 0) {
      const victim = await this.#choose(removable);
      removable.splice(removable.indexOf(victim), 1);
      if (!(await remove(victim, 'size'))) return;
    }
  }

  /** The oldest that holds nothing but admissions, else the oldest. */
  async #choose(segments: readonly Segment[]): Promise<Segment> {
    for (const segment of segments) {
      const more = this.#more.get(segment.name) ?? (await holdsMore(join(this.#parts.directory, segment.name)).catch(() => true));
      this.#more.set(segment.name, more);
      if (!more) return segment;
    }
    const [oldest] = segments;
    if (oldest === undefined) throw new Error('there is no segment to choose from');
    return oldest;
  }

  /** Says that a segment goes, then removes it: a process that ends in between leaves one that is said to be gone, never the reverse. */
  async #remove(segment: Segment, left: readonly Segment[], reason: RemovedRange['reason']): Promise<boolean> {
    const { directory, log, removed, tell } = this.#parts;
    const path = join(directory, segment.name);
    const { first, last, before, entries, removed: earlier } = await readContents(path);
    // Of a chain that is gone altogether nothing is missed any more.
    const carried = earlier.filter((range) => left.some(({ chain }) => chain === range.first.chain));
    const own: readonly RemovedRange[] = first === null || last === null ? [] : [{ first, last, before, entries, reason }];
    if (!this.#told.has(segment.name) && !(await tell({ segment: segment.name, ranges: joinRanges([...carried, ...own]) }))) return false;
    this.#told.add(segment.name);
    await unlink(path);
    this.#told.delete(segment.name);
    this.#stuck.delete(segment.name);
    log.warn({ segment: segment.name, entries, bytes: segment.bytes, reason }, 'an audit segment was removed');
    removed(segment, entries);
    return true;
  }
}

function inUseElsewhere(segment: Segment, all: readonly Segment[], since: number): boolean {
  return segment.changed >= since && !all.some(({ chain, name }) => chain === segment.chain && name > segment.name);
}
