import { outcomeOf } from '../domain/candidate.ts';
import type { Renderable } from '../domain/canonical.ts';
import type { Finding } from '../domain/decision.ts';
import type { ComparisonDraft } from '../domain/record.ts';
import { renderEvent } from './chain.ts';
import type { Link, Unhashed, Writer } from './record.ts';

/** Findings told of each side at most; how many more there are is said. */
const mostFindings = 50;
const longestMessage = 500;

/**
 * Tells, within the chain, what the candidate policies would have made of a decision before it. It is an entry of its own: a denial's record
 * is on disk before its answer, which is not to wait for a candidate.
 */
export function renderComparison(link: Link, writer: Writer, { time, record, inForce, comparison }: ComparisonDraft): Unhashed {
  const { revision, decision, fault, added, removed } = comparison;
  const outcome = outcomeOf(inForce, comparison);
  // `otherwise`, since the keys of an event sort after `hash`.
  return renderEvent(
    link,
    writer,
    {
      otherwise: {
        ...listFindings('added', added),
        candidate: revision,
        decision,
        fault: fault === null ? null : { code: fault.code, message: fault.message },
        outcome,
        record: { hash: record.hash, id: record.id },
        ...listFindings('removed', removed),
      },
    },
    time,
  );
}

function listFindings(name: 'added' | 'removed', findings: readonly Finding[]): { readonly [key: string]: Renderable } {
  const told = findings.slice(0, mostFindings).map(renderFinding);
  return findings.length > mostFindings ? { [name]: told, [`${name}Omitted`]: findings.length - mostFindings } : { [name]: told };
}

function renderFinding({ policy, id, effect, container, msg }: Finding): Renderable {
  return { container, effect, id, msg: msg.length > longestMessage ? `${msg.slice(0, longestMessage - 1)}…` : msg, policy };
}
