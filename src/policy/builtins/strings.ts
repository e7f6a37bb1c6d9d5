import { type HostBuiltin, textOf, textsOf } from './builtin.ts';
import { sprintf } from './sprintf.ts';

export const stringBuiltins: Readonly<Record<string, HostBuiltin>> = {
  sprintf: (format, values) => {
    const text = textOf(format);
    if (text === null || typeof values !== 'object' || values === null || values.kind !== 'array') return undefined;
    return JSON.stringify(sprintf(text, values.items));
  },
  'strings.any_prefix_match': (search, base) => anyMatch(textsOf(search), textsOf(base), (text, part) => text.startsWith(part)),
  'strings.any_suffix_match': (search, base) => anyMatch(textsOf(search), textsOf(base), (text, part) => text.endsWith(part)),
  'strings.count': (search, part) => {
    const [text, sub] = [textOf(search), textOf(part)];
    if (text === null || sub === null) return undefined;
    // Go counts an empty string before, between and after all characters.
    return String(sub === '' ? [...text].length + 1 : text.split(sub).length - 1);
  },
  'glob.quote_meta': (pattern) => {
    const text = textOf(pattern);
    return text === null ? undefined : JSON.stringify(text.replace(/[*?\\[\]{}]/g, '\\$&'));
  },
};

function anyMatch(search: readonly string[] | null, base: readonly string[] | null, matches: (text: string, part: string) => boolean): string | undefined {
  if (search === null || base === null) return undefined;
  return String(search.some((text) => base.some((part) => matches(text, part))));
}
