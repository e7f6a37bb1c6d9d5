import type { RecordClass, RecordFilter } from './auditFilter.ts';
import type { Outcome } from './fault.ts';

/** Namespaces whose records somebody may read; records without a namespace, and what concerns all, only with `all`. */
export type Visible = 'all' | ReadonlySet<string>;

/** What is asked of the log, and on whose behalf. A filter never widens what is visible. */
export interface RecordQuery {
  readonly filter: RecordFilter;
  readonly visible: Visible;
}

/** Rows on a page at most. */
export const mostRows = 500;

/** Keyset paging, newest first: a page is as quick deep down as at the top, and new records shift nothing. */
export interface PageRequest {
  /** From 1 to mostRows. */
  readonly limit: number;
  /** `next` of the page before; opaque. */
  readonly after?: string;
}

export interface Page<Row> {
  readonly rows: readonly Row[];
  /** null on the last page. */
  readonly next: string | null;
}

export interface RowImage {
  readonly container: string;
  /** As the object had it. */
  readonly written: string;
  /** Logical `registry/repository[:tag]`; null when it is no reference. */
  readonly image: string | null;
  readonly digest: string | null;
  readonly signers: readonly string[];
}

/** A record as lists show it. Texts come from Pods, policies and registries: they are to be made safe where they are shown. */
export interface RecordRow {
  /** ULID. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly chain: string;
  readonly sequence: number;
  readonly hash: string;
  readonly class: RecordClass;
  readonly decision: 'allow' | 'deny';
  readonly answered: 'allow' | 'deny';
  readonly mode: string;
  readonly operation: string;
  readonly kind: string;
  readonly namespace: string;
  /** Name, else generateName; null where the object has neither. */
  readonly name: string | null;
  readonly user: string;
  readonly owner: { readonly kind: string; readonly name: string } | null;
  /** The first of them; how many more there are is in `imagesOmitted`. */
  readonly images: readonly RowImage[];
  readonly imagesOmitted: number;
  /** The first decisive finding, else the first warning: policy and message. */
  readonly reason: { readonly policy: string; readonly id: string | null; readonly msg: string; readonly code: string | null } | null;
  /** Codes of findings, faults and rejections. */
  readonly codes: readonly string[];
  readonly exceptions: readonly string[];
  readonly breakglass: boolean;
  readonly lastKnownGood: boolean;
  readonly differs: boolean;
  readonly acknowledged: Acknowledgement | null;
}

/** Retries of one owner, of one day (UTC), that ended alike: same namespace, owner or name, user, images, decision and reason. */
export interface CollapsedRow extends RecordRow {
  /** Records in the row that pass the filter; the row itself is the newest. */
  readonly count: number;
  /** Milliseconds since the epoch. */
  readonly first: number;
  readonly last: number;
}

/** A whole record. */
export interface ShownRecord {
  readonly row: RecordRow;
  /** The line as it was written, byte for byte, without its line break: what the hash is of. */
  readonly line: string;
  /** Contents that the record refers to, by hex SHA-256: canonical JSON. One that is missing here is not in the store. */
  readonly contents: ReadonlyMap<string, string>;
}

/** Somebody has looked at a record. It is itself an entry of a chain. */
export interface Acknowledgement {
  readonly record: string;
  readonly by: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly note: string;
}

export interface TimelineBucket {
  /** Milliseconds since the epoch, inclusive. */
  readonly from: number;
  readonly counts: Readonly<Record<RecordClass, number>>;
}

export interface Timeline {
  /** Milliseconds since the epoch; `to` is exclusive. */
  readonly from: number;
  readonly to: number;
  /** Milliseconds of a bucket. */
  readonly step: number;
  /** All of them, empty ones too. */
  readonly buckets: readonly TimelineBucket[];
}

/** A digest of a repository, as the records know it. */
export interface ImageSighting {
  /** `registry/repository` */
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly records: number;
  readonly denied: number;
  readonly first: Sighting;
  readonly last: Sighting;
}

export interface Sighting {
  readonly record: string;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly namespace: string;
  readonly user: string;
  readonly answered: 'allow' | 'deny';
  readonly signers: readonly string[];
  /** Findings by severity, the most that one scan of it says; null where none was evaluated. */
  readonly counts: Readonly<Record<string, number>> | null;
}

