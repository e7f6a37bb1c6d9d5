import type { ProofLevel } from '../../domain/auditProof.ts';
import type { Faults, Place } from './faults.ts';

/** Who says what an entry's hash is. */
export interface Witness {
  readonly level: Exclude<ProofLevel, 'none'>;
  /** ISO 8601; null for a chain. */
  readonly time: string | null;
  /** In words for people. */
  readonly who: string;
}

/** What is said of the hash of one entry. */
export interface Claim {
  readonly hash: string;
  /** By level, the earliest. */
  readonly witnesses: Partial<Record<Witness['level'], Witness>>;
  met: boolean;
}

const strongest: readonly Witness['level'][] = ['copies', 'local', 'chain'];

/** The strongest of those who say it. */
export function witnessOf(claim: Claim): Witness {
  const level = strongest.find((each) => claim.witnesses[each] !== undefined);
  return (level === undefined ? undefined : claim.witnesses[level]) ?? { level: 'chain', time: null, who: 'nobody' };
}

/** All that is said of entries, by chain and sequence. */
export class Claims {
  readonly #chains = new Map<string, Map<number, Claim>>();
  readonly #faults: Faults;

  constructor(faults: Faults) {
    this.#faults = faults;
  }

  chains(): Iterable<readonly [string, ReadonlyMap<number, Claim>]> {
    return this.#chains;
  }

  of(chain: string): ReadonlyMap<number, Claim> | undefined {
    return this.#chains.get(chain);
  }

  add(point: { readonly chain: string; readonly sequence: number; readonly hash: string }, witness: Witness, place: Place | null): void {
    const claims = this.#chains.get(point.chain) ?? new Map<number, Claim>();
    this.#chains.set(point.chain, claims);
    const known = claims.get(point.sequence);
    if (known === undefined) {
      claims.set(point.sequence, { hash: point.hash, witnesses: { [witness.level]: witness }, met: false });
      return;
    }
    if (known.hash !== point.hash) {
      const message = `${witness.who} says that its hash is ${point.hash}, and ${witnessOf(known).who} that it is ${known.hash}`;
      this.#faults.add('fork', point, place, message);
      return;
    }
    const before = known.witnesses[witness.level];
    if (before === undefined || (before.time ?? '') > (witness.time ?? '')) known.witnesses[witness.level] = witness;
  }
}
