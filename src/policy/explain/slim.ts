import { isObject } from '../../domain/json.ts';

/** Longest input, in characters, that is followed at all: a trace repeats it again and again. */
const longest = 60_000;
const keeps: readonly number[] = [50, 20, 5, 1];

/** An input to follow. `cut` says what was left out of it; null when nothing was. */
export interface Followed {
  readonly input: string;
  readonly cut: string | null;
}

/** The input, and then the same with ever fewer of its scans' findings, for where it is too much to be followed. */
export function slimForTrace(input: string): readonly Followed[] {
  const cut = keeps.map((keep) => ({
    input: JSON.stringify(cutFindings(JSON.parse(input), keep)),
    cut: `followed with the first ${keep} ${keep === 1 ? 'finding' : 'findings'} of each scan: the whole is too much`,
  }));
  const all = [{ input, cut: null }, ...cut.filter((one) => one.input.length < input.length)];
  const bearable = all.filter((one) => one.input.length <= longest);
  return bearable.length > 0 ? bearable : all.slice(-1);
}

function cutFindings(value: unknown, keep: number): unknown {
  if (Array.isArray(value)) return value.map((one) => cutFindings(one, keep));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === 'findings' && Array.isArray(one) ? one.slice(0, keep) : cutFindings(one, keep)]),
  );
}
