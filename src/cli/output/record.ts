import type { ShownRecord } from '../../domain/auditReader.ts';
import { isObject, property, text } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import type { Paint } from '../io.ts';
import { classWords, time } from './records.ts';

type Line = string | null;

/** A record, explained: what was decided for whom, each image's way, what decided and what to do, how to see it again. */
export function recordText({ contents, line, row }: ShownRecord, paint: Paint): string {
  const record: unknown = JSON.parse(line);
  // Of a record that would be too long, parts are contents.
  const at = (key: string): unknown => {
    const value = property(record, key);
    const whole = text(property(value, 'sha256'));
    const content = whole === null ? undefined : contents.get(whole);
    return content === undefined ? value : JSON.parse(content);
  };
  const request = property(record, 'request');
  const { word, style } = classWords[row.class];
  const owner = row.owner === null ? '' : `, of ${row.owner.kind}/${row.owner.name}`;
  const answered = row.decision === row.answered ? '' : `; facts and policies say ${row.decision}, mode ${row.mode} lets it pass`;
  const lines: Line[] = [
    `${paint(style, word)} ${paint('bold', row.id)}`,
    '',
    field('when', `${time(row.time)} UTC`),
    field('what', `${row.operation} ${row.kind} ${row.namespace}/${row.name ?? ''}${owner}`),
    field('who', row.user),
    field('mode', `${row.mode}${answered}`),
    row.class === 'fault' ? field('note', 'the decision rests on nothing but what could not be looked at') : null,
    row.exceptions.length > 0 ? field('exception', row.exceptions.join(', ')) : null,
    row.breakglass ? field('breakglass', 'yes') : null,
    row.acknowledged === null ? null : field('seen', `by ${row.acknowledged.by}, ${time(row.acknowledged.time)} UTC: ${row.acknowledged.note}`),
    ...list(at('images')).flatMap((image) => imageLines(image, paint)),
    ...findingLines(list(at('findings')), paint),
    '',
    paint('bold', 'Behind it'),
    field('policies', short(text(property(record, 'policyRevision')) ?? 'could not judge')),
    field('config', short(text(property(record, 'configRevision')) ?? '')),
    field('took', timingsOf(property(record, 'timings'))),
    field('decided by', `${str(property(record, 'replica'))}, build ${str(property(record, 'build'))}`),
    field('chain', `${row.chain} entry ${row.sequence}`),
    field('hash', row.hash),
    field('request', str(property(record, 'uid'))),
    str(property(request, 'subResource')) === '' ? null : field('subresource', str(property(request, 'subResource'))),
    '',
    paint('bold', 'See it again'),
    ...new Set(
      row.images.flatMap(({ digest, image }) =>
        image === null ? [] : [`  tidewaiter verify ${safeText(image, 600)}${digest === null ? '' : `@${safeText(digest, 150)}`}`],
      ),
    ),
    `  tidewaiter audit show --output json ${row.id}    # with the whole policy input`,
  ];
  return lines.filter((each) => each !== null).join('\n');
}

function imageLines(image: unknown, paint: Paint): Line[] {
  const at = (key: string): unknown => property(image, key);
  const reference = at('reference');
  const tag = text(property(reference, 'tag'));
  const digest = text(property(reference, 'digest'));
  const logical = isObject(reference)
    ? `${str(property(reference, 'registry'))}/${str(property(reference, 'repository'))}${tag === null ? '' : `:${tag}`}${digest === null ? ', without a digest' : `@${digest}`}`
    : 'no image reference';
  const mirror = text(at('mirror'));
  const signers = list(at('signers')).flatMap((each) => text(each) ?? []);
  return [
    '',
    `${paint('bold', `Image of ${str(at('role'))} ${str(at('container'))}`)}`,
    field('written', str(at('written'))),
    field('means', logical),
    field('pulled as', `${str(at('admitted'))}${mirror === null ? '' : ' (from a mirror)'}`),
    field('signers', signers.length === 0 ? 'none' : signers.join(', ')),
    ...list(at('scans')).map((scan) => field('scan', scanText(scan))),
    ...list(at('decidingCves'))
      .slice(0, 1)
      .map(() => field('decided by', cvesText(at('decidingCves'), at('decidingCvesOmitted')))),
    ...list(at('rejected')).map((each) => field('rejected', whyText(each))),
    ...list(at('faults')).map((each) => field('no answer', whyText(each))),
    ...list(at('lastKnownGood')).map((each) =>
      field(
        'last known',
        `${str(property(each, 'stage'))} of ${str(property(each, 'source'))}, ${String(property(each, 'age'))} s old: the source could not be reached`,
      ),
    ),
  ];
}

