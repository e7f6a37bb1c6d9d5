import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { property } from '../../domain/json.ts';
import { type ChainPoint, parseLine, pointOfEntry } from '../chain.ts';
import { surveySegments } from '../segments.ts';

/** What a chain says of the one that it was opened after. */
export interface Opening {
  readonly chain: string;
  readonly previous: ChainPoint;
}

/** The openings of all chains in a folder. Rejects as the disk does. */
export async function readOpenings(directory: string): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  for (const { name, chain } of await surveySegments(directory)) {
    if (!name.endsWith('.000000.jsonl')) continue;
    const previous = pointOfEntry(property(property(parseLine(await firstLine(join(directory, name))), 'opens'), 'previous'));
    if (previous !== null) openings.push({ chain, previous });
  }
  return openings;
}

async function firstLine(path: string): Promise<string> {
  // An opening is short.
  const input = createReadStream(path, { encoding: 'utf8', end: 64 << 10 });
  try {
    for await (const line of createInterface({ input, crlfDelay: 0 })) return line;
    return '';
  } finally {
    input.destroy();
  }
}
