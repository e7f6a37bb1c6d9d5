import type { z } from 'zod';
import type { Outcome } from '../../domain/fault.ts';

/** A place that records are sent to as well: a copy, never the proof. */
export interface Sink {
  /** What people and metrics call it. */
  readonly name: string;
  /** Writes whole lines of JSON Lines; asked for one batch at a time. */
  write(lines: Buffer): Promise<Outcome<void>>;
  close(): Promise<void>;
}

export interface SinkParts {
  /** A path of the configuration, made absolute. */
  resolvePath(path: string): string;
}

export interface SinkKind<Settings extends { readonly kind: string } = { readonly kind: string }> {
  /** One entry of `audit.sinks` in the configuration; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list.
  create(settings: Settings, parts: SinkParts): Promise<Outcome<Sink>>;
}
