const longestPattern = 256;

/**
 * Go's path.Match for one host label: `*`, `?`, `[a-z]`, `[^a-z]`, backslash. A malformed pattern matches nothing. Takes time in
 * proportion to pattern and text at most: patterns may come from whoever may create Secrets.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  if (pattern.length > longestPattern) return false;
  const steps = parse(pattern);
  if (steps === null) return false;
  const characters = [...text];
  let step = 0;
  let at = 0;
  // Where to go on when the newest star has to swallow one more character; older stars never need to.
  let star: { readonly step: number; at: number } | null = null;
  while (at < characters.length) {
    const current = steps[step];
    if (current === 'star') {
      step += 1;
      star = { step, at };
    } else if (current?.(characters[at] ?? '') === true) {
      step += 1;
      at += 1;
    } else if (star !== null) {
      star.at += 1;
      step = star.step;
      at = star.at;
    } else {
      return false;
    }
  }
  return steps.slice(step).every((rest) => rest === 'star');
}

type Step = 'star' | ((character: string) => boolean);

function parse(pattern: string): readonly Step[] | null {
  const steps: Step[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at += 1) {
    const c = characters[at] ?? '';
    if (c === '*') steps.push('star');
    else if (c === '?') steps.push(() => true);
    else if (c === '[') {
      const group = parseClass(characters, at + 1);
      if (group === null) return null;
      steps.push(group.matches);
      at = group.end;
    } else if (c === '\\') {
      at += 1;
      const literal = characters[at];
      if (literal === undefined) return null;
      steps.push((character) => character === literal);
    } else {
      steps.push((character) => character === c);
    }
  }
  return steps;
}

/** From behind the opening bracket; `end` is the closing one. */
function parseClass(characters: readonly string[], start: number): { readonly matches: (character: string) => boolean; readonly end: number } | null {
  const negated = characters[start] === '^';
  const ranges: (readonly [string, string])[] = [];
  let at = negated ? start + 1 : start;
  const one = (): string | null => {
    const c = characters[at];
    if (c === undefined || c === '-' || (c === ']' && ranges.length > 0)) return null;
    at += c === '\\' ? 2 : 1;
    return c === '\\' ? (characters[at - 1] ?? null) : c === ']' ? null : c;
  };
  while (characters[at] !== ']' || ranges.length === 0) {
    const low = one();
    if (low === null) return null;
    let high: string | null = low;
    if (characters[at] === '-') {
      at += 1;
      high = one();
      if (high === null) return null;
    }
    ranges.push([low, high]);
  }
  return { matches: (character) => ranges.some(([low, high]) => low <= character && character <= high) !== negated, end: at };
}
