import { decodeTime } from 'ulidx';
import type { AuditProof, ProofProgress } from '../../domain/auditProof.ts';
import { property, text } from '../../domain/json.ts';
import type { VerifyingKey } from '../checkpoints/envelope.ts';
import type { JournalLine } from '../checkpoints/journal.ts';
import { removedBy } from '../removal.ts';
import type { ApiserverLog } from './apiserverLog.ts';
import { ChainProgress } from './chainProof.ts';
import { type CheckpointLevel, TrustedCheckpoints } from './checkpoints.ts';
import { Claims } from './claims.ts';
import { type Faults, nowhere, type Place } from './faults.ts';
import { checkLine } from './line.ts';
import type { Opening } from './openings.ts';
import { readSegments, strangeFiles } from './segmentLines.ts';
import { SegmentContents } from './segmentProof.ts';
import { newestRemoval, settle, type ToldRemoval } from './settle.ts';

export interface FolderProofParts {
  readonly directory: string;
  readonly checkpoints: readonly { readonly level: CheckpointLevel; readonly lines: AsyncIterable<JournalLine> }[];
  readonly keys: readonly VerifyingKey[];
  readonly store: string | null;
  readonly faults: Faults;
  readonly apiserver: ApiserverLog | null;
  readonly openings: readonly Opening[];
  readonly signal: AbortSignal;
  onProgress(progress: ProofProgress): void;
}

/** Milliseconds by which a chain may be opened before a checkpoint that does not know it yet. */
const slack = 60_000;

/** Goes through a folder of segments, once, in bounded memory. Rejects as the disk does, and with the signal's reason. */
export async function verifyFolder(parts: FolderProofParts): Promise<AuditProof> {
  const { directory, faults, apiserver, openings, signal } = parts;
  const claims = new Claims(faults);
  const checkpoints = new TrustedCheckpoints(parts.keys, parts.store, faults);
  for (const { level, lines } of parts.checkpoints) for await (const line of lines) checkpoints.take(line, level);
  checkpoints.settle(claims);
  for (const { chain, previous } of openings) claims.add(previous, { level: 'chain', time: null, who: `chain ${chain}` }, null);
  if (parts.keys.length > 0 && checkpoints.total === 0) faults.add('missing', nowhere, null, 'there is no checkpoint that a trusted key has signed');

  const chains = new Map<string, ChainProgress>();
  const told: ToldRemoval[] = [];
  let [entries, contents, bytes] = [0, 0, 0];
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
        contents += 1;
        segment.contents.add(checked, place);
      } else {
        entries += 1;
        const { point, value } = checked;
        if (!file.startsWith(`${point.chain}.`)) faults.add('inserted', point, place, 'the entry is in a file of another chain');
        segment.contents.refer(checked, line, place);
        if (checked.fault === null) for (const range of removedBy(value)) told.push({ range, by: point });
        const progress = chains.get(point.chain) ?? new ChainProgress(faults, claims.of(point.chain));
        chains.set(point.chain, progress);
        progress.add(checked, place);
        const id = apiserver === null ? null : text(property(value, 'id'));
        if (id !== null) apiserver?.meet(id, checked.fault === null ? point.hash : '', point, place);
      }
    }
    parts.onProgress({ entries, bytes });
  }

  await tellDoubled(parts, chains);
  findInserted(chains, claims, checkpoints, faults);
  const proofs = settle({ chains, claims, checkpoints, told, openings, faults });
  apiserver?.finish(newestRemoval(checkpoints));
  return {
    source: directory,
    entries,
    contents,
    checkpoints: { local: checkpoints.count('local'), copies: checkpoints.count('copies'), keys: checkpoints.keys, newest: checkpoints.newest },
    apiserver: apiserver === null ? null : { events: apiserver.events, records: apiserver.records },
    chains: proofs,
    faults: faults.list,
    omitted: faults.omitted,
    notes: faults.notes,
  };
}

/** Chains that every checkpoint would have named, had they been there. */
function findInserted(chains: ReadonlyMap<string, ChainProgress>, claims: Claims, { newest }: TrustedCheckpoints, faults: Faults): void {
  if (newest === null) return;
  for (const chain of chains.keys()) {
    const named = [...(claims.of(chain)?.values() ?? [])].some(({ witnesses }) => witnesses.copies !== undefined || witnesses.local !== undefined);
    if (named || decodeTime(chain) + slack >= Date.parse(newest)) continue;
    faults.add(
      'inserted',
      { chain, sequence: 0 },
      null,
      `the chain says that it was opened before the checkpoint of ${newest}, which names all chains but not this one`,
    );
  }
}

/** Reads once more, where entries stand in a place that was taken: the same entry twice, or two in one place. */
async function tellDoubled({ directory, faults, signal }: FolderProofParts, chains: ReadonlyMap<string, ChainProgress>): Promise<void> {
  const wanted = new Map<string, string>();
  for (const { doubled } of chains.values()) for (const { point } of doubled) wanted.set(`${point.chain} ${point.sequence}`, '');
  if (wanted.size === 0) return;
  for await (const { lines } of readSegments(directory, signal)) {
    for (const line of lines) {
      const checked = checkLine(line);
      if (checked.kind !== 'entry') continue;
      const at = `${checked.point.chain} ${checked.point.sequence}`;
      if (wanted.get(at) === '') wanted.set(at, checked.point.hash);
    }
  }
  for (const { doubled } of chains.values()) {
    for (const { point, place } of doubled) {
      const first = wanted.get(`${point.chain} ${point.sequence}`);
      if (first === point.hash) faults.add('repeated', point, place, 'the entry is there twice');
      else faults.add('fork', point, place, `there are two entries in this place: this one, and one with the hash ${first}`);
    }
  }
}
