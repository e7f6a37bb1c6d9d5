import { sql } from 'kysely';
import { type ImageSighting, mostRows, type Page, type PageRequest, type RecordQuery, type Sighting } from '../../domain/auditReader.ts';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { glob } from '../../domain/glob.ts';
import { all, among, prepare, withinPartition } from './conditions.ts';
import { withDriver } from './counts.ts';
import type { Database } from './database.ts';
import { partitionOf, timeOfPlace } from './period.ts';
import { cursorOf, presentRows, renderCursor, weeksOf } from './rows.ts';
import { keptClasses, type Tables } from './tables.ts';

/** Digests of an answer at most, over all pages. */
const mostDigests = 20_000;
const mostTags = 20;

interface Digest {
  readonly repository: string;
  readonly digest: string;
  readonly tags: Set<string>;
  records: number;
  denied: number;
  first: string;
  last: string;
}

/** Every digest of the images that a query means: when it came first and last, and what was known of it then. The newest comers first. */
export async function listImages(db: Database, query: RecordQuery, page: PageRequest, signal: AbortSignal): Promise<Outcome<Page<ImageSighting>>> {
  const after = cursorOf(page);
  if (!after.ok) return after;
  if (!Number.isInteger(page.limit) || page.limit < 1 || page.limit > mostRows) return bad('REVIEW_INVALID', `a page has from 1 to ${mostRows} rows`);
  const found = await collectDigests(db, query, signal);
  if (!found.ok) return found;
  const sorted = found.value.sort((a, b) => (orderOf(a) < orderOf(b) ? 1 : -1)).filter((each) => after.value === null || each.first < after.value);
  const shown = sorted.slice(0, page.limit);
  // Digests that came with one record stay together: a cursor is the place of a record.
  while (shown.length < sorted.length && sorted[shown.length]?.first === shown.at(-1)?.first) {
    const next = sorted[shown.length];
    if (next !== undefined) shown.push(next);
  }
  const rows: ImageSighting[] = [];
  for (const each of shown) {
    signal.throwIfAborted();
    const [first, last] = [await sightingOf(db, each, each.first), await sightingOf(db, each, each.last)];
    if (first === null || last === null) continue;
    const { repository, digest, tags, records, denied } = each;
    rows.push({ repository, digest, tags: [...tags].sort(), records, denied, first, last });
  }
  const end = shown.at(-1);
  return good({ rows, next: shown.length < sorted.length && end !== undefined ? renderCursor(end.first) : null });
}

function orderOf({ first, repository, digest }: Digest): string {
  return `${first} ${repository} ${digest}`;
}

async function collectDigests(db: Database, query: RecordQuery, signal: AbortSignal): Promise<Outcome<Digest[]>> {
  const prepared = await prepare(db, query);
  if (!prepared.ok) return prepared;
  const { image, digest: wanted } = query.filter;
  // Records have other images too: only those that are meant are told.
  const matches = image === undefined ? null : glob(image);
  const { conditions, driver, repositories } = prepared.value;
  const named = repositories === null ? [] : [among(db.kind, sql`i.repository`, repositories)];
  // What the image itself says needs no other look at the record.
  const meant = [...(driver?.kind === 'image' ? conditions : withDriver(prepared.value)), ...named];
  const found = new Map<string, Digest>();
  for (const partition of prepared.value.empty ? [] : (await weeksOf(db, prepared.value)).flat()) {
    signal.throwIfAborted();
    const tables = await db.read(partition);
    if (tables === null) continue;
    const rows = await tables
      .selectFrom('images as i')
      .innerJoin('records as r', (join) => join.onRef('r.place', '=', 'i.place').onRef('r.kept', '=', 'i.kept').onRef('r.time', '=', 'i.time'))
      .select(({ fn }) => [
        'i.repository',
        'i.digest',
        'i.tag',
        fn.countAll<number>().as('records'),
        sql<number>`sum(case when r.answered = 'deny' then 1 else 0 end)`.as('denied'),
        fn.min('r.place').as('first'),
        fn.max('r.place').as('last'),
      ])
      .where('i.digest', '<>', '')
      .where(all([...meant, withinPartition(prepared.value, partition)]))
      .groupBy(['i.repository', 'i.digest', 'i.tag'])
      .limit(mostDigests + 1)
      .execute();
    for (const row of rows) {
      const { repository, digest, tag, first, last } = row;
      if (matches !== null && !matches(image?.includes(':') === true ? `${repository}:${tag}` : repository)) continue;
      if (image === undefined && wanted !== undefined && !digest.startsWith(wanted)) continue;
      const key = `${repository}@${digest}`;
      const known = found.get(key) ?? { repository, digest, tags: new Set<string>(), records: 0, denied: 0, first, last };
      found.set(key, known);
      known.records += Number(row.records);
      known.denied += Number(row.denied);
      if (first < known.first) known.first = first;
      if (last > known.last) known.last = last;
      if (tag !== '' && known.tags.size < mostTags) known.tags.add(tag);
    }
    if (found.size > mostDigests) return bad('LIMIT_EXCEEDED', `there are more than ${mostDigests} digests: name an image, or a shorter time`);
  }
  return good([...found.values()]);
}

async function sightingOf(db: Database, { repository, digest }: Digest, place: string): Promise<Sighting | null> {
  for (const kept of keptClasses) {
    const partition = partitionOf(kept, timeOfPlace(place));
    const tables = await db.read(partition);
    const found = await tables
      ?.selectFrom('images as i')
      .innerJoin('records as r', (join) => join.onRef('r.place', '=', 'i.place').onRef('r.kept', '=', 'i.kept').onRef('r.time', '=', 'i.time'))
      .select(['r.place', 'r.retry', 'r.summary', 'i.signers', 'i.counts'])
      .where('i.place', '=', place)
      .where('i.kept', '=', kept)
      .where('i.time', '=', timeOfPlace(place))
      .where('i.repository', '=', repository)
      .where('i.digest', '=', digest)
      .executeTakeFirst();
    if (found === undefined) continue;
    const [row] = await presentRows(db, [{ ...found, line: '' }]);
    if (row === undefined) continue;
    const { id, time, namespace, user, answered } = row;
    return { record: id, time, namespace, user, answered, ...knownThen(found) };
  }
  return null;
}

/** What is in the columns was rendered by this program. */
function knownThen({ signers, counts }: Pick<Tables['images'], 'signers' | 'counts'>): Pick<Sighting, 'signers' | 'counts'> {
  return { signers: JSON.parse(signers) as string[], counts: JSON.parse(counts) as Record<string, number> | null };
}
