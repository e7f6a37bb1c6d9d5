/**
 * Globs over slash-separated names, always matched against the whole string: `*` is any run within one segment, `**` any run across
 * segments, everything else is itself. No other wildcard exists, so that a pattern can't mean more than it shows.
 */
export type Glob = (text: string) => boolean;

/**
 * Compiles a glob. The time of a match is bounded by the square of the text's length times the pattern's, whatever the two are: a
 * regular expression would take the power of the number of wildcards.
 */
export function glob(pattern: string): Glob {
  if (!pattern.includes('*')) return (text) => text === pattern;
  const tokens = pattern.split(/(\*+)/).flatMap((part) => (part.startsWith('**') ? [deep] : part === '*' ? [star] : [...part].flatMap(units)));
  return (text) => matches(tokens, text);
}

/** Whether any of several globs matches. An empty list matches nothing. */
export function anyGlob(patterns: readonly string[]): Glob {
  const globs = patterns.map(glob);
  return (text) => globs.some((one) => one(text));
}

/** Wildcards among the UTF-16 units of a compiled pattern. */
const star = -1;
const deep = -2;
const slash = 47;

function units(character: string): number[] {
  return Array.from({ length: character.length }, (_, i) => character.charCodeAt(i));
}

/**
 * Walks through both, each wildcard at first as short as can be. On a mismatch the last `*` takes one unit more, or, where that would
 * cross a slash, the last `**` does. Earlier wildcards never have to: what they would give, the later ones can take.
 */
function matches(tokens: readonly number[], text: string): boolean {
  let token = 0;
  let at = 0;
  let lastStar: { readonly token: number; at: number } | null = null;
  let lastDeep: { readonly token: number; at: number } | null = null;
  for (;;) {
    const wanted = tokens[token];
    if (wanted === undefined && at === text.length) return true;
    if (wanted === deep) {
      token += 1;
      lastDeep = { token, at };
      lastStar = null;
    } else if (wanted === star) {
      token += 1;
      lastStar = { token, at };
    } else if (at < text.length && wanted === text.charCodeAt(at)) {
      token += 1;
      at += 1;
    } else if (lastStar !== null && lastStar.at < text.length && text.charCodeAt(lastStar.at) !== slash) {
      lastStar.at += 1;
      ({ token, at } = lastStar);
    } else if (lastDeep !== null && lastDeep.at < text.length) {
      lastDeep.at += 1;
      lastStar = null;
      ({ token, at } = lastDeep);
    } else {
      return false;
    }
  }
}
