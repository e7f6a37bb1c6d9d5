import { decodeTime } from 'ulidx';
import type { RemovedRange } from '../removal.ts';
import type { ChainClaim, SignedCheckpoint } from './checkpoint.ts';

/** Milliseconds that two processes may be apart in what they see of each other. */
const slack = 60_000;

/** Whether a chain says that it was opened well before a checkpoint was made. */
export function opensBefore(chain: string, { checkpoint }: SignedCheckpoint): boolean {
  return decodeTime(chain) + slack < Date.parse(checkpoint.time);
}

/** What was signed last of each chain. `checkpoints` are the newest first. */
export function lastClaims(checkpoints: readonly SignedCheckpoint[]): readonly ChainClaim[] {
  const claims = new Map<string, ChainClaim>();
  for (const { checkpoint } of checkpoints) for (const claim of checkpoint.chains) if (!claims.has(claim.chain)) claims.set(claim.chain, claim);
  return [...claims.values()];
}

/**
 * What was found, but for chains that are not as they were signed before: of these, what was signed. So nobody has a change signed by
 * waiting, or by starting the program again. A chain may have grown since.
 */
export function restateClaims(
  found: readonly ChainClaim[],
  before: readonly ChainClaim[],
  removed: readonly RemovedRange[],
): { readonly claims: readonly ChainClaim[]; readonly changed: readonly string[] } {
  const signed = new Map(before.map((claim) => [claim.chain, claim]));
  const changed: string[] = [];
  const claims = found.map((claim) => {
    const earlier = signed.get(claim.chain);
    if (earlier === undefined || !contradicts(claim, earlier, removed)) return claim;
    changed.push(claim.chain);
    return earlier;
  });
  return { claims, changed };
}

/** Shorter than before, or another entry in its last place; unless that was removed, and said to be. */
function contradicts(found: ChainClaim, before: ChainClaim, removed: readonly RemovedRange[]): boolean {
  const [now, then] = [headOf(found), headOf(before)];
  if (now.sequence === then.sequence) return now.hash !== then.hash;
  return now.sequence < then.sequence && !removed.some(({ last }) => last.chain === before.chain && last.sequence === then.sequence);
}

function headOf({ pieces }: ChainClaim): { readonly sequence: number; readonly hash: string } {
  return pieces.at(-1)?.last ?? { sequence: -1, hash: '' };
}
