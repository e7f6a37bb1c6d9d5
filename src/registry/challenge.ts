/** One way a server offers to authenticate, scheme and parameter names in lower case. RFC 9110, 11.6.1. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: ReadonlyMap<string, string>;
}

const longestHeader = 8_192;
const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const space = /[ \t]*/y;
const separators = /[ \t,]*/y;
const token68 = /[A-Za-z0-9\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/**
 * Parses WWW-Authenticate: any number of challenges, in one header or several, with commas inside quotes. What is not well formed ends
 * the reading of that header; what was read before it counts.
 */
export function parseChallenges(header: string | readonly string[] | undefined): readonly Challenge[] {
  const headers = header === undefined ? [] : typeof header === 'string' ? [header] : header;
  return headers.flatMap((text) => (text.length > longestHeader ? [] : parseHeader(text)));
}

function parseHeader(text: string): Challenge[] {
  const found: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at;
    const matched = pattern.exec(text)?.[0] ?? '';
    at += matched.length;
    return matched;
  };
  let current: { scheme: string; parameters: Map<string, string> } | null = null;
  for (;;) {
    take(separators);
    const name = take(token).toLowerCase();
    if (name === '') return found;
    const afterName = at;
    take(space);
    if (text[at] === '=' && current !== null) {
      at += 1;
      take(space);
      const value = text[at] === '"' ? quoted() : take(token);
      if (value === null) return found;
      // The first of a name counts, so that a second can't override it.
      if (!current.parameters.has(name)) current.parameters.set(name, value);
      continue;
    }
    if (at === afterName && at < text.length && text[at] !== ',') return found;
    current = { scheme: name, parameters: new Map() };
    found.push(current);
    take(token68);
  }

  function quoted(): string | null {
    let value = '';
    for (at += 1; at < text.length; at += 1) {
      const c = text[at] ?? '';
      if (c === '"') {
        at += 1;
        return value;
      }
      if (c === '\\') at += 1;
      value += text[at] ?? '';
    }
    return null;
  }
}
