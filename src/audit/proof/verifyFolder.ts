import type { ProofProgress } from '../../domain/auditProof.ts';
import { type Faults, nowhere, type Place } from './faults.ts';
import { type CheckedLine, checkLine } from './line.ts';
import type { LogProof } from './logProof.ts';
import { readSegments, strangeFiles } from './segmentLines.ts';
import { SegmentContents } from './segmentProof.ts';

export interface FolderParts {
  readonly directory: string;
  readonly proof: LogProof;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  /** The last entry of a chain that was read elsewhere already: a store keeps what the spool may hold for a while. */
  readBefore(chain: string): number;
  onProgress(progress: ProofProgress): void;
}

/** Goes through a folder of segments, once, in bounded memory. Rejects as the disk does, and with the signal's reason. */
export async function verifyFolder({ directory, proof, faults, signal, readBefore, onProgress }: FolderParts): Promise<void> {
  let bytes = 0;
  let segment = { file: '', contents: new SegmentContents(faults) };
  for (const file of await strangeFiles(directory)) faults.add('inserted', nowhere, { file, line: 1 }, 'the file is no segment of a chain');
  for await (const { file, first, lines, torn } of readSegments(directory, signal)) {
    if (segment.file !== file) segment = { file, contents: new SegmentContents(faults) };
    for (const [i, line] of lines.entries()) {
      const place: Place = { file, line: first + i };
      bytes += line.length + 1;
      const checked = checkLine(line);
      if (torn && i === lines.length - 1) {
        faults.note(`${file}:${place.line}: the last line was not finished: the process was ended while it wrote, or the end was cut off`);
        if (checked.kind === 'nothing') continue;
      }
      if (checked.kind === 'nothing') faults.add('altered', nowhere, place, checked.fault);
      else if (checked.kind === 'content') {
        proof.contents += 1;
        segment.contents.add(checked, place);
      } else {
        if (!file.startsWith(`${checked.point.chain}.`)) faults.add('inserted', checked.point, place, 'the entry is in a file of another chain');
        segment.contents.refer(checked, line, place);
        if (checked.point.sequence > readBefore(checked.point.chain)) proof.add(checked, place);
        else if (checked.fault !== null) faults.add('altered', checked.point, place, checked.fault);
      }
    }
    onProgress({ entries: proof.entries, bytes });
  }
}

/** All lines once more. */
export async function* readFolderAgain(directory: string, signal: AbortSignal): AsyncGenerator<CheckedLine> {
  for await (const { lines } of readSegments(directory, signal)) for (const line of lines) yield checkLine(line);
}
