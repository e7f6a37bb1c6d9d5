import type { AuditLog } from '../log.ts';
import type { Database } from './database.ts';
import { openDatabase, type StoreSettings } from './open.ts';
import { applyRetention, type StoreRetention } from './retain.ts';
import { Shipper } from './ship.ts';

/** A store that is open for reading. */
export interface OpenedStore {
  readonly db: Database;
  /** Takes notice of what was recorded meanwhile, where the store does not by itself. */
  refresh(signal: AbortSignal): Promise<void>;
}

/** Milliseconds for which what was found in a folder counts as new. */
const freshFor = 1_000;

/** Opens a store. What lies in JSON Lines is put into an index first, and what is new before each answer. Rejects as the database does. */
export async function openStore(settings: StoreSettings, retention: StoreRetention, log: AuditLog): Promise<OpenedStore> {
  if (settings.kind !== 'jsonl') return { db: openDatabase(settings, 'read', 4), refresh: () => Promise.resolve() };
  const db = openDatabase(settings, 'write', 1);
  await db.migrate();
  const { directory } = settings;
  const shipper = new Shipper({ directory, db, log, committed: () => null, removes: false, clock: Date.now, removed: () => {}, shipped: () => {} });
  // Nothing of the log itself goes: this is an index of it, and nobody signs that.
  await applyRetention(db, retention, Date.now(), log, async () => {});
  let last = Number.NEGATIVE_INFINITY;
  return {
    db,
    async refresh(signal) {
      if (performance.now() - last < freshFor) return;
      await shipper.run(signal);
      last = performance.now();
    },
  };
}
