import { canonicalText } from './canonical.ts';
import type { JudgedImage } from './evidence.ts';
import { anyGlob, type Glob } from './glob.ts';
import { repositoryName } from './image.ts';
import { safeText } from './text.ts';

/** ImageException counts in its own namespace; ClusterImageException in those that it names. */
export type ExceptionKind = 'ImageException' | 'ClusterImageException';

/** What somebody answers for, until a time. What is absent is empty: no policies, no CVEs, no images. */
export interface ExceptionSpec {
  /** Findings that are dropped after the policies ran: `policy`, or `policy/id`. */
  readonly policies: readonly string[];
  /** Vulnerabilities that are not counted when the policies run. */
  readonly cves: readonly string[];
  /** Globs of `registry/repository`. */
  readonly images: readonly string[];
  /** Digests of images, or of their platforms. */
  readonly digests: readonly string[];
  /** Globs of namespaces; of a ClusterImageException only. */
  readonly namespaces: readonly string[];
  readonly reason: string;
  readonly ticket: string | null;
  readonly owner: string | null;
  /** RFC 3339; null: at once. */
  readonly starts: string | null;
  /** RFC 3339. */
  readonly expires: string;
  /** Waives whatever can be waived, by one person's word, for hours. */
  readonly breakglass: boolean;
}

/** Whose act an exception is. */
export interface ExceptionStamps {
  readonly createdBy: string;
  /** Who wrote the spec as it is now, where that is another. */
  readonly changedBy: string | null;
  /** null: not approved. */
  readonly approvedBy: string | null;
  /** Who has taken note of a breakglass. */
  readonly acknowledgedBy: string | null;
  /** RFC 3339: when the spec was written as it is now. */
  readonly writtenAt: string;
  /** RFC 3339. */
  readonly approvedAt: string | null;
}

/** An object and the one life it leads. */
export interface ExceptionIdentity {
  readonly kind: ExceptionKind;
  /** Empty for a ClusterImageException. */
  readonly namespace: string;
  readonly name: string;
  /** null where the object does not exist yet, or never does: in a folder. */
  readonly uid: string | null;
}

/** An exception that may be used while it is in force: approved and sealed, or out of a trusted folder. */
export interface Exception extends ExceptionIdentity {
  /** Hex SHA-256 of the spec. */
  readonly revision: string;
  readonly spec: ExceptionSpec;
  /** null out of a folder: whoever may write there. */
  readonly createdBy: string | null;
  readonly approvedBy: string | null;
  /** Milliseconds since the epoch. */
  readonly starts: number;
  /** Milliseconds since the epoch, the ceiling of the configuration regarded: from then on it has no effect. */
  readonly expires: number;
  /** Milliseconds since the epoch: from then on whoever uses it is told that it ends. */
  readonly warnFrom: number;
  /** File it stands in, or null for the cluster. */
  readonly file: string | null;
  /** Whether its source can't be looked at now: it may have been changed or taken back. */
  readonly stale: boolean;
}

/** An exception, ready to be compared with what comes. */
export interface CompiledException {
  readonly exception: Exception;
  /** Whether it is for an image. */
  covers(image: JudgedImage): boolean;
  /** Whether it is for a namespace. */
  appliesIn(namespace: string): boolean;
}

/** The exceptions that are in force. */
export interface Exceptions {
  /** For Pods of a namespace, at a time in milliseconds since the epoch. */
  inForce(namespace: string, now: number): readonly CompiledException[];
}

export function compileException(exception: Exception): CompiledException {
  const { spec } = exception;
  const digests = new Set(spec.digests);
  const images = anyGlob(spec.images);
  const everyImage = spec.breakglass && spec.images.length === 0 && spec.digests.length === 0;
  const namespaces: Glob = exception.kind === 'ClusterImageException' ? anyGlob(spec.namespaces) : (namespace) => namespace === exception.namespace;
  return {
    exception,
    appliesIn: namespaces,
    covers({ reference, evidence }) {
      if (everyImage) return true;
      if (reference === null) return false;
      if (images(repositoryName(reference))) return true;
      return digests.has(reference.digest ?? '') || evidence.platforms.some(({ digest }) => digests.has(digest));
    },
  };
}

/** Whether it is between its start and its end. The end is not part of it. */
export function isInForce({ starts, expires }: Pick<Exception, 'starts' | 'expires'>, now: number): boolean {
  return starts <= now && now < expires;
}

/** `ImageException shop/web`: what records call it. */
export function nameException({ kind, namespace, name }: Pick<ExceptionIdentity, 'kind' | 'namespace' | 'name'>): string {
  return `${kind} ${safeText(namespace === '' ? name : `${namespace}/${name}`, 400)}`;
}

/** `exception ImageException shop/web`: what people read. */
export function describeException(exception: Pick<Exception, 'kind' | 'namespace' | 'name' | 'spec'>): string {
  return `${exception.spec.breakglass ? 'breakglass' : 'exception'} ${nameException(exception)}`;
}

/** The text whose SHA-256 is the revision of a spec: canonical JSON (RFC 8785), the same whatever of it was left out or written as empty. */
export function specText(spec: ExceptionSpec): string {
  const { policies, cves, images, digests, namespaces, reason, ticket, owner, starts, expires, breakglass } = spec;
  return canonicalText({ version: 1, policies, cves, images, digests, namespaces, reason, ticket, owner, starts, expires, breakglass });
}

/**
 * The text that a seal is made over: which object, in which of its lives, what it says, and whose act it is. A seal fits no other name,
 * namespace, kind, life, spec or stamp.
 */
export function sealText(identity: ExceptionIdentity, revision: string, stamps: ExceptionStamps): string {
  const { kind, namespace, name, uid } = identity;
  const { createdBy, changedBy, approvedBy, acknowledgedBy, writtenAt, approvedAt } = stamps;
  const stamped = { createdBy, changedBy, approvedBy, acknowledgedBy, writtenAt, approvedAt };
  return `tidewaiter exception ${canonicalText({ version: 1, kind, namespace, name, uid, revision, stamps: stamped })}`;
}
