import { isObject } from '../../domain/json.ts';

/** Longest input, in characters, that is followed whole: a trace repeats it again and again. */
const longest = 60_000;
const keeps: readonly number[] = [50, 20, 5, 1];

/** The input, with the lists of findings of its scans cut as far as needed; `cut` says so. */
export function slimForTrace(input: string): { readonly input: string; readonly cut: string | null } {
  if (input.length <= longest) return { input, cut: null };
  let slim = input;
  for (const keep of keeps) {
    slim = JSON.stringify(cutFindings(JSON.parse(input), keep));
    if (slim.length <= longest || keep === keeps.at(-1))
      return { input: slim, cut: `followed with the first ${keep} ${keep === 1 ? 'finding' : 'findings'} of each scan: the whole is too large` };
  }
  return { input: slim, cut: null };
}

function cutFindings(value: unknown, keep: number): unknown {
  if (Array.isArray(value)) return value.map((one) => cutFindings(one, keep));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [key, key === 'findings' && Array.isArray(one) ? one.slice(0, keep) : cutFindings(one, keep)]),
  );
}
