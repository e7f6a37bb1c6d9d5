import { bad, type Fault, good, type Outcome } from '../../domain/fault.ts';
import { entriesFrom, listChains, listHolds, listRemovals } from './chains.ts';
import { contentsOf, mostContents } from './contents.ts';
import { countExceptions, countPolicies, countTimeline } from './counts.ts';
import type { Database } from './database.ts';
import { listImages } from './imageHistory.ts';
import { collapseRecords, listRecords, showRecord, wholeRecords } from './lists.ts';
import type { StorePages } from './pages.ts';

/** The answers of a database. */
export function answerFrom(db: Database, clock: () => number): StorePages {
  return {
    list: (query, page, signal) => look(signal, () => listRecords(db, query, page, signal)),
    collapse: (query, page, signal) => look(signal, () => collapseRecords(db, query, page, signal)),
    show: (id, visible, signal) => look(signal, () => showRecord(db, id, visible, signal)),
    timeline: (query, buckets, signal) => look(signal, () => countTimeline(db, query, buckets, clock(), signal)),
    images: (query, page, signal) => look(signal, () => listImages(db, query, page, signal)),
    policies: (query, signal) => look(signal, () => countPolicies(db, query, signal)),
    exceptions: (query, signal) => look(signal, () => countExceptions(db, query, signal)),
    contents: (hashes, signal) =>
      look(signal, async () =>
        hashes.length > mostContents ? bad('LIMIT_EXCEEDED', `at most ${mostContents} contents at once`) : good(await contentsOf(db, hashes)),
      ),
    whole: (query, order, page, signal) => look(signal, () => wholeRecords(db, query, order, page, signal)),
    chains: (signal) => look(signal, () => listChains(db, signal)),
    entriesFrom: (chain, sequence, limit, signal) => look(signal, () => entriesFrom(db, chain, sequence, limit, signal)),
    removals: (chain, signal) => look(signal, () => listRemovals(db, chain)),
    holds: (signal) => look(signal, () => listHolds(db)),
  };
}

async function look<T>(signal: AbortSignal, act: () => Promise<Outcome<T>>): Promise<Outcome<T>> {
  if (signal.aborted) return bad('AUDIT_UNAVAILABLE', 'the question to the audit store was given up');
  try {
    return await act();
  } catch (cause) {
    return storeFault(cause, signal);
  }
}

/** What went wrong with a database, without its own words: they may hold what is in it. */
export function storeFault(cause: unknown, signal?: AbortSignal, name = ''): { readonly ok: false; readonly fault: Fault } {
  if (signal?.aborted === true) return bad('AUDIT_UNAVAILABLE', 'the question to the audit store was given up', { cause });
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const known = reasons.find(([form]) => form.test(code))?.[1];
  return bad('AUDIT_UNAVAILABLE', `the audit store${name === '' ? '' : ` ${name}`} can not be used${known === undefined ? '' : `: ${known}`}`, { cause });
}

/** By PostgreSQL's error codes (https://www.postgresql.org/docs/15/errcodes-appendix.html) and the system's. */
const reasons: readonly (readonly [RegExp, string])[] = [
  [/^57014$/, 'the question takes too long; ask about a shorter time'],
  [/^28/, 'it refuses the user or the password'],
  [/^3D000$/, 'there is no such database'],
  [/^42501$/, 'the user lacks a right'],
  [/^42P01$/, 'its tables are not there: serve makes them when it starts'],
  [/^53/, 'it has no room, or no connection left'],
  [/^(?:ECONN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|EPIPE|57P0)/, 'it can not be reached'],
  [/^(?:ENOTFOUND|EAI_AGAIN)/, 'its host can not be found'],
  [/^STORE_FULL$/, 'it takes as many bytes as audit.storeBytes lets it, and nothing in it may go'],
  [/^ENOENT$/, 'it is not there; serve makes it when it starts'],
  [/^(?:CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_TLS)/, 'its certificate is not trusted'],
];
