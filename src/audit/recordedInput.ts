import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { canonicalJson } from '../domain/canonical.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { parseLine } from './chain.ts';
import { referencesOf, restoreInput } from './content.ts';
import { referredTo } from './reference.ts';
import { surveySegments } from './segments.ts';

/**
 * The policy input of a record in a spool, canonical JSON, as the policies saw it but for what was not to be recorded. `id` is the record's
 * ULID. Faults: AUDIT_UNAVAILABLE when the folder can't be read, or has no such record, or not all of it.
 */
export async function readRecordedInput(directory: string, id: string): Promise<Outcome<string>> {
  try {
    const segments = await surveySegments(directory);
    for (const { name } of [...segments].reverse()) {
      const path = join(directory, name);
      const input = await findInput(path, id);
      if (input === undefined) continue;
      if (input === null) return bad('AUDIT_UNAVAILABLE', `the record ${safeText(id, 50)} has no input: the policies were not asked`);
      return await restore(path, input);
    }
    const where = `in ${safeText(directory, 300)}`;
    return bad('AUDIT_UNAVAILABLE', segments.length === 0 ? `there are no records ${where}` : `there is no record ${safeText(id, 50)} ${where}`);
  } catch (cause) {
    return bad('AUDIT_UNAVAILABLE', `the records in ${safeText(directory, 300)} can not be read`, { cause });
  }
}

/** undefined where the segment has no such record. */
async function findInput(path: string, id: string): Promise<unknown> {
  for await (const line of linesOf(path)) {
    if (line.startsWith('{"content":') || !line.includes(id)) continue;
    const entry = parseLine(line);
    if (text(property(entry, 'id')) === id) return property(entry, 'input') ?? null;
  }
  return undefined;
}

async function restore(path: string, input: unknown): Promise<Outcome<string>> {
  const slim = canonicalJson(input);
  const contents = new Map<string, string>();
  const whole = referredTo(input);
  await readContents(path, new Set([...(whole === null ? [] : [whole]), ...referencesOf(input)]), contents);
  // Of a record that would have been too long, the input as a whole is a content, and refers to others.
  const outer = whole === null ? undefined : contents.get(whole);
  if (outer !== undefined) await readContents(path, new Set(referencesOf(parseLine(outer))), contents);
  const restored = restoreInput(slim, contents);
  return restored === null ? bad('AUDIT_UNAVAILABLE', 'the segment lacks a part of the record that it refers to') : good(restored);
}

async function readContents(path: string, wanted: ReadonlySet<string>, contents: Map<string, string>): Promise<void> {
  if (wanted.size === 0) return;
  for await (const line of linesOf(path)) {
    if (!line.startsWith('{"content":')) continue;
    const entry = parseLine(line);
    const sha256 = text(property(entry, 'content'));
    if (sha256 !== null && wanted.has(sha256)) contents.set(sha256, canonicalJson(property(entry, 'value')));
  }
}

async function* linesOf(path: string): AsyncGenerator<string> {
  const input = createReadStream(path);
  try {
    yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  } finally {
    input.destroy();
  }
}
