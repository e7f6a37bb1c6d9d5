import type { FaultCode } from '../../domain/fault.ts';
import type { RemovedRange } from '../removal.ts';
import type { StoreSettings } from './open.ts';
import type { StorePages } from './pages.ts';
import type { StoreRetention } from './retain.ts';
import type { Committed } from './ship.ts';

/** What a store's thread is started with. */
export type StoreTask = ShipTask | ReadTask;

/** Takes the spool to the store, and removes from it what is old. */
export interface ShipTask {
  readonly role: 'ship';
  readonly directory: string;
  readonly settings: StoreSettings;
  readonly retention: StoreRetention;
  readonly committed: Committed;
}

/** Answers questions about a store in files, so that nobody else waits for them. */
export interface ReadTask {
  readonly role: 'read';
  readonly settings: StoreSettings;
  readonly retention: StoreRetention;
}

export type ToShipper =
  | { readonly type: 'committed'; readonly committed: Committed }
  /** What was about to be removed may go. */
  | { readonly type: 'signed' }
  | { readonly type: 'finish' };

export type FromStore =
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly fields: Readonly<Record<string, unknown>>; readonly message: string }
  | FromShipper
  | FromReader;

export type FromShipper =
  /** Entries that the store took since the last time. */
  | { readonly type: 'shipped'; readonly entries: number }
  | { readonly type: 'removedSegment'; readonly bytes: number }
  /** What is about to be removed: it stays until that is signed. */
  | { readonly type: 'removing'; readonly ranges: readonly RemovedRange[] }
  /** Records that were too old. */
  | { readonly type: 'retired'; readonly entries: number }
  /** null: the store takes records. */
  | { readonly type: 'state'; readonly fault: { readonly code: FaultCode; readonly message: string } | null }
  | { readonly type: 'finished' };

export interface ToReader {
  readonly type: 'ask';
  readonly id: number;
  readonly question: keyof StorePages;
  /** Without the signal. */
  readonly given: readonly unknown[];
}

export interface FromReader {
  readonly type: 'answer';
  readonly id: number;
  /** An outcome: what is not data in it is left out. */
  readonly answer: unknown;
}
