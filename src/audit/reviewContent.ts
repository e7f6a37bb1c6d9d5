import { canonicalJson } from '../domain/canonical.ts';
import { isObject } from '../domain/json.ts';
import { type Content, contentOf, referredTo } from './reference.ts';

/** Labels and annotations, in UTF-16 units of canonical text, that stay in a record: whoever may create a Pod chooses them. */
export const longestTexts = 16 << 10;

/** What of a review its requester writes freely. */
export const freeTexts: readonly string[] = ['annotations', 'labels', 'namespaceLabels'];

/** Shorter texts are not worth a content of their own. */
const shortest = 1024;

/** Takes labels and annotations out of a policy input when they are too long to be repeated in every record. */
export function slimReview(input: string): { readonly text: string; readonly contents: readonly Content[] } {
  // A raw quote can't stand inside a JSON string, and of the input's own members only `version` comes after: so this is its review.
  const at = input.lastIndexOf('"review":{');
  // Nearly all reviews are short. One that holds what looks like a reference must not be taken for one.
  if (at < 0 || (input.length - at <= longestTexts && !input.includes('{"sha256":"', at))) return { text: input, contents: [] };
  const rest: unknown = JSON.parse(`{${input.slice(at)}`);
  if (!isObject(rest) || !isObject(rest['review'])) return { text: input, contents: [] };
  const review: Record<string, unknown> = { ...rest['review'] };
  const texts = freeTexts.filter((key) => Object.hasOwn(review, key)).map((key) => ({ key, text: canonicalJson(review[key]) }));
  const total = texts.reduce((sum, { text }) => sum + text.length, 0);
  const contents: Content[] = [];
  for (const { key, text } of texts) {
    if (referredTo(review[key]) === null && (total <= longestTexts || text.length <= shortest)) continue;
    const content = contentOf(text);
    contents.push(content);
    review[key] = { sha256: content.sha256 };
  }
  return contents.length === 0 ? { text: input, contents } : { text: input.slice(0, at) + canonicalJson({ ...rest, review }).slice(1), contents };
}
