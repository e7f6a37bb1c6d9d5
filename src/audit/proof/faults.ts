import type { ProofFault } from '../../domain/auditProof.ts';

/** Faults that are kept; more are counted. */
const mostFaults = 1_000;

/** Where something was seen. */
export interface Place {
  readonly file: string;
  readonly line: number;
}

/** What was found wrong, in the order in which it was found. */
export class Faults {
  readonly list: ProofFault[] = [];
  readonly notes: string[] = [];
  omitted = 0;

  add(kind: ProofFault['kind'], at: { readonly chain: string | null; readonly sequence: number | null }, place: Place | null, message: string): void {
    if (this.list.length >= mostFaults) this.omitted += 1;
    else this.list.push({ kind, chain: at.chain, sequence: at.sequence, file: place?.file ?? null, line: place?.line ?? null, message });
  }

  note(text: string): void {
    if (this.notes.length < mostFaults) this.notes.push(text);
  }
}

export const nowhere = { chain: null, sequence: null } as const;
