import { hash } from 'node:crypto';
import type { ProofProgress } from '../../domain/auditProof.ts';
import { property } from '../../domain/json.ts';
import { parseLine, pointOfEntry } from '../chain.ts';
import { chainsOfRows, type RecordRowOf, rowsOfChain } from '../store/chainRows.ts';
import { contentsOf } from '../store/contents.ts';
import type { Database } from '../store/database.ts';
import { parseSpoolLine } from '../store/entry.ts';
import type { Faults } from './faults.ts';
import { nowhere } from './faults.ts';
import { type CheckedLine, checkLine } from './line.ts';
import type { LogProof } from './logProof.ts';
import type { Opening } from './openings.ts';

export interface StoreParts {
  readonly db: Database;
  readonly proof: LogProof;
  readonly faults: Faults;
  readonly signal: AbortSignal;
  onProgress(progress: ProofProgress): void;
}

/** Entries after which it is looked whether their contents are there. */
const batch = 500;

/** What the chains of a store say of those that they were opened after. Rejects as the database does. */
export async function storedOpenings(db: Database, signal: AbortSignal): Promise<readonly Opening[]> {
  const openings: Opening[] = [];
  for (const chain of await chainsOfRows(db)) {
    for await (const { line, sequence } of rowsOfChain(db, chain, signal)) {
      const previous = sequence === 0 ? pointOfEntry(property(property(parseLine(line), 'opens'), 'previous')) : null;
      if (previous !== null) openings.push({ chain, previous });
      break;
    }
  }
  return openings;
}

/** Goes through the rows of a store, chain by chain, and compares each with what it says of its record. Rejects as the database does. */
export async function verifyStore({ db, proof, faults, signal, onProgress }: StoreParts): Promise<void> {
  let bytes = 0;
  for (const chain of await chainsOfRows(db)) {
    let uses: { readonly sha256: string; readonly sequence: number }[] = [];
    const settleUses = async (): Promise<void> => {
      const known = await contentsOf(db, [...new Set(uses.map(({ sha256 }) => sha256))]);
      for (const { sha256, sequence } of uses) {
        if (!known.has(sha256)) faults.add('removed', { chain, sequence }, null, `a content that the entry refers to is not there: ${sha256}`);
      }
      uses = [];
      onProgress({ entries: proof.entries, bytes });
    };
    let count = 0;
    for await (const row of rowsOfChain(db, chain, signal)) {
      count += 1;
      bytes += row.line.length;
      const at = { chain, sequence: row.sequence };
      const checked = checkLine(Buffer.from(row.line, 'utf8'));
      if (checked.kind !== 'entry') {
        faults.add('altered', at, null, checked.kind === 'nothing' ? checked.fault : 'the row is a content, and no entry');
        continue;
      }
      const strange = strangeColumns(row);
      if (strange.length > 0) faults.add('altered', at, null, `what the row says besides its record is not what that says: ${strange.join(', ')}`);
      // A row under another name is missing where it belongs, and is said so there.
      if (checked.point.chain !== chain || checked.point.sequence !== row.sequence) continue;
      proof.add(checked, null);
      uses.push(...usesOf(row.line).map((sha256) => ({ sha256, sequence: row.sequence })));
      if (count % batch === 0) await settleUses();
    }
    await settleUses();
  }
  await verifyContents(db, proof, faults, signal);
}

/** All entries once more. */
export async function* readStoreAgain(db: Database, signal: AbortSignal): AsyncGenerator<CheckedLine> {
  for (const chain of await chainsOfRows(db)) for await (const { line } of rowsOfChain(db, chain, signal)) yield checkLine(Buffer.from(line, 'utf8'));
}

function usesOf(line: string): readonly string[] {
  const parsed = line.includes('{"sha256":"') ? parseSpoolLine(line, () => []) : null;
  return parsed?.type === 'entry' ? parsed.entry.uses : [];
}

/** Columns by which a record is listed and found, and that are not what its line comes to. */
function strangeColumns(row: RecordRowOf): readonly string[] {
  const parsed = parseSpoolLine(row.line, () => []);
  if (parsed.type !== 'entry') return ['line'];
  const { record } = parsed.entry;
  return Object.entries(record).flatMap(([key, value]) => (Object.entries(row).some(([name, found]) => name === key && same(found, value)) ? [] : [key]));
}

/** PostgreSQL gives large numbers as text. */
function same(found: unknown, value: unknown): boolean {
  return found === value || (typeof value === 'number' && typeof found === 'string' && Number(found) === value);
}

async function verifyContents(db: Database, proof: LogProof, faults: Faults, signal: AbortSignal): Promise<void> {
  let after = '';
  for (;;) {
    signal.throwIfAborted();
    const rows = await db.main.selectFrom('contents').selectAll().where('sha256', '>', after).orderBy('sha256').limit(200).execute();
    for (const { sha256, text } of rows) {
      proof.contents += 1;
      if (hash('sha256', text) !== sha256) faults.add('altered', nowhere, null, `a content does not have the hash it is kept under: ${sha256.slice(0, 64)}`);
    }
    after = rows.at(-1)?.sha256 ?? after;
    if (rows.length < 200) return;
  }
}
