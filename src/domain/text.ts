/** Control, format (bidirectional), invisible and line-separating characters, and halves of surrogate pairs. */
const unsafe = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/**
 * Text from outside, made safe to show, and cut to a number of UTF-16 units: terminal escapes, line breaks that forge log lines and
 * text that reads otherwise than it is (Unicode TR36) come out as visible escapes.
 */
export function safeText(text: string, longest = 1024): string {
  const cut = text.length > longest ? `${text.slice(0, longest)}…` : text;
  return cut.replace(unsafe, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
