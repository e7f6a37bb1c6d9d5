import type { z } from 'zod';

/** A key that may be left out: null once read, so that "not there" has one form. An explicit null is refused: it is mostly a slip. */
export function absent<T extends z.ZodType>(schema: T) {
  return schema.optional().transform((value) => value ?? null);
}
