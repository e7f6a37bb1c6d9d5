import type { AuditProof, ChainProof, ProofFault, ProofLevel } from '../../domain/auditProof.ts';
import { safeText } from '../../domain/text.ts';
import type { Paint } from '../io.ts';

/** Chains, faults and ranges that are shown; the JSON form has all. */
const mostShown = 50;

const levelWords: Record<ProofLevel, string> = {
  copies: 'proven by copies of checkpoints',
  local: 'proven by local checkpoints only',
  chain: 'by its chain only',
  none: 'by nothing',
};

/** What `audit verify` found, for people. */
export function proofText(proof: AuditProof, paint: Paint): string {
  const { checkpoints, entries, contents, chains, faults, notes } = proof;
  const signed = checkpoints.local + checkpoints.copies;
  const newest = checkpoints.newest === null ? '' : `, the newest of ${checkpoints.newest}`;
  return [
    `${safeText(proof.source, 300)}: ${plural(entries, 'entry', 'entries')} in ${plural(chains.length, 'chain')}, ${plural(contents, 'content')}`,
    signed === 0 ? 'checkpoints: none' : `checkpoints: ${checkpoints.copies} copies, ${checkpoints.local} local${newest}`,
    ...checkpoints.keys.map((key) => `  key ${key}`),
    ...(proof.apiserver === null ? [] : [`API server's log: ${plural(proof.apiserver.events, 'event')} with ${plural(proof.apiserver.records, 'record')}`]),
    '',
    ...cut(chains, (chain) => chainLines(chain, paint), 'chains'),
    ...(notes.length === 0 ? [] : ['', ...cut(notes, (note) => [`note: ${safeText(note, 600)}`], 'notes')]),
    '',
    ...cut(faults, (fault) => faultLines(fault, paint), 'faults'),
    conclusion(proof, paint),
  ].join('\n');
}

function chainLines({ chain, replica, entries, ranges, pruned }: ChainProof, paint: Paint): readonly string[] {
  const who = replica === null ? '' : ` of ${safeText(replica, 80)}`;
  return [
    `chain ${chain}${who}: ${plural(entries, 'entry', 'entries')}`,
    ...cut(
      [
        ...pruned.map(({ from, to, key, reason, time }) => ({
          from,
          text: `${span(from, to)}  pruned (${reason}), ${key === null ? 'as its chain says' : `signed by ${key.slice(0, 16)}${time === null ? '' : ` at ${time}`}`}`,
        })),
        ...ranges.map(({ from, to, by, time }) => ({
          from,
          text: paint(
            by === 'none' ? 'red' : by === 'chain' ? 'yellow' : 'green',
            `${span(from, to)}  ${levelWords[by]}${time === null ? '' : `, of ${time}`}`,
          ),
        })),
      ].sort((a, b) => a.from - b.from),
      ({ text }) => [`  ${text}`],
      'ranges',
    ),
  ];
}

function faultLines({ kind, chain, sequence, file, line, message }: ProofFault, paint: Paint): readonly string[] {
  const where = file === null ? '' : ` ${safeText(file, 300)}${line === null ? '' : `:${line}`}`;
  const what = chain === null ? '' : ` chain ${safeText(chain, 40)}${sequence === null ? '' : `, entry ${sequence}`}`;
  return [`${paint('red', kind)}${where}${what}: ${safeText(message, 600)}`];
}

function conclusion({ chains, faults, omitted }: AuditProof, paint: Paint): string {
  if (faults.length > 0) return paint('red', `Wrong: ${plural(faults.length + omitted, 'fault')}.`);
  const total = (level: ProofLevel): number =>
    chains.flatMap(({ ranges }) => ranges).reduce((sum, { from, to, by }) => sum + (by === level ? to - from + 1 : 0), 0);
  const parts = (['copies', 'local', 'chain', 'none'] as const).flatMap((level) => (total(level) === 0 ? [] : [`${total(level)} ${levelWords[level]}`]));
  return paint('green', `Nothing wrong was found: ${parts.join(', ') || 'there are no entries'}.`);
}

function span(from: number, to: number): string {
  return from === to ? `${from}` : `${from}-${to}`;
}

function plural(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

function cut<T>(list: readonly T[], show: (item: T) => readonly string[], what: string): readonly string[] {
  const lines = list.slice(0, mostShown).flatMap(show);
  return list.length > mostShown ? [...lines, `… and ${list.length - mostShown} more ${what}; --output json shows all`] : lines;
}
