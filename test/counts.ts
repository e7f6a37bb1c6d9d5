import { z } from 'zod';

/** How many tests ended how. */
export const counts = z.object({ passed: z.int().nonnegative(), failed: z.int().nonnegative(), skipped: z.int().nonnegative() });
export type Counts = z.infer<typeof counts>;

export function addCounts(all: readonly Counts[]): Counts {
  return all.reduce((sum, one) => ({ passed: sum.passed + one.passed, failed: sum.failed + one.failed, skipped: sum.skipped + one.skipped }), {
    passed: 0,
    failed: 0,
    skipped: 0,
  });
}

/** `N passed, N failed`, and how many were skipped if any were. */
export function describeCounts({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}

/** The exit code of a run: nothing may have failed, and something must have been tried. */
export function exitCodeOf({ passed, failed }: Counts): 0 | 1 {
  return failed === 0 && passed > 0 ? 0 : 1;
}
