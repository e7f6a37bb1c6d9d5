import type { RecordReader } from '../../domain/auditReader.ts';
import { good } from '../../domain/fault.ts';
import type { StorePages } from './pages.ts';

/** Whole records, entries of a chain, that are asked for at a time. */
const atOnce = 100;

/** A reader over anything that answers page by page. */
export function readPages(pages: StorePages, close: () => Promise<void>): RecordReader {
  return {
    ...pages,
    async *records(query, order, signal) {
      let after: string | undefined;
      for (;;) {
        signal.throwIfAborted();
        const page = await pages.whole(query, order, { limit: atOnce, ...(after === undefined ? {} : { after }) }, signal);
        if (!page.ok) {
          yield page;
          return;
        }
        for (const record of page.value.rows) yield good(record);
        if (page.value.next === null) return;
        after = page.value.next;
      }
    },
    async *entries(chain, fromSequence, signal) {
      let next = fromSequence;
      for (;;) {
        signal.throwIfAborted();
        const found = await pages.entriesFrom(chain, next, atOnce, signal);
        if (!found.ok) {
          yield found;
          return;
        }
        for (const entry of found.value) yield good(entry);
        const last = found.value.at(-1);
        if (last === undefined || found.value.length < atOnce) return;
        next = last.sequence + 1;
      }
    },
    close,
  };
}
