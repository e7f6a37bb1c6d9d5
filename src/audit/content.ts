import { canonicalJson } from '../domain/canonical.ts';
import type { Evidence, JudgedImage } from '../domain/evidence.ts';
import { isObject, property } from '../domain/json.ts';
import { type Content, contentOf, referredTo } from './reference.ts';
import { freeTexts, slimReview } from './reviewContent.ts';

/** A policy input whose large parts are referred to. */
export interface SlimInput {
  /** Canonical JSON. */
  readonly text: string;
  readonly contents: readonly Content[];
}

/** Longest canonical text, in UTF-16 units, that stays where it is. */
export const longestInline = 1024;

/** A part of the input, as it stands there with its key, and what takes its place. */
interface Part {
  readonly old: string;
  readonly new: string;
  readonly content: Content;
}

/**
 * Takes what is long out of a policy input, and refers to it: findings of scans, predicates of attestations, labels and annotations.
 * restoreInput undoes it.
 */
export function slimInput(input: string, images: readonly JudgedImage[]): SlimInput {
  const evidence = slimEvidence(input, images);
  const review = slimReview(evidence.text);
  return review.contents.length === 0 ? evidence : { text: review.text, contents: [...evidence.contents, ...review.contents] };
}

/**
 * Takes the findings of scans and the predicates of attestations out of a policy input, those that are longer than is worth
 * repeating, and refers to them. The rest of the text stays as it is, byte for byte.
 */
function slimEvidence(input: string, images: readonly JudgedImage[]): SlimInput {
  // Most inputs hold nothing large: then nothing is looked through, let alone parsed.
  if (input.length <= longestInline && !input.includes('"sha256"')) return { text: input, contents: [] };
  const contents: Content[] = [];
  let text = '';
  let from = 0;
  for (const image of images) {
    const parts = partsOf(image);
    if (parts === 'ambiguous') return slimParsed(input);
    for (const part of parts) {
      // A raw quote can't stand inside a JSON string, and what was passed over is smaller than a part: so this is its place.
      const at = input.indexOf(part.old, from);
      if (at < 0) return slimParsed(input);
      text += input.slice(from, at) + part.new;
      from = at + part.old.length;
      contents.push(part.content);
    }
  }
  return { text: text + input.slice(from), contents };
}

/** The input as it was, or null when a content that it refers to is not at hand. */
export function restoreInput(slim: string, contents: ReadonlyMap<string, string>): string | null {
  const recorded: unknown = JSON.parse(slim);
  // Of a record that would be too long, the input as a whole is a content, with references within.
  const outer = referredTo(recorded);
  const text = outer === null ? null : contents.get(outer);
  if (text === undefined) return null;
  const input: unknown = text === null ? recorded : JSON.parse(text);
  let whole = true;
  const restored = replaceParts(input, (value) => {
    const sha256 = referredTo(value);
    if (sha256 === null) return value;
    const text = contents.get(sha256);
    if (text === undefined) whole = false;
    return text === undefined ? value : JSON.parse(text);
  });
  return whole ? canonicalJson(restored) : null;
}

/** All references of a recorded input. */
export function referencesOf(input: unknown): readonly string[] {
  const found: string[] = [];
  replaceParts(input, (value) => {
    const sha256 = referredTo(value);
    if (sha256 !== null) found.push(sha256);
    return value;
  });
  return found;
}

/** Evidence never changes once it is gathered, and is shared by many decisions. */
const known = new WeakMap<Evidence, readonly Part[] | 'ambiguous'>();

/** The large parts of an image, in the order in which they stand in the canonical input; or that only parsing can tell. */
function partsOf({ evidence }: JudgedImage): readonly Part[] | 'ambiguous' {
  const found = known.get(evidence);
  if (found !== undefined) return found;
  const predicates = evidence.attestations.map(({ predicate }) => predicate);
  const findings = evidence.scans.flatMap((scan) => (scan.state === 'evaluated' ? [scan.findings] : []));
  const parts = predicates.some((predicate) => referredTo(predicate) !== null)
    ? 'ambiguous'
    : [...predicates.flatMap((predicate) => partOf('predicate', predicate)), ...findings.flatMap((list) => partOf('findings', list))];
  known.set(evidence, parts);
  return parts;
}

function partOf(key: string, value: unknown): Part[] {
  const text = canonicalJson(value);
  if (text.length <= longestInline) return [];
  const content = contentOf(text);
  return [{ old: `"${key}":${text}`, new: `"${key}":${canonicalJson({ sha256: content.sha256 })}`, content }];
}

/** The slow way, for an input that does not hold its parts as the evidence has them: exceptions change findings, for one. */
function slimParsed(input: string): SlimInput {
  const contents: Content[] = [];
  const slim = replaceEvidence(JSON.parse(input), (value) => {
    const text = canonicalJson(value);
    // A predicate that looks like a reference is itself referred to, so that no reference is ever anything else.
    if (text.length <= longestInline && referredTo(value) === null) return value;
    const content = contentOf(text);
    contents.push(content);
    return { sha256: content.sha256 };
  });
  return { text: canonicalJson(slim), contents };
}

/** A copy of an input with everything replaced that may be a reference. */
function replaceParts(input: unknown, replace: (value: unknown) => unknown): unknown {
  const replaced = replaceEvidence(input, replace);
  const review = property(replaced, 'review');
  if (!isObject(replaced) || !isObject(review)) return replaced;
  const texts = freeTexts.filter((key) => Object.hasOwn(review, key)).map((key) => [key, replace(review[key])] as const);
  return { ...replaced, review: { ...review, ...Object.fromEntries(texts) } };
}

/** A copy of an input with each `images[].attestations[].predicate` and `images[].scans[].findings` replaced. */
function replaceEvidence(input: unknown, replace: (value: unknown) => unknown): unknown {
  const within = (value: unknown, list: string, each: (entry: unknown) => unknown): unknown => {
    const entries = property(value, list);
    return isObject(value) && Array.isArray(entries) ? { ...value, [list]: entries.map(each) } : value;
  };
  const at = (key: string) => (entry: unknown) => (isObject(entry) && Object.hasOwn(entry, key) ? { ...entry, [key]: replace(entry[key]) } : entry);
  return within(input, 'images', (image) => within(within(image, 'attestations', at('predicate')), 'scans', at('findings')));
}
