import { join } from 'node:path';
import type { OpenSegment, SegmentFile } from './segmentFile.ts';
import { segmentName } from './segments.ts';

/**
 * Writes the segments of a chain, and knows up to where the open one is surely on disk. Calls reject as the disk does; after that,
 * and `abandon`, the next write cuts the segment back to that point and goes on from there.
 */
export class SegmentWriter {
  readonly #directory: string;
  readonly #chain: string;
  readonly #open: OpenSegment;
  #file: SegmentFile | null = null;
  #segment = 0;
  /** Bytes that are surely on disk, and that are written. */
  #sure = 0;
  #end = 0;
  #replaced = 0;

  constructor(directory: string, chain: string, open: OpenSegment) {
    this.#directory = directory;
    this.#chain = chain;
    this.#open = open;
  }

  /** Number of the segment that is written. */
  get segment(): number {
    return this.#segment;
  }

  /** Bytes of that segment that are surely on disk. */
  get sure(): number {
    return this.#sure;
  }

  /** How often a segment that had been there was gone, and had to be made anew. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Goes on to another segment. What was written to the one before must be synced by now. */
  async turnTo(segment: number): Promise<void> {
    await this.#file?.close();
    this.#file = null;
    this.#segment = segment;
    this.#sure = 0;
  }

  async write(texts: readonly Buffer[]): Promise<void> {
    const file = this.#file ?? (await this.#reopen());
    await file.write(texts, this.#end);
    this.#end += texts.reduce((sum, text) => sum + text.length, 0);
  }

  /** Resolves when all that was written is on disk. */
  async sync(): Promise<void> {
    await this.#file?.sync();
    this.#sure = this.#end;
  }

  /** Lets go of the file. What was written since the last sync counts as not written. Never rejects. */
  async abandon(): Promise<void> {
    await this.#file?.close().catch(() => {});
    this.#file = null;
  }

  async #reopen(): Promise<SegmentFile> {
    const file = await this.#open(join(this.#directory, segmentName(this.#chain, this.#segment)));
    this.#file = file;
    if (!file.existed && this.#sure > 0) {
      this.#replaced += 1;
      this.#sure = 0;
    }
    await file.truncate(this.#sure);
    this.#end = this.#sure;
    return file;
  }
}
