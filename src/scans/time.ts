/** https://www.rfc-editor.org/rfc/rfc3339#section-5.6, with as many fractional digits as Go writes. */
const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** How far the clock of whoever scanned may be ahead of ours, in milliseconds. */
export const clockSkew = 5 * 60_000;

/** Milliseconds since the epoch; null for what is no RFC 3339 time, or is Go's zero time. */
export function parseTime(text: string): number | null {
  if (!rfc3339.test(text)) return null;
  const time = Date.parse(text);
  return Number.isFinite(time) && time > 0 ? time : null;
}

/** The time of a report, as RFC 3339 in UTC; null where there is none that can be read. */
export function formatTime(text: string | null | undefined): string | null {
  const time = parseTime(text ?? '');
  return time === null ? null : new Date(time).toISOString();
}
