import type { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import type { EvidenceSource, Finds, Subject } from '../domain/evidence.ts';
import type { Outcome } from '../domain/fault.ts';

/** A scan source in use: asked for evidence, and closed when the configuration no longer names it. */
export type ScanSource = EvidenceSource & { close(): void };

/** What scan sources need from the rest of the program. */
export interface ScanParts {
  /** Attestations attached to that digest that verified under the trust of one of those signers. */
  attestations(signers: readonly string[], subject: Subject, digest: Digest, signal: AbortSignal): Promise<Outcome<Finds>>;
  /** A path of the configuration, made absolute. */
  resolvePath(path: string): string;
  /** Milliseconds since the epoch. */
  clock(): number;
  readonly log: ScanLog;
}

export interface ScanLog {
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
}

/** What every entry of `scans` has. */
interface CommonSettings {
  readonly name: string;
  readonly kind: string;
}

/** A way to come by scan results. */
export interface ScanKind<Settings extends CommonSettings = CommonSettings> {
  /** One entry of `scans` in the configuration; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list.
  create(settings: Settings, parts: ScanParts): Promise<Outcome<ScanSource>>;
}
