import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { readCheckpoint, type SignedCheckpoint, signerOf } from './checkpoint.ts';
import { readEnvelope, type VerifyingKey } from './envelope.ts';

/** The checkpoints that one process made: `SERIES.checkpoints.jsonl`, one envelope a line. */
const journalForm = /^[0-9A-HJKMNP-TV-Z]{26}\.checkpoints\.jsonl$/;
/** One checkpoint in a file of its own, as copies are. */
const copyForm = /\.checkpoint\.json$/;

/** Where the checkpoints of a store lie: in its own folder, where no chain has such a name. */
export function checkpointsFolder(store: string): string {
  return join(store, 'checkpoints');
}

/** Appends a checkpoint to the journal of its series, and resolves when it is on disk. Rejects as the system does. */
export async function appendCheckpoint(directory: string, series: string, text: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const file = await open(join(directory, `${series}.checkpoints.jsonl`), 'a', 0o600);
  try {
    await file.appendFile(`${text}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** A line of a folder of checkpoints. */
export interface JournalLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly text: string;
}

/** Everything in a folder of checkpoints, journals and copies, in folders below as well. Rejects as the system does. */
export async function* readJournals(directory: string): AsyncGenerator<JournalLine> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => isJournal(name)).sort();
  for (const file of names) {
    const input = createReadStream(join(directory, file), 'utf8');
    try {
      let line = 0;
      for await (const text of createInterface({ input, crlfDelay: 0 })) {
        line += 1;
        yield { file, line, text };
      }
    } finally {
      input.destroy();
    }
  }
}

/** Journals in which the newest checkpoints of earlier processes are looked for. */
const mostJournals = 32;

/** The last checkpoint of each of the newest journals that one of the keys has signed, the newest first. Empty where there is no folder. */
export async function lastCheckpoints(directory: string, keys: readonly VerifyingKey[]): Promise<readonly SignedCheckpoint[]> {
  const names = (await readdir(directory).catch(() => [])).filter((name) => journalForm.test(name));
  const known = await Promise.all(names.map(async (name) => ({ name, changed: (await stat(join(directory, name)).catch(() => null))?.mtimeMs ?? 0 })));
  const newest = known.sort((a, b) => b.changed - a.changed).slice(0, mostJournals);
  const found: SignedCheckpoint[] = [];
  for (const { name } of newest) {
    let last: SignedCheckpoint | null = null;
    for await (const text of linesOf(join(directory, name))) {
      const envelope = readEnvelope(text);
      const signed = envelope && readCheckpoint(envelope);
      if (signed !== null && signerOf(signed, keys) !== null) last = signed;
    }
    if (last !== null) found.push(last);
  }
  return found.sort((a, b) => (a.checkpoint.time < b.checkpoint.time ? 1 : -1));
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path, 'utf8');
  try {
    for await (const line of createInterface({ input, crlfDelay: 0 })) yield line;
  } finally {
    input.destroy();
  }
}

function isJournal(name: string): boolean {
  return copyForm.test(name) || journalForm.test(name.split('/').at(-1) ?? '');
}
