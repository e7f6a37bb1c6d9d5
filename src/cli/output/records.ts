import type { CollapsedRow, Page, RecordRow } from '../../domain/auditReader.ts';
import { safeText } from '../../domain/text.ts';
import type { Paint } from '../io.ts';

export const classWords = {
  allow: { word: 'allowed', style: 'green' },
  warn: { word: 'warned', style: 'yellow' },
  deny: { word: 'denied', style: 'red' },
  fault: { word: 'denied', style: 'red' },
} as const;

const narrowest = 60;
const widest = 160;
const usual = 100;

/** Two lines for each entry: when, what came of it, for whom and which images; then why, and its id. */
export function recordsText({ next, rows }: Page<RecordRow | CollapsedRow>, paint: Paint, columns = usual): string {
  if (rows.length === 0) return 'Nothing matches.';
  const width = Math.min(widest, Math.max(narrowest, columns));
  const lines = rows.flatMap((row) => rowText(row, paint, width));
  const more = next === null ? [] : ['', `There is more: --limit, --until ${time(rows.at(-1)?.time ?? 0)}, or a narrower filter.`];
  const today = rows.length === 1 ? '1 entry' : `${rows.length} entries`;
  return [...lines, '', `${today}. Times are UTC. tidewaiter audit show ID says more.`, ...more].join('\n');
}

function rowText(row: RecordRow | CollapsedRow, paint: Paint, width: number): string[] {
  const { word, style } = classWords[row.class];
  const object = `${row.namespace === '' ? '' : `${row.namespace}/`}${row.owner === null ? (row.name ?? '(no name)') : `${row.owner.kind}/${row.owner.name}`}`;
  const head = `${time(row.time)}  `;
  const left = cut(object, 42);
  const images =
    [...new Set(row.images.map(({ image, written }) => short(image ?? written)))].join(', ') + (row.imagesOmitted > 0 ? `, ${row.imagesOmitted} more` : '');
  const room = width - head.length - 9 - Math.max(30, left.length) - 2;
  const retries = 'count' in row && row.count > 1 ? `${row.count} times since ${time(row.first).slice(11)}, ` : '';
  const notes = [
    row.lastKnownGood ? 'last known good' : '',
    row.breakglass ? 'breakglass' : '',
    row.differs ? 'candidate differs' : '',
    row.exceptions.length > 0 ? `exception ${row.exceptions.join(', ')}` : '',
  ];
  const note = notes.filter((each) => each !== '').join(', ');
  const why = row.reason === null ? note : `${row.reason.policy}: ${row.reason.msg}${note === '' ? '' : ` (${note})`}`;
  const indent = ' '.repeat(head.length);
  return [
    `${head}${paint(style, word.padEnd(7))}  ${left.padEnd(30)}  ${cut(images, Math.max(10, room))}`,
    ...(why === '' ? [] : [`${indent}${cut(why, width - indent.length)}`]),
    `${indent}${paint('dim', `${retries}${row.id}${row.class === 'fault' ? ', could not look' : ''}`)}`,
  ];
}

/** Official images of Docker Hub by the name that people write. */
function short(image: string): string {
  return image.replace(/^docker\.io\/(?:library\/)?/, '');
}

/** To the second, UTC. */
export function time(milliseconds: number): string {
  return new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ');
}

function cut(text: string, width: number): string {
  const safe = safeText(text, 4000);
  return safe.length <= width ? safe : `${safe.slice(0, Math.max(1, width - 1))}…`;
}
