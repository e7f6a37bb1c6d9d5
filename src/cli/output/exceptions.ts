import { safeText } from '../../domain/text.ts';
import type { SeenException } from '../../exceptions/index.ts';
import type { Paint } from '../io.ts';

const words: Record<SeenException['standing'], { readonly word: string; readonly style: 'red' | 'green' | 'yellow' | 'dim' }> = {
  inForce: { word: 'IN FORCE', style: 'green' },
  upcoming: { word: 'UPCOMING', style: 'dim' },
  expired: { word: 'EXPIRED', style: 'dim' },
  pending: { word: 'NOT APPROVED', style: 'yellow' },
  void: { word: 'VOID', style: 'red' },
  breakglass: { word: 'BREAKGLASS', style: 'red' },
};

/** A block for each exception: what stands, whose it is, and when it ends. */
export function exceptionTable(all: readonly SeenException[], paint: Paint, now: number): string {
  const width = Math.max(...all.map(({ standing }) => words[standing].word.length));
  return all
    .map((seen) => {
      const { word, style } = words[seen.standing];
      const { spec } = seen;
      const head = `${paint(style, word.padEnd(width))}  ${paint('bold', seen.label)}`;
      if (spec === null || seen.standing === 'void') return `${head}\n${indent(seen.reason ?? 'it can not be read')}`;
      const end = Date.parse(spec.expires) <= now ? 'ended' : 'until';
      const when = [`${end} ${safeText(spec.expires, 40)}`, ...whoseActs(seen, paint)].join(', ');
      return [head, indent(when), indent(waives(seen)), indent(`because ${safeText(spec.reason, 300)}`)].join('\n');
    })
    .join('\n');
}

/** Nobody's, out of a folder: there nobody stamps. */
function whoseActs({ spec, status }: SeenException, paint: Paint): string[] {
  if (spec === null || status === null) return [];
  const { createdBy, changedBy, approvedBy, acknowledgedBy } = status;
  const acknowledged = acknowledgedBy === null ? paint('red', 'not acknowledged') : `acknowledged by ${safeText(acknowledgedBy, 200)}`;
  return [
    `by ${safeText(changedBy ?? createdBy, 200)}`,
    ...(approvedBy === null ? [] : [`approved by ${safeText(approvedBy, 200)}`]),
    ...(spec.breakglass ? [acknowledged] : []),
  ];
}

function indent(line: string): string {
  return `    ${line}`;
}

function waives({ spec }: SeenException): string {
  if (spec === null) return '';
  const what = spec.breakglass ? 'everything that can be waived' : [...spec.policies, ...spec.cves].join(', ');
  const images = [...spec.images, ...spec.digests];
  return `waives ${safeText(what, 500)}${images.length === 0 ? '' : ` for ${safeText(images.join(', '), 500)}`}`;
}

/** Everything that an approver has to read. */
export function exceptionBlock(seen: SeenException, paint: Paint): string {
  const { spec, status } = seen;
  const lines = [`${paint('bold', seen.label)}  ${paint(words[seen.standing].style, words[seen.standing].word)}`];
  const add = (key: string, value: string | null | undefined): void => {
    if (value !== null && value !== undefined && value !== '') lines.push(`  ${key.padEnd(12)} ${safeText(value, 4000)}`);
  };
  add('void', seen.reason);
  if (spec === null) return lines.join('\n');
  add('waives', spec.breakglass ? 'everything that can be waived' : [...spec.policies, ...spec.cves].join(', '));
  add('images', [...spec.images, ...spec.digests].join(', ') || (spec.breakglass ? 'all' : ''));
  add('namespaces', spec.namespaces.join(', ') || seen.namespace);
  add('reason', spec.reason);
  add('owner', spec.owner);
  add('ticket', spec.ticket);
  add('starts', spec.starts);
  add('expires', spec.expires);
  add('created by', status?.createdBy);
  add('changed by', status?.changedBy);
  add('approved by', status?.approvedBy);
  add('acknowledged', status?.acknowledgedBy);
  add('revision', seen.revision);
  return lines.join('\n');
}
