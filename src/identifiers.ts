/** Identifiers of records: ULIDs (https://github.com/ulid/spec), in order even within a millisecond. */
import { randomFillSync } from 'node:crypto';
import { monotonicFactory } from 'ulidx';

/** Draws random bytes from the system by the thousand: the library asks for sixteen a record, one at a time. */
export function createIds(): () => string {
  const pool = Buffer.alloc(4096);
  let used = pool.length;
  return monotonicFactory(() => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    const byte = pool[used] ?? 0;
    used += 1;
    return byte / 256;
  });
}