function scanText(scan: unknown): string {
  const [source, platform, state] = [str(property(scan, 'source')), str(property(scan, 'platform')), str(property(scan, 'state'))];
  if (state !== 'evaluated') return `${source} ${platform}: ${state}: ${str(property(scan, 'reason'))}`;
  const counts = property(scan, 'counts');
  const found = isObject(counts)
    ? Object.entries(counts).flatMap(([severity, count]) => (typeof count === 'number' && count > 0 ? [`${count} ${severity.toLowerCase()}`] : []))
    : [];
  const signer = text(property(scan, 'signer'));
  return `${source} ${platform}: ${found.length === 0 ? 'no findings' : found.join(', ')}; ${str(property(scan, 'scanner'))}, ${str(property(scan, 'scannedAt'))}${signer === null ? '' : `, signed by ${signer}`}`;
}

function whyText(value: unknown): string {
  return `${str(property(value, 'stage'))} ${str(property(value, 'source'))}: ${str(property(value, 'code'))}: ${str(property(value, 'message'))}`;
}

function findingLines(findings: readonly unknown[], paint: Paint): Line[] {
  if (findings.length === 0) return [];
  const decisive = (finding: unknown): boolean => property(finding, 'decisive') === true;
  const sorted = [...findings].sort((a, b) => Number(decisive(b)) - Number(decisive(a)));
  return ['', paint('bold', 'Why'), ...sorted.flatMap((finding) => findingText(finding, decisive(finding), paint))];
}

function findingText(finding: unknown, decisive: boolean, paint: Paint): Line[] {
  const deny = property(finding, 'effect') === 'deny';
  const id = text(property(finding, 'id'));
  const waived = property(finding, 'waivedBy');
  const remediation = text(property(finding, 'remediation'));
  const cves = list(property(finding, 'cves'));
  return [
    `  ${paint(deny ? 'red' : 'yellow', deny ? 'deny' : 'warn')}  ${str(property(finding, 'policy'))}${id === null ? '' : `/${safeText(id, 100)}`}: ${str(property(finding, 'msg'))}`,
    deny && !decisive ? '        follows from the above, or does not count' : null,
    waived === null || waived === undefined ? null : `        waived by ${str(waived)}`,
    cves.length === 0 ? null : `        ${cvesText(cves, property(finding, 'cvesOmitted'))}`,
    remediation === null ? null : `        ${paint('bold', 'What to do:')} ${safeText(remediation, 1000)}`,
  ];
}

const mostCves = 10;

function cvesText(cves: unknown, omitted: unknown): string {
  const all = list(cves).flatMap((each) => text(each) ?? []);
  const more = all.length - Math.min(all.length, mostCves) + (typeof omitted === 'number' ? omitted : 0);
  return `${safeText(all.slice(0, mostCves).join(', '), 600)}${more > 0 ? ` and ${more} more` : ''}`;
}

function timingsOf(timings: unknown): string {
  if (!isObject(timings)) return '';
  return Object.entries(timings)
    .map(([stage, took]) => `${stage} ${typeof took === 'number' ? took.toFixed(1) : '?'} ms`)
    .join(', ');
}

function field(name: string, value: string): string {
  return `  ${name.padEnd(11)} ${safeText(value, 2000)}`;
}

function short(revision: string): string {
  return revision.slice(0, 16);
}

function str(value: unknown): string {
  return safeText(text(value) ?? (value === null || value === undefined ? '' : JSON.stringify(value)), 2000);
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
