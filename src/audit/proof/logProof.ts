import { decodeTime } from 'ulidx';
import type { AuditProof } from '../../domain/auditProof.ts';
import { property, text } from '../../domain/json.ts';
import type { VerifyingKey } from '../checkpoints/envelope.ts';
import type { JournalLine } from '../checkpoints/journal.ts';
import { removedBy } from '../removal.ts';
import type { ApiserverLog } from './apiserverLog.ts';
import { ChainProgress } from './chainProof.ts';
import { type CheckpointLevel, TrustedCheckpoints } from './checkpoints.ts';
import { Claims } from './claims.ts';
import { type Faults, nowhere, type Place } from './faults.ts';
import type { CheckedLine } from './line.ts';
import type { Opening } from './openings.ts';
import { newestRemoval, settle, type ToldRemoval } from './settle.ts';

export type CheckedEntry = Extract<CheckedLine, { kind: 'entry' }>;

export interface CheckpointSource {
  readonly level: CheckpointLevel;
  readonly lines: AsyncIterable<JournalLine>;
}

export interface LogProofParts {
  readonly keys: readonly VerifyingKey[];
  /** Id of the store that is meant; null: all count. */
  readonly store: string | null;
  /** Whether others put chains there too, whose checkpoints may not be at hand. */
  readonly shared: boolean;
  readonly faults: Faults;
  readonly apiserver: ApiserverLog | null;
}

/** Milliseconds by which a chain may be opened before a checkpoint that does not know it yet. */
const slack = 60_000;

/** What is proven of a log, wherever its entries come from: those of a chain in the order in which they lie there. */
export class LogProof {
  readonly #parts: LogProofParts;
  readonly #claims: Claims;
  readonly #checkpoints: TrustedCheckpoints;
  readonly #chains = new Map<string, ChainProgress>();
  readonly #told: ToldRemoval[] = [];
  #openings: readonly Opening[] = [];
  entries = 0;
  contents = 0;

  constructor(parts: LogProofParts) {
    this.#parts = parts;
    this.#claims = new Claims(parts.faults);
    this.#checkpoints = new TrustedCheckpoints(parts.keys, parts.store, parts.faults);
  }

  /** Takes what is said of the log, before any entry. Rejects as the disk does. */
  async begin(sources: readonly CheckpointSource[], openings: readonly Opening[]): Promise<void> {
    for (const { level, lines } of sources) for await (const line of lines) this.#checkpoints.take(line, level);
    this.#checkpoints.settle(this.#claims);
    for (const { chain, previous } of openings) this.#claims.add(previous, { level: 'chain', time: null, who: `chain ${chain}` }, null);
    this.#openings = openings;
    const { faults, keys } = this.#parts;
    if (keys.length > 0 && this.#checkpoints.total === 0) faults.add('missing', nowhere, null, 'there is no checkpoint that a trusted key has signed');
  }

  add(entry: CheckedEntry, place: Place | null): void {
    const { apiserver, faults } = this.#parts;
    const { point, value } = entry;
    this.entries += 1;
    if (entry.fault === null) for (const range of removedBy(value)) this.#told.push({ range, by: point });
    const progress = this.#chains.get(point.chain) ?? new ChainProgress(faults, this.#claims.of(point.chain));
    this.#chains.set(point.chain, progress);
    progress.add(entry, place);
    const id = apiserver === null ? null : text(property(value, 'id'));
    if (id !== null) apiserver?.meet(id, entry.fault === null ? point.hash : '', point, place);
  }

  get chains(): readonly string[] {
    return [...this.#chains.keys()];
  }

  /** The last entry of a chain so far, by its sequence; -1 where there is none. */
  lastOf(chain: string): number {
    return this.#chains.get(chain)?.last?.sequence ?? -1;
  }

  /** `again` reads all entries once more; it is asked for only where some stand in a place that was taken. */
  async finish(source: string, again: () => AsyncIterable<CheckedLine>): Promise<AuditProof> {
    const { apiserver, faults } = this.#parts;
    await this.#tellDoubled(again);
    this.#findInserted();
    const checkpoints = this.#checkpoints;
    const chains = settle({ chains: this.#chains, claims: this.#claims, checkpoints, told: this.#told, openings: this.#openings, faults });
    apiserver?.finish(newestRemoval(checkpoints));
    return {
      source,
      entries: this.entries,
      contents: this.contents,
      checkpoints: { local: checkpoints.count('local'), copies: checkpoints.count('copies'), keys: checkpoints.keys, newest: checkpoints.newest },
      apiserver: apiserver === null ? null : { events: apiserver.events, records: apiserver.records },
      chains,
      faults: faults.list,
      omitted: faults.omitted,
      notes: faults.notes,
    };
  }

  /** Chains that every checkpoint would have named, had they been there. */
  #findInserted(): void {
    const { newest } = this.#checkpoints;
    if (newest === null) return;
    for (const chain of this.#chains.keys()) {
      const named = [...(this.#claims.of(chain)?.values() ?? [])].some(({ witnesses }) => witnesses.copies !== undefined || witnesses.local !== undefined);
      if (named || decodeTime(chain) + slack >= Date.parse(newest)) continue;
      if (this.#parts.shared) {
        this.#parts.faults.note(`chain ${chain} is named by no checkpoint that was given: another replica may have signed it`);
        continue;
      }
      const message = `the chain says that it was opened before the checkpoint of ${newest}, which names all chains but not this one`;
      this.#parts.faults.add('inserted', { chain, sequence: 0 }, null, message);
    }
  }

  /** The same entry twice, or two in one place. */
  async #tellDoubled(again: () => AsyncIterable<CheckedLine>): Promise<void> {
    const firsts = new Map<string, string | null>();
    const doubled = [...this.#chains.values()].flatMap((progress) => progress.doubled);
    const at = ({ chain, sequence }: { readonly chain: string; readonly sequence: number }): string => `${chain} ${sequence}`;
    for (const { point } of doubled) firsts.set(at(point), null);
    if (firsts.size === 0) return;
    for await (const checked of again()) {
      if (checked.kind === 'entry' && firsts.get(at(checked.point)) === null) firsts.set(at(checked.point), checked.point.hash);
    }
    for (const { point, place } of doubled) {
      const first = firsts.get(at(point));
      if (first === point.hash) this.#parts.faults.add('repeated', point, place, 'the entry is there twice');
      else this.#parts.faults.add('fork', point, place, `there are two entries in this place: this one, and one with the hash ${first}`);
    }
  }
}
