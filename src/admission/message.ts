import type { Mode } from '../domain/admission.ts';
import type { WeighedFinding } from '../domain/decision.ts';
import type { JudgedImage } from '../domain/evidence.ts';
import { describeException, type Exception } from '../domain/exception.ts';
import { safeText } from '../domain/text.ts';
import { describeImage } from '../domain/workload.ts';

const longestMessage = 6000;
const longestWarning = 400;
const mostWarnings = 15;

/** The text of a denial: every violation with container, image, policy, reason and what to do, and where the record is. */
export function denialMessage(findings: readonly WeighedFinding[], images: readonly JudgedImage[], record: string | null): string {
  const decisive = findings.filter((finding) => finding.decisive);
  const lines: string[] = [];
  let length = 0;
  for (const finding of decisive) {
    const line = `- ${describeFinding(finding, images)}`;
    if (length + line.length > longestMessage) {
      lines.push(`- and ${decisive.length - lines.length} more, in the record`);
      break;
    }
    lines.push(line);
    length += line.length;
  }
  const count = decisive.length === 1 ? '1 violation' : `${decisive.length} violations`;
  return [`image policy: ${count}`, ...lines, ...resolveNotes(decisive, images), ...(record === null ? [] : [`record ${record}`])].join('\n');
}

const mostNotes = 10;

/**
 * What went wrong with resolving the images that are refused, where no violation says it: it decided nothing, but it may be why, as with
 * an image in a mirror that its source could not confirm and that was judged as itself.
 */
function resolveNotes(decisive: readonly WeighedFinding[], images: readonly JudgedImage[]): string[] {
  const refused = new Set(decisive.map(({ container }) => container));
  return images
    .filter(({ container, pinned }) => pinned && refused.has(container.container))
    .flatMap(({ container, evidence }) =>
      evidence.faults
        .filter(({ stage, message }) => stage === 'resolve' && !decisive.some(({ msg }) => msg.includes(message)))
        .map(({ code, message }) => safeText(`- note: ${describeImage(container)}: ${code}: ${message}`, 1500)),
    )
    .slice(0, mostNotes);
}

/** What the API server shows to whoever asked, without refusing: warnings, and in warn mode what would have been refused. */
export function warningTexts(judged: Warned, mode: Mode, answered: 'allow' | 'deny'): string[] {
  if (mode === 'observe') return [];
  const { findings, images, exceptions, now } = judged;
  const said = findings
    .filter((finding) => finding.waivedBy === null && (finding.effect === 'warn' || (answered === 'allow' && finding.decisive)))
    .map((finding) => safeText(`${finding.effect === 'deny' ? 'would be denied: ' : ''}${describeFinding(finding, images)}`, longestWarning));
  // First, since a long list is cut: that a door stands open, and when it closes.
  const texts = answered === 'allow' ? [...exceptions.map((exception) => safeText(describeUse(exception, now), longestWarning)), ...said] : said;
  if (texts.length <= mostWarnings) return texts;
  return [...texts.slice(0, mostWarnings), `and ${texts.length - mostWarnings} more`];
}

/** What warnings are made of. */
export interface Warned {
  readonly findings: readonly WeighedFinding[];
  readonly images: readonly JudgedImage[];
  readonly exceptions: readonly Exception[];
  /** Milliseconds since the epoch. */
  readonly now: number;
}

function describeUse(exception: Exception, now: number): string {
  const until = `allowed by ${describeException(exception)} until ${new Date(exception.expires).toISOString()}`;
  const stale = exception.stale ? '; whether it still stands could not be looked at' : '';
  return now < exception.warnFrom ? `${until}${stale}` : `${until}${stale}; it ends in ${roughly(exception.expires - now)}, and then this is denied`;
}

/** A time to come, in its largest whole unit. */
function roughly(milliseconds: number): string {
  const minutes = Math.max(1, Math.floor(milliseconds / 60_000));
  if (minutes < 120) return minutes === 1 ? '1 minute' : `${minutes} minutes`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} hours` : `${Math.floor(hours / 24)} days`;
}

function describeFinding(finding: WeighedFinding, images: readonly JudgedImage[]): string {
  const image = images.find((candidate) => candidate.container.container === finding.container);
  const named = image === undefined || finding.msg.includes(describeImage(image.container)) || namesBoth(finding.msg, image.container);
  const what = named ? '' : `${describeImage(image.container)}: `;
  const remedy = finding.remediation === null ? '' : ` What to do: ${finding.remediation}`;
  return `[${safeText(finding.policy, 100)}] ${safeText(`${what}${finding.msg}${/[.!?]$/.test(finding.msg) || remedy === '' ? '' : '.'}${remedy}`, 1500)}`;
}

function namesBoth(text: string, { container, written }: JudgedImage['container']): boolean {
  return text.includes(container) && text.includes(written);
}
