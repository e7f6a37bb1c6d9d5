import { hash } from 'node:crypto';
import type { RecordClass } from '../../domain/auditFilter.ts';
import type { Acknowledgement, RecordRow, RowImage } from '../../domain/auditReader.ts';
import { property, text } from '../../domain/json.ts';
import { type ChainPoint, parseLine, pointOfEntry } from '../chain.ts';
import { referencesOf } from '../content.ts';
import { referencesOfEntry } from '../fit.ts';
import { isMore } from '../segmentContents.ts';
import { placeOf } from './period.ts';
import type { ImagesTable, KeptClass, RecordsTable, TermKind } from './tables.ts';
import { wordsOf } from './words.ts';

/** A line of the spool, taken apart as far as a store needs it. */
export type ParsedLine =
  | { readonly type: 'entry'; readonly entry: StoreEntry }
  | { readonly type: 'content'; readonly sha256: string; readonly text: string; readonly references: readonly string[] }
  | { readonly type: 'unreadable' };

/** An entry of a chain as a store keeps it. */
export interface StoreEntry {
  readonly point: ChainPoint;
  readonly kept: KeptClass;
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly record: Omit<RecordsTable, 'row' | 'search'>;
  readonly words: readonly string[];
  readonly terms: readonly { readonly kind: TermKind; readonly term: string }[];
  readonly images: readonly Omit<ImagesTable, 'kept' | 'time' | 'place'>[];
  /** Hashes of the contents that it refers to, those within contents aside. */
  readonly uses: readonly string[];
  readonly acknowledges: Acknowledgement | null;
}

