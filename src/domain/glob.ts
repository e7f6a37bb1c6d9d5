/**
 * Globs over slash-separated names, always matched against the whole string: `*` is any run within one segment, `**` any run across
 * segments, everything else is itself. No other wildcard exists, so that a pattern can't mean more than it shows.
 */
export type Glob = (text: string) => boolean;

/** Compiles a glob. Matching is linear in practice: neighbouring wildcards are merged first. */
export function glob(pattern: string): Glob {
  if (!pattern.includes('*')) return (text) => text === pattern;
  const source = pattern
    .split(/(\*+)/)
    .map((part) => (part.startsWith('**') ? '.*' : part === '*' ? '[^/]*' : part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')))
    .join('');
  const expression = new RegExp(`^${source}$`, 's');
  return (text) => expression.test(text);
}

/** Whether any of several globs matches. An empty list matches nothing. */
export function anyGlob(patterns: readonly string[]): Glob {
  const globs = patterns.map(glob);
  return (text) => globs.some((matches) => matches(text));
}
