import type { z } from 'zod';
import type { Outcome } from '../../domain/fault.ts';
import type { ArtifactStore } from '../../domain/registry.ts';

/** A place outside of the store that checkpoints are copied to: what lies there proves even against whoever may write the store. */
export interface CheckpointCopy {
  /** What people and metrics call it. */
  readonly name: string;
  /** Puts one checkpoint there, under a name that is a tag as well as a file's name. The same one twice is no fault. */
  write(name: string, text: string, signal: AbortSignal): Promise<Outcome<void>>;
}

export interface CopyParts {
  /** A path of the configuration, made absolute. */
  resolvePath(path: string): string;
  readonly artifacts: ArtifactStore;
}

export interface CopyKind<Settings extends { readonly kind: string } = { readonly kind: string }> {
  /** One entry of `audit.checkpoints.copies` in the configuration; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list.
  create(settings: Settings, parts: CopyParts): Outcome<CheckpointCopy>;
}
