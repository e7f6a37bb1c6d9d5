/** UTF-16 units of a text that is shown. */
export const longestText = 4096;

/**
 * Cuts what is only shown, with a mark, so that one long version does not make a whole report unreadable. What is cut is longer than any
 * package URL that is compared (see parsePurl), so that no rule fits it by accident. Names that decide (the vulnerability, the package,
 * the image ID) are never cut: a report with one that is too long is refused.
 */
export function cutText(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}
