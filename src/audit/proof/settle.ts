import type { ChainProof, PrunedRange } from '../../domain/auditProof.ts';
import type { RemovedRange } from '../removal.ts';
import type { ChainProgress } from './chainProof.ts';
import type { Stub, TrustedCheckpoints } from './checkpoints.ts';
import { type Claim, type Claims, type Witness, witnessOf } from './claims.ts';
import type { Faults } from './faults.ts';
import type { Opening } from './openings.ts';

/** A range that a chain itself says is removed, and where it does. */
export interface ToldRemoval {
  readonly range: RemovedRange;
  readonly by: { readonly chain: string; readonly sequence: number };
}

export interface Findings {
  readonly chains: ReadonlyMap<string, ChainProgress>;
  readonly claims: Claims;
  readonly checkpoints: TrustedCheckpoints;
  readonly told: readonly ToldRemoval[];
  readonly openings: readonly Opening[];
  readonly faults: Faults;
}

interface Accepted {
  readonly range: RemovedRange;
  readonly stub: Stub | null;
}

/** When all is read: what is missing, and what proves the rest. */
export function settle(findings: Findings): readonly ChainProof[] {
  const removed = acceptRemovals(findings);
  for (const [chain, progress] of findings.chains)
    progress.finish(
      chain,
      (removed.get(chain) ?? []).map(({ range }) => range),
    );
  for (const [chain, claims] of findings.claims.chains()) findUnmet(findings, chain, claims, removed.get(chain) ?? []);
  const names = [...new Set([...findings.chains.keys(), ...removed.keys()])].sort();
  return names.map((chain) => {
    const progress = findings.chains.get(chain);
    return {
      chain,
      replica: progress?.replica ?? null,
      entries: progress?.entries ?? 0,
      ranges: progress?.runs.ranges() ?? [],
      pruned: prunedRanges(removed.get(chain) ?? []),
    };
  });
}

/**
 * What may be missing: what a trusted key says is removed. A chain alone is believed where it is itself proven, or where nobody signs
 * anything of the entries in question: else whoever can append to a chain could excuse what he took out.
 */
function acceptRemovals({ chains, claims, checkpoints, told }: Findings): ReadonlyMap<string, readonly Accepted[]> {
  const accepted = new Map<string, Accepted[]>();
  const accept = (range: RemovedRange, stub: Stub | null): void => {
    const list = accepted.get(range.first.chain) ?? [];
    accepted.set(range.first.chain, list);
    list.push({ range, stub });
  };
  for (const stub of checkpoints.stubs) accept(stub, stub);
  for (const { range, by } of told) {
    const level = chains.get(by.chain)?.runs.levelOf(by.sequence) ?? 'none';
    const signed = [...(claims.of(range.first.chain)?.values() ?? [])].some((claim) => witnessOf(claim).level !== 'chain');
    if (level === 'copies' || level === 'local' || !signed) accept(range, null);
  }
  return accepted;
}

/** What was signed, or chained to, and lies behind what is there. */
function findUnmet(findings: Findings, chain: string, claims: ReadonlyMap<number, Claim>, removed: readonly Accepted[]): void {
  const { chains, checkpoints, faults, openings } = findings;
  const last = chains.get(chain)?.last?.sequence ?? -1;
  const unmet = [...claims].filter(([sequence, claim]) => !claim.met && sequence > last && !isRemoved(sequence, removed));
  const of = (levels: readonly Witness['level'][]) => unmet.filter(([, claim]) => levels.includes(witnessOf(claim).level)).sort(([a], [b]) => b - a)[0];
  const found = of(['copies', 'local']) ?? of(['chain']);
  if (found === undefined) return;
  const [sequence, claim] = found;
  const { level, who } = witnessOf(claim);
  const at = { chain, sequence: last + 1 };
  if (last >= 0) {
    const resumed = openings.find(({ previous }) => previous.chain === chain && previous.sequence === last);
    const restored = resumed === undefined ? '' : `; chain ${resumed.chain} goes on from there, as after a restore from a backup`;
    faults.add('truncated', at, null, `the chain ends with entry ${last}, and ${who} covers it up to entry ${sequence}${restored}`);
  } else if (level === 'chain' && checkpoints.total === 0) {
    faults.note(`${who} was opened after chain ${chain}, which is not there: whether that was removed to make room nobody says`);
  } else faults.add('missing', at, null, `the chain is not there, and ${who} covers it up to entry ${sequence}`);
}

function isRemoved(sequence: number, removed: readonly Accepted[]): boolean {
  return removed.some(({ range }) => range.first.sequence <= sequence && sequence <= range.last.sequence);
}

function prunedRanges(removed: readonly Accepted[]): readonly PrunedRange[] {
  const ranges: PrunedRange[] = [];
  // Signed ones first: a chain that says the same adds nothing.
  const sorted = [...removed].sort((a, b) => Number(a.stub === null) - Number(b.stub === null) || a.range.first.sequence - b.range.first.sequence);
  for (const { range, stub } of sorted) {
    const [from, to] = [range.first.sequence, range.last.sequence];
    const before = ranges.find((known) => known.from <= from && to <= known.to);
    if (before !== undefined) continue;
    const meets = ranges.findIndex((known) => known.to + 1 === from && known.key === (stub?.key ?? null) && known.reason === range.reason);
    const known = ranges[meets];
    if (known === undefined) ranges.push({ from, to, entries: range.entries, reason: range.reason, key: stub?.key ?? null, time: stub?.time ?? null });
    else ranges[meets] = { ...known, to, entries: known.entries + range.entries, time: stub?.time ?? null };
  }
  return ranges.sort((a, b) => a.from - b.from);
}

/** The newest time at which a trusted key said that something is removed; milliseconds since the epoch. */
export function newestRemoval({ stubs }: TrustedCheckpoints): number {
  return Math.max(Number.NEGATIVE_INFINITY, ...stubs.map(({ time }) => Date.parse(time)));
}
