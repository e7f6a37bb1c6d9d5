import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { prove, type Site } from './proofRig.ts';

/** One change to a file: what it is, and the bytes after it. */
type Change = readonly [what: string, bytes: Buffer];

export const segmentsOf = ({ records }: Site): readonly string[] => readdirSync(records).filter((name) => name.endsWith('.jsonl'));

/** Makes each change to each segment, one at a time, and returns those that nobody noticed. */
export async function unnoticed(site: Site, changes: (bytes: Buffer) => Iterable<Change>): Promise<readonly string[]> {
  const missed: string[] = [];
  let tried = 0;
  for (const name of segmentsOf(site)) {
    const path = join(site.records, name);
    const before = readFileSync(path);
    for (const [what, bytes] of changes(before)) {
      tried += 1;
      writeFileSync(path, bytes);
      if ((await prove(site)).faults.length === 0) missed.push(`${name}: ${what}`);
    }
    writeFileSync(path, before);
  }
  return tried === 0 ? ['nothing was tried'] : missed;
}

/** Another bit in every so manieth byte. */
export function* flips(before: Buffer, step: number, from = 0): Generator<Change> {
  for (let at = from; at < before.length; at += step) {
    const bytes = Buffer.from(before);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
    yield [`byte ${at}`, bytes];
  }
}

/** The file cut off at every so manieth byte. Without its last line break alone a record is whole. */
export function* cuts(before: Buffer, step: number): Generator<Change> {
  for (let length = before.length - 2; length >= 0; length -= step) yield [`cut to ${length}`, before.subarray(0, length)];
}

/** Each line removed, repeated, and in the place of each other. */
export function* moves(before: Buffer): Generator<Change> {
  const lines = before.toString('utf8').trimEnd().split('\n');
  const file = (changed: readonly string[]): Buffer => Buffer.from(changed.length === 0 ? '' : `${changed.join('\n')}\n`);
  for (const [i, line] of lines.entries()) {
    yield [`without line ${i + 1}`, file(lines.toSpliced(i, 1))];
    yield [`line ${i + 1} twice`, file(lines.toSpliced(i, 0, line))];
    for (let j = i + 1; j < lines.length; j += 1) yield [`lines ${i + 1} and ${j + 1}`, file(lines.with(i, lines[j] ?? '').with(j, line))];
  }
}
