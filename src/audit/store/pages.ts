import type {
  CollapsedRow,
  ExceptionCount,
  Hold,
  ImageSighting,
  Page,
  PageRequest,
  PolicyCount,
  RecordQuery,
  RecordRow,
  ShownRecord,
  StoredChain,
  StoredEntry,
  StoredRemoval,
  Timeline,
  Visible,
} from '../../domain/auditReader.ts';
import type { Outcome } from '../../domain/fault.ts';

/** A whole record and where it stands. */
export interface WholeRecord {
  readonly row: RecordRow;
  readonly line: string;
}

/**
 * What a store answers, one bounded answer at a time, all of it data that can be passed between threads. RecordReader is this with
 * iteration on top.
 */
export interface StorePages {
  list(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<RecordRow>>>;
  collapse(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<CollapsedRow>>>;
  show(id: string, visible: Visible, signal: AbortSignal): Promise<Outcome<ShownRecord | null>>;
  timeline(query: RecordQuery, buckets: number, signal: AbortSignal): Promise<Outcome<Timeline>>;
  images(query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<ImageSighting>>>;
  policies(query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly PolicyCount[]>>;
  exceptions(query: RecordQuery, signal: AbortSignal): Promise<Outcome<readonly ExceptionCount[]>>;
  contents(hashes: readonly string[], signal: AbortSignal): Promise<Outcome<ReadonlyMap<string, string>>>;
  whole(query: RecordQuery, order: 'newest' | 'oldest', page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<WholeRecord>>>;
  chains(signal: AbortSignal): Promise<Outcome<readonly StoredChain[]>>;
  entriesFrom(chain: string, sequence: number, limit: number, signal: AbortSignal): Promise<Outcome<readonly StoredEntry[]>>;
  removals(chain: string, signal: AbortSignal): Promise<Outcome<readonly StoredRemoval[]>>;
  holds(signal: AbortSignal): Promise<Outcome<readonly Hold[]>>;
}
