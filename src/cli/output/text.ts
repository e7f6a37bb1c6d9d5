import type { WeighedFinding } from '../../domain/decision.ts';
import { safeText } from '../../domain/text.ts';
import { describeContainer } from '../../domain/workload.ts';
import type { Paint } from '../io.ts';
import {
  type CheckedObject,
  type CheckReport,
  countResults,
  describeObject,
  describeUse,
  describeWaiver,
  type Result,
  whyUnjudged,
  whyUnknown,
} from '../judge.ts';
import type { ManifestFault, ManifestObject } from '../manifests.ts';

const heads: Record<Result, { readonly word: string; readonly style: 'red' | 'green' | 'yellow' | 'dim' }> = {
  admitted: { word: 'ADMITTED', style: 'green' },
  warned: { word: 'WARN', style: 'yellow' },
  denied: { word: 'DENIED', style: 'red' },
  unjudged: { word: 'NOT JUDGED', style: 'dim' },
};

/** The report for people: a block for each object, then one line that sums up. */
export function checkText(report: CheckReport, paint: Paint): string {
  const blocks = report.objects.map((object) => objectText(object, paint).join('\n'));
  return [...blocks, ...report.unknown.map((object) => unknownText(object, paint)), summary(report, paint)].join('\n\n');
}

/** `file:line:column: message` */
export function manifestFaultText({ file, line, column, message }: ManifestFault): string {
  return `${[safeText(file === '-' ? 'standard input' : file), line, column].filter((part) => part !== null).join(':')}: ${message}`;
}

function unknownText(object: ManifestObject, paint: Paint): string {
  return `${paint('yellow', 'NOTE'.padEnd(9))} ${whyUnknown(object)}  ${paint('dim', safeText(placeText(object)))}`;
}

function placeText({ file, position }: ManifestObject): string {
  return `${file === '-' ? 'standard input' : file}:${position.line}`;
}

function objectText(object: CheckedObject, paint: Paint): string[] {
  const { checked, result } = object;
  const { word, style } = heads[result];
  const lines = [`${paint(style, word.padEnd(9))} ${paint('bold', safeText(describeObject(object)))}  ${paint('dim', safeText(placeText(object.object)))}`];
  for (const image of checked?.images ?? []) {
    const moved = image.admitted !== image.container.written;
    lines.push(
      `  ${describeContainer({ ...image.container, container: safeText(image.container.container, 100) })}  ${safeText(image.container.written, 300)}`,
    );
    if (moved && image.pinned) lines.push(`    -> ${safeText(image.admitted, 600)}`);
  }
  for (const finding of checked?.findings ?? []) lines.push(...findingText(finding, paint));
  for (const exception of checked?.exceptions ?? []) {
    // Of the others, the findings that they drop say so.
    if (exception.spec.cves.length > 0)
      lines.push(`  ${paint('dim', 'not counted')}  ${safeText(exception.spec.cves.join(', '), 500)}, by ${describeUse(exception)}`);
  }
  const note = noteOf(object);
  if (note !== null) lines.push(`  ${paint('dim', note)}`);
  return lines;
}

/** A finding, in lines. */
export function findingText(finding: WeighedFinding, paint: Paint): string[] {
  const deny = finding.effect === 'deny';
  const waiver = describeWaiver(finding);
  const word = waiver === null ? finding.effect : 'waived';
  const severity = finding.severity === null ? '' : `, ${safeText(finding.severity, 20)}`;
  const container = finding.container === null || finding.msg.includes(finding.container) ? '' : `${safeText(finding.container, 100)}: `;
  const lines = [
    `  ${paint(waiver !== null ? 'dim' : deny ? 'red' : 'yellow', word)}  [${safeText(finding.policy, 100)}${severity}] ${container}${safeText(finding.msg, 2000)}`,
  ];
  if (finding.cves.length > 0) {
    const more = finding.cves.length > mostCves ? ` and ${finding.cves.length - mostCves} more` : '';
    lines.push(`        ${safeText(finding.cves.slice(0, mostCves).join(', '), 500)}${more}`);
  }
  if (waiver !== null) lines.push(`        Dropped by ${waiver}`);
  else if (finding.remediation !== null) lines.push(`        What to do: ${safeText(finding.remediation, 1000)}`);
  return lines;
}

const mostCves = 10;

function noteOf(object: CheckedObject): string | null {
  const { checked, result } = object;
  if (checked === null) return whyUnjudged(object);
  if (object.unseen) return 'Denied only because something could not be looked at.';
  if (result === 'denied' && checked.answered === 'allow') return 'The object itself gets warnings; the Pods it makes would be denied.';
  if (result === 'warned' && checked.decision === 'deny') return `Would be denied; mode is ${checked.mode}.`;
  return null;
}

function summary(report: CheckReport, paint: Paint): string {
  const counts = countResults(report);
  const parts = [
    `${counts.admitted} admitted`,
    counts.denied > 0 ? paint('red', `${counts.denied} denied`) : '0 denied',
    ...(counts.warned > 0 ? [`${counts.warned} with warnings`] : []),
    ...(counts.unjudged > 0 ? [`${counts.unjudged} not judged`] : []),
    ...(report.unknown.length > 0 ? [`${report.unknown.length} of kinds that are not looked at`] : []),
    ...(report.faults.length > 0 ? [`${report.faults.length} ${report.faults.length === 1 ? 'file' : 'files'} not readable`] : []),
  ];
  const unseen = report.objects.filter((object) => object.unseen).length;
  const blind =
    unseen === 0 ? '' : `; ${unseen === counts.denied ? 'what is denied is so' : `${unseen} of the denied`} only because something could not be looked at`;
  const others = report.others === 0 ? '' : `; ${report.others} ${report.others === 1 ? 'object runs' : 'objects run'} no images`;
  return `${parts.join(', ')}${blind}${others}`;
}
