import type { Deadline } from './deadline.ts';
import type { Digest } from './digest.ts';
import type { Fault, FaultCode, Outcome } from './fault.ts';
import type { ImageReference, PinnedReference, Repository } from './image.ts';
import type { Access, Manifest } from './registry.ts';
import type { ContainerImage } from './workload.ts';

/** The stages whose sources can be dark: none of them could be looked at. */
export type Stage = 'resolve' | 'signatures' | 'scans';

/** A platform of the image that may run here, with what its configuration says. */
export interface PlatformImage {
  /** `os/architecture[/variant]`. */
  readonly platform: string;
  /** Digest of the platform's own manifest: the index's child, or the image itself. */
  readonly digest: Digest;
  /** Digest of its configuration: the ImageID that scan reports are bound by. */
  readonly imageId: Digest;
  /** RFC 3339. */
  readonly created: string | null;
  readonly user: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** Those of the platform's own manifest that name its base image: what its builder says. */
  readonly annotations: Readonly<Record<string, string>>;
  /** null where its configuration is no image's, so that nobody knows what it is made of. */
  readonly rootfs: Rootfs | null;
}

/** What the file system of an image is made of. Each is the hex SHA-256 over the digests in their order, joined by a space: lists may be long. */
export interface Rootfs {
  /** As they are pulled: the layers of the manifest. */
  readonly layers: string;
  /** As they are unpacked: `rootfs.diff_ids` of the configuration. */
  readonly diffIds: string;
}

/** Content that evidence is looked for: a digest in a repository, already read. */
export interface Subject {
  /** The logical image: what signers, policies and people mean. */
  readonly image: PinnedReference;
  /** The repositories to look in, in order: the source, a mirror, or both. */
  readonly repositories: readonly Repository[];
  /** Without its layers and annotations: evidence is about the whole. */
  readonly manifest: Manifest;
  /** Those that matter. Known to sources of scans only: signatures are not kept waiting for them, and get an empty list. */
  readonly platforms: readonly PlatformImage[];
  readonly access: Access;
}

/** A signature that verified under a signer's trust, and that speaks about this very digest. */
export interface VerifiedSignature {
  readonly signer: string;
  readonly kind: string;
  readonly layout: 'legacy' | 'bundle' | 'notation';
  /** SHA-256 of the public key's SubjectPublicKeyInfo, hex; null for keyless. */
  readonly keyId: string | null;
  readonly issuer: string | null;
  readonly identity: string | null;
  readonly claims: Readonly<Record<string, string>>;
  /** RFC 3339, only from a verified log or timestamp. */
  readonly signedAt: string | null;
  readonly subject: 'index' | 'manifest';
  /** Annotations that were signed. */
  readonly annotations: Readonly<Record<string, string>>;
  /** `registry/repository` the signer named, in the layout that has it. */
  readonly signedRepository: string | null;
}

export interface VerifiedAttestation {
  readonly signer: string;
  readonly kind: string;
  readonly predicateType: string;
  readonly predicate: unknown;
  readonly signedAt: string | null;
  /** The digest the statement's subject names: the image's, or one of its platforms'. */
  readonly subject: Digest;
}

export const severities = ['CRITICAL', 'HIGH', 'MEDIUM', 'LOW', 'UNKNOWN'] as const;
export type Severity = (typeof severities)[number];

export interface ScanFinding {
  readonly id: string;
  readonly package: string;
  readonly purl: string | null;
  readonly installed: string;
  readonly fixed: string | null;
  readonly severity: Severity;
  /** By vendor, as the scanner reports them. */
  readonly severities: Readonly<Record<string, Severity>>;
  /** Trivy's: fixed, affected, will_not_fix, end_of_life, fix_deferred, under_investigation, unknown. */
  readonly status: string;
  /** When the vulnerability was made public, by the scanner's database, RFC 3339; null where the report does not say. */
  readonly published: string | null;
  readonly suppressed: { readonly by: string; readonly reason: string } | null;
}

/** What a scan source found for one platform. "Could not look" (unavailable) is never "found none" (missing). */
export type Scan =
  | {
      readonly source: string;
      readonly platform: string;
      /** Of the platform's own manifest: names may be shared. */
      readonly digest: Digest;
      readonly state: 'missing' | 'unavailable' | 'pending' | 'failed' | 'invalid' | 'untrusted' | 'mismatch' | 'otherPlatform' | 'inconclusive';
      /** Why, in one sentence. */
      readonly reason: string;
    }
  | EvaluatedScan;

