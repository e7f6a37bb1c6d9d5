import type { z } from 'zod';
import type { Subject } from '../../domain/evidence.ts';
import type { Outcome } from '../../domain/fault.ts';
import type { ScanParts } from '../kind.ts';
import type { VexClaim } from './match.ts';

/** A place that VEX statements come from. */
export interface VexSource {
  readonly name: string;
  /** Changes with whatever its statements depend on. */
  readonly trust: string;
  /**
   * All that it has about an image. A fault where that is not known for sure: a statement that can't be seen, or can't be read, may be the
   * one that takes another back, so nothing is suppressed by half of them.
   */
  claims(subject: Subject, signal: AbortSignal): Promise<Outcome<readonly VexClaim[]>>;
  close(): void;
}

/** What every entry of `vex` has. */
interface CommonSettings {
  readonly name: string;
  readonly kind: string;
}

/** A way to come by VEX statements. */
export interface VexKind<Settings extends CommonSettings = CommonSettings> {
  /** One entry of `vex` in the configuration; unknown keys are refused. */
  readonly settings: z.ZodType<Settings>;
  // A method, so that kinds with different settings fit one list.
  create(settings: Settings, parts: ScanParts): Promise<VexSource>;
}
