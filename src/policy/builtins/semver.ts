import { type HostBuiltin, textOf } from './builtin.ts';

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly pre: readonly string[];
}

/** https://semver.org/spec/v2.0.0.html; OPA lets a leading v pass. */
export const semverBuiltins: Readonly<Record<string, HostBuiltin>> = {
  'semver.is_valid': (value) => String(parse(textOf(value)) !== null),
  'semver.compare': (a, b) => {
    const left = parse(textOf(a));
    const right = parse(textOf(b));
    return left === null || right === null ? undefined : String(compare(left, right));
  },
};

const number = '(0|[1-9]\\d*)';
const word = '(?:0|[1-9]\\d*|\\d*[A-Za-z-][0-9A-Za-z-]*)';
const form = new RegExp(`^v?${number}\\.${number}\\.${number}(?:-(${word}(?:\\.${word})*))?(?:\\+[0-9A-Za-z-]+(?:\\.[0-9A-Za-z-]+)*)?$`);

function parse(text: string | null): Version | null {
  const parts = form.exec(text ?? '');
  if (parts === null) return null;
  const numbers = [parts[1], parts[2], parts[3]].map((part) => BigInt(part ?? '0'));
  if (numbers.some((n) => n > 9_223_372_036_854_775_807n)) return null;
  const [major = 0n, minor = 0n, patch = 0n] = numbers;
  return { numbers: [major, minor, patch], pre: parts[4] === undefined ? [] : parts[4].split('.') };
}

function compare(a: Version, b: Version): -1 | 0 | 1 {
  for (const i of [0, 1, 2] as const) if (a.numbers[i] !== b.numbers[i]) return a.numbers[i] < b.numbers[i] ? -1 : 1;
  if (a.pre.length === 0 || b.pre.length === 0) return a.pre.length === b.pre.length ? 0 : a.pre.length === 0 ? 1 : -1;
  for (const [i, left] of a.pre.entries()) {
    const right = b.pre[i];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.pre.length < b.pre.length ? -1 : 0;
}

/** Numbers by size and before words; words by their bytes (section 11.4). */
function compareIdentifiers(a: string, b: string): -1 | 0 | 1 {
  if (a === b) return 0;
  const numeric = /^\d+$/;
  const [leftNumber, rightNumber] = [numeric.test(a), numeric.test(b)];
  if (leftNumber !== rightNumber) return leftNumber ? -1 : 1;
  if (!leftNumber) return a < b ? -1 : 1;
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}
