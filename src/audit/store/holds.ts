import type { HoldKeeper } from '../../domain/auditReader.ts';
import { good, type Outcome } from '../../domain/fault.ts';
import { storeFault } from './answers.ts';
import { listHolds } from './chains.ts';
import type { Database } from './database.ts';

/** The holds of a store. What they keep is decided when old records would go. */
export function keepHolds(db: Database): HoldKeeper {
  const look = async <T>(act: () => Promise<Outcome<T>>): Promise<Outcome<T>> => {
    try {
      return await act();
    } catch (cause) {
      return storeFault(cause);
    }
  };
  return {
    list: () => look(() => listHolds(db)),
    place: ({ by, from, name, reason, time, to }) =>
      look(async () => {
        const row = { name, from_time: from, to_time: to, reason, by_whom: by, time };
        const { numInsertedOrUpdatedRows } = await db.main
          .insertInto('holds')
          .values(row)
          .onConflict((oc) => oc.doNothing())
          .executeTakeFirst();
        return good(numInsertedOrUpdatedRows === 1n);
      }),
    release: (name) =>
      look(async () => {
        const { numDeletedRows } = await db.main.deleteFrom('holds').where('name', '=', name).executeTakeFirst();
        return good(numDeletedRows > 0n);
      }),
    close: () => db.close(),
  };
}
