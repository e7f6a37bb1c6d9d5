import type { AdmissionRequest, Mode } from './admission.ts';
import type { Comparison } from './candidate.ts';
import type { WeighedFinding } from './decision.ts';
import type { JudgedImage, Stage } from './evidence.ts';
import type { Exception } from './exception.ts';
import type { Outcome } from './fault.ts';

/** A decision, as the line hands it to the record keeper. */
export interface RecordDraft {
  /** ULID. */
  readonly id: string;
  /** Milliseconds since the epoch: the time the decision was made for. */
  readonly time: number;
  readonly request: AdmissionRequest;
  /** The controlling owner the object names. */
  readonly owner: { readonly kind: string; readonly name: string } | null;
  readonly images: readonly JudgedImage[];
  readonly findings: readonly WeighedFinding[];
  /** Those that dropped a finding or took one out of the count. */
  readonly exceptions: readonly Exception[];
  readonly decision: 'allow' | 'deny';
  readonly answered: 'allow' | 'deny';
  readonly mode: Mode;
  /** null when the policies could not judge. */
  readonly policyRevision: string | null;
  readonly configRevision: string;
  /** The document the policies saw, canonical JSON; null when they could not judge. */
  readonly input: string | null;
  /** Milliseconds by stage of the line. */
  readonly timings: Readonly<Record<string, number>>;
  /** What the host knew that decided and that no policy saw. */
  readonly host: { readonly deadline: boolean; readonly dark: readonly { readonly container: string; readonly stage: Stage }[] };
}

/** What the candidate policies would have made of a recorded decision. */
export interface ComparisonDraft {
  /** Milliseconds since the epoch. */
  readonly time: number;
  /** The record of the decision in force. */
  readonly record: Pick<Kept, 'id' | 'hash'>;
  readonly inForce: 'allow' | 'deny';
  readonly comparison: Comparison;
}

/** A record with its place in the chain. */
export interface Kept {
  readonly id: string;
  /** Hex SHA-256 over the record's canonical form. */
  readonly hash: string;
  /** Settles when the record is on disk, or can't be put there (AUDIT_UNAVAILABLE). Never rejects. */
  readonly durable: Promise<Outcome<void>>;
}

export interface RecordKeeper {
  /** Chains a record at once and puts it on disk soon. */
  keep(draft: RecordDraft): Kept;
  /** Chains what a candidate would have decided otherwise, after the record it speaks of. Nobody waits for it. */
  keepComparison(draft: ComparisonDraft): void;
}
