import { readFile, stat } from 'node:fs/promises';
import type { AuditProof, ProofRequest } from '../../domain/auditProof.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { parseRepository } from '../../domain/image.ts';
import type { ArtifactStore } from '../../domain/registry.ts';
import { safeText } from '../../domain/text.ts';
import { readVerifyingKey, type VerifyingKey } from '../checkpoints/envelope.ts';
import { checkpointsFolder, type JournalLine, readJournals } from '../checkpoints/journal.ts';
import { pullCheckpoints } from '../checkpoints/pull.ts';
import type { Database } from '../store/database.ts';
import { describeStore, openDatabase, type StoreSettings } from '../store/open.ts';
import { ApiserverLog } from './apiserverLog.ts';
import { Faults } from './faults.ts';
import { type CheckpointSource, LogProof } from './logProof.ts';
import { readOpenings } from './openings.ts';
import { readFolderAgain, verifyFolder } from './verifyFolder.ts';
import { readStoreAgain, storedOpenings, verifyStore } from './verifyStore.ts';

export interface ProofParts {
  /** Where the configuration keeps records. */
  readonly folder: string;
  /** Where they go from there; null, and JSON Lines: they stay. */
  readonly store: StoreSettings | null;
  /** The key that the configuration signs with, where that is known here. */
  readonly published: VerifyingKey | null;
  readonly artifacts: ArtifactStore;
}

/**
 * Verifies the log. What is wrong with it is in the report; faults are why it could not be looked at: AUDIT_UNAVAILABLE,
 * CONFIG_INVALID for a key that is none, and those of a registry.
 */
export async function verifyAudit(request: ProofRequest, parts: ProofParts): Promise<Outcome<AuditProof>> {
  const directory = request.folder ?? parts.folder;
  const { signal, store, onProgress } = request;
  const faults = new Faults();
  // A folder that is named is looked at as it is.
  const stored = request.folder === null && parts.store !== null && parts.store.kind !== 'jsonl' ? parts.store : null;
  const keys = await readKeys(request.keys, parts.published);
  if (!keys.ok) return keys;
  if (!(await isFolder(directory))) return bad('AUDIT_UNAVAILABLE', `there is no folder of audit records at ${safeText(directory, 300)}`);
  const checkpoints = await openCheckpoints(directory, request, parts, faults);
  if (!checkpoints.ok) return checkpoints;
  if (keys.value.length === 0 && checkpoints.value.length > 0) {
    return bad('CONFIG_INVALID', 'there are checkpoints, and no public key to verify them with: give --key FILE (tidewaiter audit key shows it)');
  }
  if (checkpoints.value.length === 0) faults.note('no checkpoints were looked at: a chain alone proves nothing against whoever may write the folder');
  if (request.keys.length === 0 && keys.value.length > 0) faults.note('the key was read from where it is kept: a copy of your own (--key FILE) proves more');
  let db: Database | null = null;
  try {
    db = stored === null ? null : openDatabase(stored, 'read', 2);
    const apiserver = request.apiserverLogs.length === 0 ? null : new ApiserverLog(faults);
    for (const path of request.apiserverLogs) await apiserver?.read(path, signal);
    const proof = new LogProof({ keys: keys.value, store, shared: db !== null, faults, apiserver });
    const openings = await readOpenings(directory);
    await proof.begin(checkpoints.value, db === null ? openings : [...(await storedOpenings(db, signal)), ...openings]);
    if (db !== null) await verifyStore({ db, proof, faults, signal, onProgress });
    const before = new Map<string, number>(proof.chains.map((chain) => [chain, proof.lastOf(chain)]));
    await verifyFolder({ directory, proof, faults, signal, readBefore: (chain) => before.get(chain) ?? -1, onProgress });
    const again = async function* () {
      if (db !== null) yield* readStoreAgain(db, signal);
      yield* readFolderAgain(directory, signal);
    };
    return good(await proof.finish(db === null || parts.store === null ? directory : describeStore(parts.store), again));
  } catch (cause) {
    if (signal.aborted) return bad('DEADLINE_EXCEEDED', 'the log was not verified to its end: it was interrupted');
    return bad('AUDIT_UNAVAILABLE', `the audit records can not be read: ${safeText(cause instanceof Error ? cause.message : String(cause), 300)}`, { cause });
  } finally {
    await db?.close().catch(() => {});
  }
}

async function openCheckpoints(
  directory: string,
  { checkpoints, signal }: ProofRequest,
  { artifacts }: ProofParts,
  faults: Faults,
): Promise<Outcome<readonly CheckpointSource[]>> {
  const found: CheckpointSource[] = [];
  const local = checkpointsFolder(directory);
  if (await isFolder(local)) found.push({ level: 'local', lines: named(local, readJournals(local)) });
  for (const place of checkpoints) {
    if (!place.startsWith('oci://')) {
      if (!(await isFolder(place))) return bad('AUDIT_UNAVAILABLE', `there is no folder of checkpoints at ${safeText(place, 300)}`);
      found.push({ level: 'copies', lines: named(place, readJournals(place)) });
      continue;
    }
    const repository = parseRepository(place.slice('oci://'.length));
    if (!repository.ok) return repository;
    const pulled = await pullCheckpoints(artifacts, repository.value, signal);
    if (!pulled.ok) return pulled;
    const { lines, older } = pulled.value;
    if (older > 0) faults.note(`of the copies in ${safeText(place, 300)} the newest ${lines.length} were looked at, and ${older} older ones were not`);
    found.push({ level: 'copies', lines: inTurn(lines) });
  }
  return good(found);
}

/** The same lines, with the folder in the name of their file. */
async function* named(directory: string, lines: AsyncIterable<JournalLine>): AsyncGenerator<JournalLine> {
  for await (const line of lines) yield { ...line, file: `${directory}/${line.file}` };
}

async function* inTurn(lines: readonly JournalLine[]): AsyncGenerator<JournalLine> {
  yield* lines;
}

async function readKeys(files: readonly string[], published: VerifyingKey | null): Promise<Outcome<readonly VerifyingKey[]>> {
  if (files.length === 0) return good(published === null ? [] : [published]);
  const keys: VerifyingKey[] = [];
  for (const file of files) {
    const name = safeText(file, 300);
    const pem = await readFile(file, 'utf8').catch(() => null);
    if (pem === null) return bad('CONFIG_INVALID', `there is no key at ${name}, or it can not be read`);
    if (pem.includes('PRIVATE KEY')) return bad('CONFIG_INVALID', `${name} is a private key; to verify, only the public one is needed`);
    const key = readVerifyingKey(pem);
    if (key === null) return bad('CONFIG_INVALID', `${name} is no PEM public key, Ed25519 or ECDSA P-256`);
    keys.push(key);
  }
  return good(keys);
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true;
}
