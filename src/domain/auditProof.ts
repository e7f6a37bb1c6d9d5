/** Something in the log that is not as it was written, or not as somebody else says; and where. */
export interface ProofFault {
  readonly kind:
    | 'altered'
    | 'removed'
    | 'inserted'
    | 'reordered'
    | 'repeated'
    /** Two things were signed, or written, in one place. */
    | 'fork'
    /** A chain ends before what was signed of it, or is not there at all. */
    | 'truncated'
    | 'missing'
    /** A checkpoint that nobody trusted has signed, or that is none. */
    | 'signature'
    /** What the API server's own log says otherwise. */
    | 'unrecorded'
    | 'differs'
    | 'bypass'
    | 'unread';
  /** null where it is not known. */
  readonly chain: string | null;
  /** Of several entries, the first. */
  readonly sequence: number | null;
  readonly file: string | null;
  /** From 1. */
  readonly line: number | null;
  readonly message: string;
}

/**
 * What says that entries are as they were written: checkpoints that are kept elsewhere; checkpoints that lie beside the records; only
 * the chain, which whoever may write it can make anew; nothing.
 */
export type ProofLevel = 'copies' | 'local' | 'chain' | 'none';

/** Entries of a chain, one after the other. */
export interface ProvenRange {
  readonly from: number;
  readonly to: number;
  readonly by: ProofLevel;
  /** When the checkpoint was made that proves them, ISO 8601. */
  readonly time: string | null;
}

/** Entries that were removed to make room. */
export interface PrunedRange {
  readonly from: number;
  readonly to: number;
  readonly entries: number;
  readonly reason: 'retention' | 'size';
  /** Hex id of the key that has signed it; null where only a chain says so. */
  readonly key: string | null;
  /** ISO 8601. */
  readonly time: string | null;
}

export interface ChainProof {
  readonly chain: string;
  readonly replica: string | null;
  readonly entries: number;
  readonly ranges: readonly ProvenRange[];
  readonly pruned: readonly PrunedRange[];
}

export interface AuditProof {
  readonly source: string;
  readonly entries: number;
  readonly contents: number;
  readonly checkpoints: {
    readonly local: number;
    readonly copies: number;
    /** Hex ids of keys that were trusted, with those that a trusted one introduced. */
    readonly keys: readonly string[];
    /** ISO 8601; of all that count. */
    readonly newest: string | null;
  };
  /** null where it was not compared. */
  readonly apiserver: { readonly events: number; readonly records: number } | null;
  readonly chains: readonly ChainProof[];
  readonly faults: readonly ProofFault[];
  /** Faults that were found besides, and are only counted. */
  readonly omitted: number;
  /** What is no fault, but good to know. */
  readonly notes: readonly string[];
}

export interface ProofProgress {
  readonly entries: number;
  readonly bytes: number;
}

/** What is verified, and against what. Paths are absolute. */
export interface ProofRequest {
  /** Folder of the records; null: where the configuration keeps them. */
  readonly folder: string | null;
  /** Folders, and `oci://` repositories, with copies of checkpoints. */
  readonly checkpoints: readonly string[];
  /** PEM files of public keys; empty: the one that is published beside the key of the configuration. */
  readonly keys: readonly string[];
  readonly apiserverLogs: readonly string[];
  /** ULID of the store that is meant, where checkpoints name several. */
  readonly store: string | null;
  readonly signal: AbortSignal;
  onProgress(progress: ProofProgress): void;
}