export interface EvaluatedScan {
  readonly source: string;
  readonly platform: string;
  readonly digest: Digest;
  readonly state: 'evaluated';
  /** Who vouches for the report: a signer's name, or null where the source itself is trusted. */
  readonly signer: string | null;
  readonly scanner: string;
  /** RFC 3339; the older of the times the report and its envelope claim. */
  readonly scannedAt: string;
  readonly databaseUpdatedAt: string | null;
  /** Of the distribution in it: no more security updates. null where the source does not tell. */
  readonly endOfLife: boolean | null;
  readonly counts: Readonly<Record<Severity, number>>;
  readonly findings: readonly ScanFinding[];
}

/** Looked at, and not good. */
export interface Rejection {
  readonly stage: Stage;
  /** The signer or scan source that refused it. */
  readonly source: string;
  readonly layout: string | null;
  readonly code: FaultCode;
  readonly message: string;
}

/** Could not look. */
export interface StageFault extends Pick<Fault, 'code' | 'message' | 'transient'> {
  readonly stage: Stage;
  readonly source: string;
}

/** What one source contributes to the evidence for an image. Partial knowledge is allowed: faults beside findings. */
export interface Finds {
  readonly signatures: readonly VerifiedSignature[];
  readonly attestations: readonly VerifiedAttestation[];
  readonly scans: readonly Scan[];
  readonly rejected: readonly Rejection[];
  readonly faults: readonly Fault[];
  /** Milliseconds for which all this holds at most, since it rests on something that ends by itself. Absent: it does not. */
  readonly holdsFor?: number;
  /** Milliseconds after which it is to be looked at anew, since something about it may be another then; it holds until that is done. */
  readonly freshFor?: number;
}

export const noFinds: Finds = { signatures: [], attestations: [], scans: [], rejected: [], faults: [] };

/** One place that evidence comes from: a signer, a scan source. Built once from the configuration. */
export interface EvidenceSource {
  /** Unique within its stage: the word that policies, records and people use. */
  readonly name: string;
  readonly stage: 'signatures' | 'scans';
  readonly kind: string;
  /** Hash of all that a fact of this source depends on (keys, annotations asked for, ...): part of the fact's key. */
  readonly trust: string;
  /** Where it looks, where that is not the image's repository: for people. */
  readonly where?: string;
  /** Whether this source has anything to say about a logical image. */
  applies(image: ImageReference): boolean;
  /**
   * Looks. `ok: false` means that it could not look at all; faults inside Finds mean that it could look only in part. Runs under
   * its own time limit (the signal), never under one request's.
   */
  look(subject: Subject, signal: AbortSignal): Promise<Outcome<Finds>>;
}

/** All that could be found out about one image within the time there was. */
export interface Evidence {
  readonly platforms: readonly PlatformImage[];
  readonly signatures: readonly VerifiedSignature[];
  readonly attestations: readonly VerifiedAttestation[];
  readonly scans: readonly Scan[];
  readonly rejected: readonly Rejection[];
  readonly faults: readonly StageFault[];
  /** Facts used although their source can't be reached now; ages in seconds. */
  readonly lastKnownGood: readonly { readonly stage: Stage; readonly source: string; readonly age: number }[];
  /** Stages that have sources, none of which could be looked at. */
  readonly dark: readonly Stage[];
}

/** An image on its way through the line. */
export interface JudgedImage {
  readonly container: ContainerImage;
  /** The logical image; null when what is written is no reference. */
  readonly reference: ImageReference | null;
  /** What the Pod has, or would get from /mutate. */
  readonly admitted: string;
  readonly pinned: boolean;
  /** Location of the mirror it is pulled from. */
  readonly mirror: string | null;
  /** The source whose rule demands a mirror, where the image is not pulled from one. */
  readonly mirrorMissing: string | null;
  readonly evidence: Evidence;
}

export interface Gatherer {
  /**
   * All sources at once, within the deadline. What is missing then is a fault; the asking itself goes on.
   * @param platforms those that matter, of an index, such as `linux/amd64`
   */
  gather(
    image: PinnedReference,
    repositories: readonly Repository[],
    platforms: readonly string[],
    access: Access,
    deadline: Deadline,
  ): Evidence | Promise<Evidence>;
}
