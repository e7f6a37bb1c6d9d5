import type { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import type { EvidenceSource, Finds, Subject } from '../domain/evidence.ts';
import type { Outcome } from '../domain/fault.ts';
import type { ImageReference, Repository } from '../domain/image.ts';
import type { Registry } from '../domain/registry.ts';

/** A scan source in use: asked for evidence, and closed when the configuration no longer names it. */
export type ScanSource = EvidenceSource & { close(): void };

/** What scan sources need from the rest of the program. */
export interface ScanParts {
  /** Attestations attached to that digest that verified under the trust of one of those signers. */
  attestations(signers: readonly string[], subject: Subject, digest: Digest, signal: AbortSignal): Promise<Outcome<Finds>>;
  /** Signatures of one of those signers for the content that is the subject's image, whatever it is. */
  signatures(signers: readonly string[], subject: Subject, signal: AbortSignal): Promise<Outcome<Finds>>;
  /** Changes with whatever those signers are trusted by: part of the trust of who relies on them. */
  signerTrust(signers: readonly string[]): string;
  readonly registry: Registry;
  /** A path of the configuration, made absolute. */
  resolvePath(path: string): string;
  /** Content of a file that the configuration names. */
  file(path: string): Promise<Outcome<Uint8Array>>;
  /** Where a logical image may be pulled from: its own repository, then its mirrors by the rules. */
  places(image: ImageReference): readonly Repository[];
  /** null where no cluster is configured. */
  readonly cluster: ScanCluster | null;
  /** Milliseconds since the epoch. */
  clock(): number;
  readonly log: ScanLog;
}

/** Takes in objects as they are in the cluster; must not throw. */
export interface ObjectReader {
  /** Added or changed. `key` is `namespace/name`. */
  put(key: string, object: unknown): void;
  drop(key: string): void;
}

/** Objects kept up to date. `state` is bad while they are not known to be all and as they are now. */
export interface ObjectWatch {
  state(): Outcome<void>;
  close(): void;
}

/** What scan sources need of a Kubernetes cluster. */
export interface ScanCluster {
  /**
   * Follows the VulnerabilityReports of one namespace, or of all (null). Settles when they were listed for the first time, or could not
   * be within some seconds: the watch goes on trying. Fault: CONFIG_INVALID.
   */
  watchReports(namespace: string | null, reader: ObjectReader): Promise<Outcome<ObjectWatch>>;
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
