import { type HostBuiltin, integerOf, textOf } from './builtin.ts';
import type { RegoValue } from './value.ts';

// Times are whole nanoseconds since the epoch in an int64, as in OPA: more digits than a double holds, hence bigint.
const second = 1_000_000_000n;
const day = 86_400n * second;
const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];

/** https://www.openpolicyagent.org/docs/policy-reference/builtins/time, in UTC: the narrowed capabilities let no other zone pass. */
export const timeBuiltins: Readonly<Record<string, HostBuiltin>> = {
  'time.parse_rfc3339_ns': (value) => ifInt64(parseRfc3339(textOf(value))),
  'time.parse_duration_ns': (value) => ifInt64(parseDuration(textOf(value))),
  'time.add_date': (ns, years, months, added) => addDate(instantOf(ns), integerOf(years), integerOf(months), integerOf(added)),
  'time.date': (ns) => withTime(ns, ({ year, month, date }) => `[${year},${month},${date}]`),
  'time.clock': (ns) => withTime(ns, ({ hours, minutes, seconds }) => `[${hours},${minutes},${seconds}]`),
  'time.weekday': (ns) => withTime(ns, ({ weekday }) => JSON.stringify(weekday)),
  'time.diff': difference,
};

function ifInt64(ns: bigint | null): string | undefined {
  return ns !== null && BigInt.asIntN(64, ns) === ns ? ns.toString() : undefined;
}

function instantOf(value: RegoValue | undefined): bigint | null {
  const ns = integerOf(value);
  return ns !== null && BigInt.asIntN(64, ns) === ns ? ns : null;
}

/** Go's time.Parse(time.RFC3339): capital T and Z, any number of fractional digits of which nine count. */
function parseRfc3339(text: string | null): bigint | null {
  const parts = /^(\d{4})-(\d\d)-(\d\d)T(\d\d?):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):(\d\d))$/.exec(text ?? '');
  if (parts === null) return null;
  const [year = 0, month = 0, date = 0, hour = 0, minute = 0, sec = 0] = parts.slice(1, 7).map(Number);
  const [, , , , , , , fraction = '', mark, zoneHour = '0', zoneMinute = '0'] = parts;
  if (month < 1 || month > 12 || date < 1 || date > daysIn(year, month)) return null;
  if (hour > 23 || minute > 59 || sec > 59 || Number(zoneHour) > 24 || Number(zoneMinute) > 60) return null;
  const offset = (Number(zoneHour) * 60 + Number(zoneMinute)) * 60 * (mark === '-' ? -1 : 1);
  const whole = dayNumber(year, month, date) * 86_400n + BigInt(hour * 3600 + minute * 60 + sec - offset);
  return whole * second + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

const unitsOfTime: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1000n,
  µs: 1000n,
  μs: 1000n,
  ms: 1_000_000n,
  s: second,
  m: 60n * second,
  h: 3600n * second,
  d: 86_400n * second,
  w: 604_800n * second,
  y: 31_536_000n * second,
};

/** Go's time.ParseDuration, with the days, weeks and years of 365 days that OPA adds. */
function parseDuration(text: string | null): bigint | null {
  const parts = /^([+-])?(.*)$/s.exec(text ?? '');
  const body = parts?.[2] ?? '';
  if (text === null) return null;
  if (body === '0') return 0n;
  if (!/^(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|μs|ms|s|m|h|d|w|y))+$/.test(body)) return null;
  let total = 0n;
  for (const [, whole = '', fraction = '', unit = ''] of body.matchAll(/(\d*)(?:\.(\d*))?(ns|us|µs|μs|ms|s|m|h|d|w|y)/g)) {
    const scale = unitsOfTime[unit] ?? 0n;
    total += BigInt(whole === '' ? '0' : whole) * scale;
    if (fraction !== '') total += (BigInt(fraction) * scale) / 10n ** BigInt(fraction.length);
  }
  return parts?.[1] === '-' ? -total : total;
}

function addDate(ns: bigint | null, years: bigint | null, months: bigint | null, added: bigint | null): string | undefined {
  if (ns === null || years === null || months === null || added === null) return undefined;
  const far = 1_000_000n;
  if ([years, months, added].some((n) => n > far || n < -far)) return undefined;
  const time = split(ns);
  const month = time.month - 1 + Number(months);
  const year = time.year + Number(years) + Math.floor(month / 12);
  // The day of the month may lie outside of it: Go carries it over, and so does counting on from the first.
  const start = dayNumber(year, (((month % 12) + 12) % 12) + 1, 1) + BigInt(time.date - 1) + added;
  return ifInt64(start * day + time.rest);
}

/** Years, months, days, hours, minutes, seconds, as OPA counts them: days are borrowed from the earlier time's month. */
function difference(a: RegoValue | undefined, b: RegoValue | undefined): string | undefined {
  const one = instantOf(a);
  const other = instantOf(b);
  if (one === null || other === null) return undefined;
  const [from, to] = one < other ? [split(one), split(other)] : [split(other), split(one)];
  const parts = [to.year - from.year, to.month - from.month, to.date - from.date, to.hours - from.hours, to.minutes - from.minutes, to.seconds - from.seconds];
  const sizes = [0, 12, daysIn(from.year, from.month), 24, 60, 60];
  for (let i = parts.length - 1; i > 0; i -= 1) {
    if ((parts[i] ?? 0) < 0) {
      parts[i] = (parts[i] ?? 0) + (sizes[i] ?? 0);
      parts[i - 1] = (parts[i - 1] ?? 0) - 1;
    }
  }
  return JSON.stringify(parts);
}

interface TimeParts {
  readonly year: number;
  readonly month: number;
  readonly date: number;
  readonly hours: number;
  readonly minutes: number;
  readonly seconds: number;
  readonly weekday: string;
  /** Nanoseconds into the day. */
  readonly rest: bigint;
}

function withTime(value: RegoValue | undefined, write: (parts: TimeParts) => string): string | undefined {
  const ns = instantOf(value);
  return ns === null ? undefined : write(split(ns));
}

function split(ns: bigint): TimeParts {
  const rest = ((ns % day) + day) % day;
  const date = new Date(Number((ns - rest) / 1_000_000n));
  const seconds = Number(rest / second);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    date: date.getUTCDate(),
    hours: Math.floor(seconds / 3600),
    minutes: Math.floor(seconds / 60) % 60,
    seconds: seconds % 60,
    weekday: days[date.getUTCDay()] ?? '',
    rest,
  };
}

/** Days since the epoch, for any year (Date.UTC reads years under 100 as 19xx). */
function dayNumber(year: number, month: number, date: number): bigint {
  const at = new Date(0);
  at.setUTCFullYear(year, month - 1, date);
  return BigInt(at.getTime()) / 86_400_000n;
}

function daysIn(year: number, month: number): number {
  const at = new Date(0);
  at.setUTCFullYear(year, month, 0);
  return at.getUTCDate();
}
