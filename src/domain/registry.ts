import type { Digest } from './digest.ts';
import type { Fault, Outcome } from './fault.ts';
import type { Repository } from './image.ts';

/** https://github.com/opencontainers/image-spec/blob/v1.1.1/descriptor.md */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
  readonly artifactType: string | null;
  readonly annotations: Readonly<Record<string, string>>;
  /** `os/architecture[/variant]`, where an index names it. */
  readonly platform: string | null;
}

/** A manifest whose bytes have the digest it was asked for by, or that its registry answered a tag with. */
export interface Manifest {
  readonly kind: 'image' | 'index';
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
  readonly artifactType: string | null;
  /** Of an image. */
  readonly config: Descriptor | null;
  readonly layers: readonly Descriptor[];
  /** Of an index. */
  readonly manifests: readonly Descriptor[];
  readonly subject: Descriptor | null;
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * With whose right a registry is read. What was read with a right is kept under its key, so that it serves only requests that have
 * the same right.
 */
export interface Access {
  /** Empty for the credentials of the configuration; else a keyed hash of the credentials that a Pod brought. */
  readonly key: string;
  /** On whose behalf: a namespace, so that none takes all turns at a registry. What is read does not depend on it. */
  readonly party?: string;
}

export const ownAccess: Access = { key: '' };

/** How a registry may be asked: for how long, and with whose right. */
export interface Call {
  readonly signal: AbortSignal;
  readonly access: Access;
}

/** All referrers that could be listed, from the referrers API and from the fallback tag, each once, and what stood in the way. */
export interface Referrers {
  readonly descriptors: readonly Descriptor[];
  readonly faults: readonly Fault[];
}

/**
 * A registry, read-only. Every answer is bounded in size and checked against its digest; only listed hosts are contacted.
 * MANIFEST_UNKNOWN is an answer (the registry says there is none), all else is a fault.
 */
export interface Registry {
  /** GET of a manifest by digest or by tag. */
  manifest(repository: Repository, reference: { readonly digest: Digest } | { readonly tag: string }, call: Call): Promise<Outcome<Manifest>>;
  /** HEAD of a manifest by digest: whether the repository has it. */
  has(repository: Repository, digest: Digest, call: Call): Promise<Outcome<boolean>>;
  /** A blob, no longer than `longest` bytes. */
  blob(repository: Repository, blob: Pick<Descriptor, 'digest' | 'size'>, longest: number, call: Call): Promise<Outcome<Uint8Array>>;
  referrers(repository: Repository, digest: Digest, call: Call): Promise<Outcome<Referrers>>;
}

/** What a registry accepts as proof of who asks. Never logged, never part of a fault. */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** Exchanged at the token endpoint (an OAuth 2 refresh token). */
  | { readonly kind: 'identityToken'; readonly token: string }
  /** Shown to the registry as it is. */
  | { readonly kind: 'bearer'; readonly token: string };

/** Where credentials are looked up. */
export interface Keychain {
  /**
   * The credential for a repository of a registry, null for an anonymous request. An access that a keychain does not hold is a fault,
   * never somebody else's credential.
   */
  credential(host: string, repository: string, access: Access, signal: AbortSignal): Promise<Outcome<Credential | null>>;
}

/** Whether `host[:port]` is the one a rule names, or one below a rule's `*.domain[:port]`, at any depth. */
export function matchesHost(rule: string, host: string): boolean {
  return rule.startsWith('*.') ? host.length > rule.length - 1 && host.endsWith(rule.slice(1)) : host === rule;
}

/** The rule for a host: the one that names it exactly, else the longest `*.domain` above it. */
export function findRule<T extends { readonly host: string }>(rules: readonly T[], host: string): T | null {
  let best: T | null = null;
  for (const rule of rules) {
    if (!matchesHost(rule.host, host)) continue;
    if (!rule.host.startsWith('*.')) return rule;
    if (best === null || rule.host.length > best.host.length) best = rule;
  }
  return best;
}

/** Something of one layer, kept in a registry by a tag. */
export interface Artifact {
  readonly artifactType: string;
  readonly mediaType: string;
  readonly content: Uint8Array;
}

/** A repository that this program keeps something of its own in. */
export interface ArtifactStore {
  /** Puts an artifact under a tag; one that is there already stays. */
  push(repository: Repository, tag: string, artifact: Artifact, call: Call): Promise<Outcome<Digest>>;
  /** All tags of a repository, within limits. */
  tags(repository: Repository, call: Call): Promise<Outcome<readonly string[]>>;
  /** The content of an artifact of one layer, no longer than `longest` bytes. */
  pull(repository: Repository, tag: string, artifactType: string, longest: number, call: Call): Promise<Outcome<Uint8Array>>;
}
