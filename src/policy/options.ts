import type { Policies } from '../domain/decision.ts';
import type { Fault, Outcome } from '../domain/fault.ts';
import type { JsonObject } from '../domain/json.ts';
import type { BundleChecks } from './bundleSignature.ts';
import type { BundleOrigin, FetchOutcome, FollowStatus } from './origin.ts';

/** What a policy's denials do: count, warn only, or nothing since it does not run. */
export type PolicyMode = 'enforce' | 'warn' | 'off';

export const policyModes = ['enforce', 'warn', 'off'] as const satisfies readonly PolicyMode[];

/** Where policies come from. */
export type SourceOptions =
  /** A folder of `.rego` files, which needs opa, and is watched. */
  | { readonly directory: string }
  /** A file: a policy bundle made by buildPolicyBundle, which needs no opa, or by `opa build`, which does. It is watched. */
  | { readonly bundle: string; readonly checks?: BundleChecks }
  /** A policy bundle that is fetched again and again. */
  | { readonly origin: BundleOrigin; readonly checks: BundleChecks; readonly every: number; readonly allowOlder: boolean };

export interface PolicyOptions {
  readonly source: SourceOptions;
  /** Policies that judge beside those in force, and whose findings never count. */
  readonly candidate?: SourceOptions | null;
  /** Modes that the candidate has instead of `modes`: so that a mode can be tried. */
  readonly candidateModes?: Readonly<Record<string, PolicyMode>>;
  /** Folder for fetched bundles and for the sets that were in force. Absent: nothing is kept on disk. */
  readonly state?: string | null;
  /** Told after each look at a bundle's origin. */
  fetched?(outcome: FetchOutcome): void;
  /** Finds opa; asked anew at each load. */
  readonly opa: () => Promise<Outcome<string>>;
  /**
   * Policies that must be there and run. One that is missing makes the set POLICY_BROKEN. To require a policy and to switch it off, here
   * or by its METADATA, contradict each other, and that is an error, never a policy silently gone: in these options a CONFIG_INVALID,
   * in the METADATA a POLICY_BROKEN.
   */
  readonly required: readonly string[];
  /** By policy; else its METADATA `custom.mode`, else enforce. */
  readonly modes: Readonly<Record<string, PolicyMode>>;
  /** Becomes `data.config`. */
  readonly data: JsonObject;
  /** Globs of annotation keys whose values may be kept in records. */
  readonly recordedAnnotations: readonly string[];
  /** Milliseconds that the policies may take for one request. */
  readonly timeout: number;
  /** Worker threads beside a warm one; by default one less than there are cores, at least one. */
  readonly workers?: number;
  /** Cap of each engine's memory, in pages of 64 KiB; 2048 (128 MiB) by default. */
  readonly memoryPages?: number;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, details?: Readonly<Record<string, unknown>>) => void;
}

/** A policy of the set in force. */
export interface PolicyInfo {
  readonly name: string;
  readonly mode: PolicyMode;
  readonly required: boolean;
  readonly title: string | null;
  readonly description: string | null;
  readonly severity: string | null;
  readonly remediation: string | null;
  /** Relative to the folder of policies. */
  readonly files: readonly string[];
}

export interface PolicyStatus {
  /** Of the set in force; null when there is none. */
  readonly revision: string | null;
  readonly policies: readonly PolicyInfo[];
  /** Why the newest edit is not in force, or why nothing is. */
  readonly fault: Fault | null;
  /** When the set in force was loaded, ms since the epoch. */
  readonly loadedAt: number | null;
  /** null: it is not fetched. */
  readonly fetched: FollowStatus | null;
  /** null: there is no candidate. */
  readonly candidate: CandidateStatus | null;
}

export interface CandidateStatus extends Pick<PolicyStatus, 'revision' | 'policies' | 'fault' | 'fetched'> {
  /** Requests that wait for it. */
  readonly waiting: number;
}

export interface PolicyRoom extends Policies {
  status(): PolicyStatus;
  /** Calls the listener after each load, good or bad; returns what ends that. */
  onChange(listener: (status: PolicyStatus) => void): () => void;
  /** Follows no more edits: judges by what is in force, for those who still ask, until it is closed. */
  freeze(): void;
  close(): Promise<void>;
}
