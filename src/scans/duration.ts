import { z } from 'zod';

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A duration such as `30s`, `5m`, `24h` or `7d`, within bounds (milliseconds, and how they are written); milliseconds once read. */
export function duration(least: readonly [number, string], most: readonly [number, string]) {
  return z
    .string()
    .regex(/^[0-9]{1,6}[smhd]$/, 'must be a duration such as 30s, 5m, 24h or 7d')
    .transform((text) => Number(text.slice(0, -1)) * (units[text.slice(-1)] ?? Number.NaN))
    .refine((value) => value >= least[0] && value <= most[0], `must be a duration from ${least[1]} to ${most[1]}`);
}
