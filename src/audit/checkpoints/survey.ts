import { join } from 'node:path';
import type { ChainPoint } from '../chain.ts';
import { firstEntryOf } from '../segmentContents.ts';
import { lastEntryOf, type Segment, surveySegments } from '../segments.ts';
import type { ChainClaim } from './checkpoint.ts';

type Piece = ChainClaim['pieces'][number];

interface Known {
  readonly bytes: number;
  readonly changed: number;
  readonly first: ChainPoint | null;
  readonly last: ChainPoint | null;
}

/** What is there of every chain in a folder. Segments that did not change are not read again. */
export class Survey {
  readonly #directory: string;
  #known = new Map<string, Known>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** `own` is the chain that is being written, as far as it is surely on disk. Rejects as the disk does. */
  async take(own: ChainPoint | null): Promise<readonly ChainClaim[]> {
    const known = new Map<string, Known>();
    const chains = new Map<string, Piece[]>();
    for (const segment of await surveySegments(this.#directory)) {
      const found = await this.#look(segment).catch(() => null);
      if (found === null) continue;
      known.set(segment.name, found);
      const { first } = found;
      const last = own !== null && found.last?.chain === own.chain && found.last.sequence > own.sequence ? own : found.last;
      if (first === null || last === null || first.chain !== last.chain || first.sequence > last.sequence) continue;
      const pieces = chains.get(first.chain) ?? [];
      chains.set(first.chain, pieces);
      addPiece(pieces, { first: { hash: first.hash, sequence: first.sequence }, last: { hash: last.hash, sequence: last.sequence } });
    }
    this.#known = known;
    return [...chains].map(([chain, pieces]) => ({
      chain,
      count: pieces.reduce((sum, { first, last }) => sum + last.sequence - first.sequence + 1, 0),
      pieces,
    }));
  }

  async #look({ name, bytes, changed }: Segment): Promise<Known> {
    const known = this.#known.get(name);
    if (known?.bytes === bytes && known.changed === changed) return known;
    const path = join(this.#directory, name);
    return { bytes, changed, first: await firstEntryOf(path), last: await lastEntryOf(path) };
  }
}

function addPiece(pieces: Piece[], piece: Piece): void {
  const before = pieces.at(-1);
  if (before !== undefined && before.last.sequence + 1 === piece.first.sequence) pieces[pieces.length - 1] = { first: before.first, last: piece.last };
  else pieces.push(piece);
}
