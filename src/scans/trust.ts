import { createHash } from 'node:crypto';

/**
 * The trust of a source: a hash of what never changes and of what may. It is asked for on every admission, so it is computed only when
 * the latter did change.
 */
export function trustOf(lasting: unknown, changing: () => string): () => string {
  let made: { readonly of: string; readonly hash: string } | null = null;
  return () => {
    const now = changing();
    if (made === null || made.of !== now)
      made = {
        of: now,
        hash: createHash('sha256')
          .update(JSON.stringify([lasting, now]))
          .digest('hex'),
      };
    return made.hash;
  };
}
