const part = /([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)/y;
const milliseconds: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/**
 * Milliseconds of a positive duration as Go writes it, such as `10s`, `1m30s`, `500ms`; null for anything else. The API server says
 * by it how long it will wait. https://pkg.go.dev/time#ParseDuration
 */
export function parseGoDuration(text: string): number | null {
  if (text.length === 0 || text.length > 64) return null;
  let total = 0;
  part.lastIndex = 0;
  while (part.lastIndex < text.length) {
    const found = part.exec(text);
    if (found === null) return null;
    total += Number(found[1]) * (milliseconds[found[2] ?? ''] ?? Number.NaN);
  }
  return Number.isFinite(total) && total > 0 ? total : null;
}