const contentForm = /^\{"content":"([0-9a-f]{64})","value":/;

/** Never throws. The line comes without its line break. */
export function parseSpoolLine(line: string, contents: (sha256: string) => readonly string[]): ParsedLine {
  const [head, sha256] = contentForm.exec(line) ?? [];
  if (head !== undefined && sha256 !== undefined) {
    const value = parseLine(line);
    return value === undefined
      ? { type: 'unreadable' }
      : { type: 'content', sha256, text: line.slice(head.length, -1), references: referencesOf(property(value, 'value')) };
  }
  const value = parseLine(line);
  const point = pointOfEntry(value);
  const time = Date.parse(text(property(value, 'time')) ?? '');
  if (point === null || !Number.isFinite(time) || time < 0 || time >= 1e15) return { type: 'unreadable' };
  return { type: 'entry', entry: id(value) === '' ? storeEvent(line, value, point, time) : storeDecision(line, value, point, time, contents) };
}

function id(value: unknown): string {
  const found = text(property(value, 'id')) ?? '';
  return /^[0-9A-HJKMNP-TV-Z]{1,26}$/.test(found) ? found : '';
}

function str(value: unknown, longest = 512): string {
  return (text(value) ?? '').slice(0, longest).toWellFormed().replaceAll('\0', '\ufffd');
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function strings(value: unknown): string[] {
  return [...new Set(list(value).flatMap((each) => text(each) ?? []))];
}

const noDecision = {
  decision: '',
  answered: '',
  kind: '',
  namespace: '',
  name: '',
  user_name: '',
  owner_kind: '',
  owner_name: '',
  breakglass: 0,
  last_known_good: 0,
  differs: 0,
  policy_revision: '',
  retry: '',
  summary: '',
};

/** An entry that is no decision: a chain's opening, a loss, a removal, an acknowledgement. Kept as long as denials. */
function storeEvent(line: string, value: unknown, point: ChainPoint, time: number): StoreEntry {
  const place = placeOf(time);
  const record = { ...noDecision, ...point, kept: 'deny' as const, time, place, id: '', class: 'event', replica: str(property(value, 'replica')), line };
  return { point, kept: 'deny', time, record, words: [], terms: [], images: [], uses: [], acknowledges: acknowledgementOf(value, time) };
}

/** What an entry says of a record that somebody has looked at. */
function acknowledgementOf(value: unknown, time: number): Acknowledgement | null {
  const reviewed = property(value, 'reviewed');
  const [by, record] = [text(property(reviewed, 'by')), id({ id: property(reviewed, 'record') })];
  return by === null || record === '' ? null : { record, by: str(by), time, note: str(property(reviewed, 'note'), 4096) };
}

function storeDecision(line: string, value: unknown, point: ChainPoint, time: number, contents: (sha256: string) => readonly string[]): StoreEntry {
  const kept: KeptClass = isMore(value) ? 'deny' : 'allow';
  const at = (key: string): unknown => property(value, key);
  const request = at('request');
  const images = list(at('images'));
  const findings = list(at('findings'));
  const rowImages = images.map(rowImage);
  const place = placeOf(time, id(value));
  const exceptions = exceptionsOf(value);
  const codes = [
    ...new Set(
      [...findings, ...images.flatMap((image) => [...list(property(image, 'faults')), ...list(property(image, 'rejected'))])].flatMap(
        (each) => str(property(each, 'code')) || [],
      ),
    ),
  ];
  const owner = property(request, 'owner');
  const row: Omit<RecordRow, 'acknowledged'> = {
    id: id(value),
    time,
    ...point,
    class: classOf(value, findings),
    decision: at('decision') === 'allow' ? 'allow' : 'deny',
    answered: at('answered') === 'allow' ? 'allow' : 'deny',
    mode: str(at('mode')),
    operation: str(property(request, 'operation')),
    kind: str(property(request, 'kind')),
    namespace: str(property(request, 'namespace')),
    name: str(property(request, 'name')) || str(property(request, 'generateName')) || null,
    user: str(property(request, 'user')),
    owner: text(property(owner, 'name')) === null ? null : { kind: str(property(owner, 'kind')), name: str(property(owner, 'name')) },
    images: rowImages.slice(0, mostImages),
    imagesOmitted: Math.max(0, rowImages.length - mostImages),
    reason: reasonOf(findings),
    codes: codes.slice(0, mostTerms),
    exceptions: exceptions.slice(0, mostTerms),
    breakglass: isBreakglass(value),
    lastKnownGood: images.some((image) => list(property(image, 'lastKnownGood')).length > 0),
    differs: differs(value),
  };
  const record: StoreEntry['record'] = {
    ...point,
    kept,
    time,
    place,
    id: row.id,
    class: row.class,
    decision: row.decision,
    answered: row.answered,
    kind: row.kind,
    namespace: row.namespace,
    name: row.name ?? '',
    user_name: row.user,
    owner_kind: row.owner?.kind ?? '',
    owner_name: row.owner?.name ?? '',
    breakglass: Number(row.breakglass),
    last_known_good: Number(row.lastKnownGood),
    differs: Number(row.differs),
    policy_revision: str(at('policyRevision')),
    replica: str(at('replica')),
    retry: retryOf(row),
    summary: JSON.stringify(row),
    line,
  };
  return {
    point,
    kept,
    time,
    record,
    words: wordsOf(searched(row, findings)),
    terms: termsOf(value, findings, images, codes, exceptions),
    images: images.map(storedImage),
    uses: [...new Set(referencesOfEntry(value, contents))],
    acknowledges: null,
  };
}

/** Images of a row, terms of a kind, at most. */
const mostImages = 8;
const mostTerms = 200;

function rowImage(image: unknown): RowImage {
  const reference = property(image, 'reference');
  const repository = repositoryOf(reference);
  const tag = str(property(reference, 'tag'));
  return {
    container: str(property(image, 'container')),
    written: str(property(image, 'written'), 1024),
    image: repository === '' ? null : tag === '' ? repository : `${repository}:${tag}`,
    digest: text(property(reference, 'digest')),
    signers: strings(property(image, 'signers')).slice(0, 20),
  };
}

function repositoryOf(reference: unknown): string {
  const [registry, repository] = [str(property(reference, 'registry')), str(property(reference, 'repository'))];
  return repository === '' ? '' : `${registry}/${repository}`;
}

function storedImage(image: unknown, position: number): StoreEntry['images'][number] {
  const reference = property(image, 'reference');
  return {
    position,
    repository: repositoryOf(reference),
    tag: str(property(reference, 'tag')),
    digest: str(property(reference, 'digest')),
    signers: JSON.stringify(strings(property(image, 'signers')).slice(0, 20)),
    counts: JSON.stringify(worstCounts(list(property(image, 'scans')))),
  };
}

/** Per severity the most that one scan counts; null where none was evaluated. */
function worstCounts(scans: readonly unknown[]): Record<string, number> | null {
  const counts: Record<string, number> = {};
  let any = false;
  for (const scan of scans) {
    const found = property(scan, 'counts');
    for (const severity of ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNKNOWN']) {
      const count = property(found, severity);
      if (typeof count !== 'number') continue;
      any = true;
      counts[severity] = Math.max(counts[severity] ?? 0, count);
    }
  }
  return any ? counts : null;
}

/** See RecordClass. */
function classOf(value: unknown, findings: readonly unknown[]): RecordClass {
  if (property(value, 'decision') !== 'allow') {
    const decisive = findings.filter((finding) => property(finding, 'decisive') === true);
    if (decisive.length > 0 && decisive.every((finding) => text(property(finding, 'code')) !== null)) return 'fault';
    return property(value, 'answered') === 'allow' ? 'warn' : 'deny';
  }
  return findings.some((finding) => property(finding, 'effect') === 'warn') ? 'warn' : 'allow';
}

function reasonOf(findings: readonly unknown[]): RecordRow['reason'] {
  const deciding = findings.find((finding) => property(finding, 'decisive') === true) ?? findings.find((finding) => property(finding, 'effect') === 'warn');
  if (deciding === undefined) return null;
  return {
    policy: str(property(deciding, 'policy')),
    id: text(property(deciding, 'id'))?.slice(0, 512) ?? null,
    msg: str(property(deciding, 'msg'), 1024),
    code: text(property(deciding, 'code')),
  };
}

/** Names of the exceptions that were used. */
function exceptionsOf(value: unknown): string[] {
  return [...new Set(list(property(value, 'exception')).flatMap((used) => str(property(used, 'name')) || []))];
}

function isBreakglass(value: unknown): boolean {
  return list(property(value, 'exception')).some((used) => property(used, 'breakglass') === true);
}

/** Whether the candidate policies would have decided otherwise. */
function differs(value: unknown): boolean {
  const candidate = property(value, 'candidate');
  const stated = property(candidate, 'differs');
  if (typeof stated === 'boolean') return stated;
  const decision = text(property(candidate, 'decision'));
  return decision !== null && decision !== property(value, 'decision');
}

/** What retries of one owner on one day have in common. */
function retryOf(row: Omit<RecordRow, 'acknowledged'>): string {
  const who = row.owner === null ? ['', row.name] : [row.owner.kind, row.owner.name];
  const what = row.images.map(({ container, written }) => [container, written]);
  const why = [row.reason?.policy, row.reason?.id, row.reason?.code, row.codes];
  const how = [row.class, row.decision, row.answered, row.mode, row.operation, row.exceptions, row.breakglass, row.lastKnownGood, row.differs];
  const day = Math.floor(row.time / 86_400_000);
  return hash('sha256', JSON.stringify([day, row.kind, row.namespace, who, row.user, what, row.imagesOmitted, why, how])).slice(0, 32);
}

function termsOf(
  value: unknown,
  findings: readonly unknown[],
  images: readonly unknown[],
  codes: readonly string[],
  exceptions: readonly string[],
): StoreEntry['terms'] {
  const policies = (of: readonly unknown[]): string[] => of.map((finding) => str(property(finding, 'policy')));
  const platforms = list(property(property(value, 'input'), 'images')).flatMap((image) =>
    list(property(image, 'platforms')).map((each) => property(each, 'digest')),
  );
  const denied = findings.filter((finding) => property(finding, 'effect') === 'deny');
  const terms: Record<TermKind, readonly string[]> = {
    cve: [...findings.flatMap((finding) => strings(property(finding, 'cves'))), ...images.flatMap((image) => strings(property(image, 'decidingCves')))],
    digest: [...images.map((image) => property(property(image, 'reference'), 'digest')), ...platforms].flatMap((each) => text(each) ?? []),
    image: images.map((image) => repositoryOf(property(image, 'reference'))),
    signer: images.flatMap((image) => strings(property(image, 'signers'))),
    exception: exceptions,
    code: codes,
    policy: policies(findings),
    policyDenied: policies(denied),
    policyDecided: policies(findings.filter((finding) => property(finding, 'decisive') === true)),
    policyWarned: policies(findings.filter((finding) => property(finding, 'effect') === 'warn')),
  };
  return Object.entries(terms).flatMap(([kind, found]) => {
    const distinct = [...new Set(found.map((each) => str(each)))].filter((each) => each !== '').slice(0, mostTerms);
    return distinct.map((term) => ({ kind: kind as TermKind, term }));
  });
}

function* searched(row: Omit<RecordRow, 'acknowledged'>, findings: readonly unknown[]): Generator<string> {
  yield* [row.id, row.namespace, row.name ?? '', row.user, row.owner?.kind ?? '', row.owner?.name ?? '', row.kind];
  for (const { container, written, image, signers } of row.images) yield* [container, written, image ?? '', ...signers];
  yield* row.codes;
  yield* row.exceptions;
  for (const finding of findings) yield* [str(property(finding, 'policy')), str(property(finding, 'msg'), 2048), ...strings(property(finding, 'cves'))];
}
