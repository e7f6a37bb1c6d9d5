/** Characters of a record that are searched, and words of it, at most. */
const longestText = 16 << 10;
const mostWords = 600;
const longestWord = 64;

/** Runs of letters and digits, in lower case: the same words in every store, whatever its own idea of a word is. */
export function wordsOf(texts: Iterable<string>): readonly string[] {
  const found = new Set<string>();
  let length = 0;
  for (const text of texts) {
    for (const [word] of text.slice(0, longestText - length).matchAll(/[\p{L}\p{N}]+/gu)) {
      if (found.size >= mostWords) return [...found];
      found.add(word.slice(0, longestWord).toLowerCase());
    }
    length += text.length;
    if (length >= longestText) break;
  }
  return [...found];
}

export interface Search {
  readonly word: string;
  /** Whether any word will do that begins so. */
  readonly prefix: boolean;
}

/** What is searched for: all of the words. A `*` after a word means its beginning. */
export function parseSearch(text: string): readonly Search[] {
  return [...text.matchAll(/([\p{L}\p{N}]+)(\*?)/gu)]
    .slice(0, 20)
    .map(([, word = '', star]) => ({ word: word.slice(0, longestWord).toLowerCase(), prefix: star === '*' }));
}
