/** Milliseconds of each unit that a duration may have. */
const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

const longest = 10 * 365 * 86_400_000;

/** A whole number and its unit, or several (`1h30m`). */
export const durationForm = /^(?:[0-9]{1,9}(?:ms|s|m|h|d))+$/;

/** Milliseconds of a duration such as `500ms`, `8s`, `10m`, `24h`, `30d` or `1h30m`; null when it is none, or longer than ten years. */
export function parseDuration(text: string): number | null {
  if (text.length > 40 || !durationForm.test(text)) return null;
  let total = 0;
  for (const [, count = '', unit = ''] of text.matchAll(/([0-9]+)(ms|s|m|h|d)/g)) total += Number(count) * (units[unit] ?? Number.NaN);
  return total <= longest ? total : null;
}

/** Writes milliseconds in the largest unit that divides them. */
export function formatDuration(milliseconds: number): string {
  const fits = Object.entries(units)
    .reverse()
    .find(([, size]) => milliseconds !== 0 && milliseconds % size === 0);
  return fits === undefined ? `${milliseconds}ms` : `${milliseconds / fits[1]}${fits[0]}`;
}