export interface PolicyCount {
  readonly policy: string;
  /** Records in which it denied; in which the decision rests on that; in which it warned. */
  readonly denied: number;
  readonly decisive: number;
  readonly warned: number;
  /** Milliseconds since the epoch. */
  readonly last: number;
}

export interface ExceptionCount {
  readonly exception: string;
  readonly records: number;
  readonly first: number;
  readonly last: number;
}

/** The chain of one process start, as the store has it. */
export interface StoredChain {
  readonly chain: string;
  readonly replica: string;
  readonly entries: number;
  /** What is kept of it; entries before and between may have been removed. */
  readonly first: { readonly sequence: number; readonly hash: string; readonly time: number };
  readonly last: { readonly sequence: number; readonly hash: string; readonly time: number };
}

/** An entry of a chain, as it was written. */
export interface StoredEntry {
  readonly sequence: number;
  /** Without its line break. */
  readonly line: string;
}

/** Entries of a chain, one after the other, that were removed from the store. */
export interface StoredRemoval {
  readonly chain: string;
  readonly first: { readonly sequence: number; readonly hash: string };
  readonly last: { readonly sequence: number; readonly hash: string };
  readonly entries: number;
  readonly reason: 'retention' | 'size';
  /** Milliseconds since the epoch. */
  readonly time: number;
}

/** Keeps matching records from being removed, whatever the retention says. */
export interface Hold {
  readonly name: string;
  /** Milliseconds since the epoch; null: without an end on that side. */
  readonly from: number | null;
  readonly to: number | null;
  readonly reason: string;
  readonly by: string;
  readonly time: number;
}

/** Places and releases holds. */
export interface HoldKeeper {
  list(): Promise<Outcome<readonly Hold[]>>;
  /** False: there is one of that name. */
  place(hold: Hold): Promise<Outcome<boolean>>;
  /** False: there is none. */
  release(name: string): Promise<Outcome<boolean>>;
  close(): Promise<void>;
}

/**
 * Reads the log, whichever store it is in. Every answer is bounded. Faults: AUDIT_UNAVAILABLE when the store can't be reached or the
 * question takes too long, LIMIT_EXCEEDED for a question that is too large, REVIEW_INVALID for a cursor that is none of ours. Nothing
 * rejects, but iteration ends early with a throw of the signal's reason.
 */
export interface RecordReader {
  /** Newest first. */
  list(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<RecordRow>>>;
  /** The same with retries of one owner as one row. */
  collapse(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<CollapsedRow>>>;
  /** null: there is none with this id, or none that is visible. A beginning of an id that only one record has will do. */
  show(id: string, visible: Visible, signal: AbortSignal): Promise<Outcome<ShownRecord | null>>;
  /** Counts by class, in so many buckets at most (1 to 500). Without `from` and `to` from the first record to now. */
  timeline(query: RecordQuery, buckets: number, signal: AbortSignal): Promise<Outcome<Timeline>>;
  /** Digests of what the filter's `image` and `digest` mean, the one that came first most lately first. */
  images(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<ImageSighting>>>;
  /** By policy, those that denied most first. */
  policies(query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly PolicyCount[]>>;
  exceptions(query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly ExceptionCount[]>>;
  /** By hex SHA-256; the value is canonical JSON. What is not in the store is not in the map. 500 at a time at most. */
  contents(hashes: readonly string[], signal: AbortSignal): Promise<Outcome<ReadonlyMap<string, string>>>;
  /** Whole records, newest first or oldest first, for exports and replays; without paging. Faults come as a last element. */
  records(query: RecordQuery, order: 'newest' | 'oldest', signal: AbortSignal): AsyncIterable<Outcome<{ readonly row: RecordRow; readonly line: string }>>;
  /** Every chain, the oldest first. For proofs: nothing is left out. */
  chains(signal: AbortSignal): Promise<Outcome<readonly StoredChain[]>>;
  /** Entries of a chain, decisions and others, as they are in the store: in the order of their sequence. Faults come as a last element. */
  entries(chain: string, fromSequence: number, signal: AbortSignal): AsyncIterable<Outcome<StoredEntry>>;
  removals(chain: string, signal: AbortSignal): Promise<Outcome<readonly StoredRemoval[]>>;
  holds(signal: AbortSignal): Promise<Outcome<readonly Hold[]>>;
  close(): Promise<void>;
}

/** Writes entries that are no decisions. Resolves when they are on disk. */
export interface Acknowledger {
  acknowledge(acknowledgement: Acknowledgement): Promise<Outcome<void>>;
}
