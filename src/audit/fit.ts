import { canonicalJson } from '../domain/canonical.ts';
import { isObject, property } from '../domain/json.ts';
import { referencesOf } from './content.ts';
import { type Content, contentOf, referredTo } from './reference.ts';

/** Bytes of one record at most, without its contents. */
export const longestRecord = 256 << 10;

/** What a record holds besides: request, names, times. */
const besides = 16 << 10;

/** The parts of a record that grow with what is judged, as canonical JSON. */
export interface Parts {
  readonly findings: string;
  readonly images: string;
  readonly input: string;
}

const partNames = ['findings', 'images', 'input'] as const;

/** Takes the largest parts out of a record that would be too long, as contents that it refers to. */
export function fitRecord(parts: Parts): { readonly parts: Parts; readonly contents: readonly Content[] } {
  const longest = longestRecord - besides;
  // In UTF-8 a UTF-16 unit takes three bytes at most: nearly every record is seen to fit without a count.
  if ((parts.findings.length + parts.images.length + parts.input.length) * 3 <= longest) return { parts, contents: [] };
  const sizes = partNames.map((name) => ({ name, size: Buffer.byteLength(parts[name]) })).sort((a, b) => b.size - a.size);
  let total = sizes.reduce((sum, { size }) => sum + size, 0);
  const fitted: Record<keyof Parts, string> = { ...parts };
  const contents: Content[] = [];
  for (const { name, size } of sizes) {
    if (total <= longest) break;
    const content = contentOf(parts[name]);
    contents.push(content);
    fitted[name] = canonicalJson({ sha256: content.sha256 });
    total -= size;
  }
  return { parts: fitted, contents };
}

/**
 * All references of an entry. `within` tells those of a content: an input that is one as a whole refers to others.
 */
export function referencesOfEntry(entry: unknown, within: (sha256: string) => readonly string[]): readonly string[] {
  if (!isObject(entry)) return [];
  const outer = partNames.flatMap((name) => referredTo(property(entry, name)) ?? []);
  const input = property(entry, 'input');
  const whole = referredTo(input);
  return [...outer, ...(whole === null ? referencesOf(input) : within(whole))];
}
