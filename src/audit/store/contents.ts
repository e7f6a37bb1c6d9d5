import type { Database } from './database.ts';
import { chunks } from './write.ts';

/** Contents asked for at once at most. */
export const mostContents = 500;

/** Canonical JSON by hex SHA-256; without those that are not there. */
export async function contentsOf(db: Database, hashes: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const chunk of chunks([...new Set(hashes)], 100)) {
    for (const { sha256, text } of await db.main.selectFrom('contents').selectAll().where('sha256', 'in', chunk).execute()) found.set(sha256, text);
  }
  return found;
}
