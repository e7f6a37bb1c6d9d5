import type { Generated } from 'kysely';

/**
 * A partition is a week of records of one retention class. In SQLite it is a file with these tables; in PostgreSQL it is a native
 * partition of each of them, by `kept` and then by `time`. So removing old records is removing a file, or dropping a table.
 */
interface PartitionTables {
  records: RecordsTable;
  terms: TermsTable;
  images: ImagesTable;
  uses: UsesTable;
  /** SQLite only: the words of records, by `row`. */
  words: { rowid: number; text: string };
}

/** What is not cut into weeks. */
interface MainTables {
  contents: { sha256: string; text: string };
  /** Contents of partitions that were removed, until it is known whether others refer to them. */
  spare: { sha256: string };
  /** Repositories, namespaces and kinds of objects that occur, which globs are held against. */
  names: { kind: 'repository' | 'namespace' | 'kind'; name: string };
  acknowledgements: { record: string; by_whom: string; time: number; note: string };
  removals: RemovalsTable;
  holds: { name: string; from_time: number | null; to_time: number | null; reason: string; by_whom: string; time: number };
  /** How far the spool of each chain has come here. */
  shipped: { chain: string; segment: string; position: number; sequence: number };
  chains: ChainsTable;
}

export interface Tables extends PartitionTables, MainTables {}

/** Retention classes: plain admissions, and all that is more (see isMore). */
export const keptClasses = ['allow', 'deny'] as const;
export type KeptClass = (typeof keptClasses)[number];

interface Partitioned {
  kept: KeptClass;
  /** Milliseconds since the epoch. */
  time: number;
}

export interface RecordsTable extends Partitioned {
  /** SQLite only. */
  row: Generated<number>;
  /** `time` in 15 digits, then the id: newest first is largest first. */
  place: string;
  chain: string;
  sequence: number;
  hash: string;
  /** Empty for an entry that is no decision. */
  id: string;
  class: string;
  decision: string;
  answered: string;
  kind: string;
  namespace: string;
  name: string;
  user_name: string;
  owner_kind: string;
  owner_name: string;
  breakglass: number;
  last_known_good: number;
  differs: number;
  policy_revision: string;
  replica: string;
  /** What retries of one owner on one day have in common. */
  retry: string;
  /** The row as lists show it: JSON. */
  summary: string;
  /** The entry as it was written. */
  line: string;
  /** PostgreSQL only: a tsvector. */
  search?: unknown;
}

/** What occurs in a record several times, by kind. */
export interface TermsTable extends Partitioned {
  kind: TermKind;
  term: string;
  place: string;
}

export const termKinds = ['image', 'cve', 'digest', 'signer', 'exception', 'code', 'policy', 'policyDenied', 'policyDecided', 'policyWarned'] as const;
export type TermKind = (typeof termKinds)[number];

export interface ImagesTable extends Partitioned {
  place: string;
  position: number;
  repository: string;
  tag: string;
  digest: string;
  /** JSON. */
  signers: string;
  counts: string;
}

/** Which contents the records of a partition refer to: one that no partition refers to can go. */
export interface UsesTable {
  kept: KeptClass;
  /** The beginning of the partition. */
  time: number;
  sha256: string;
}

interface RemovalsTable {
  chain: string;
  first_sequence: number;
  first_hash: string;
  last_sequence: number;
  last_hash: string;
  entries: number;
  reason: 'retention' | 'size';
  time: number;
}

interface ChainsTable {
  chain: string;
  replica: string;
}
