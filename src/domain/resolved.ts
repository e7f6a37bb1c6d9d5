import type { Deadline } from './deadline.ts';
import type { Fault } from './fault.ts';
import type { ImageReference, Repository } from './image.ts';
import type { Access } from './registry.ts';

/** What an image reference comes to: who it is, and where it is pulled from. */
export interface Resolved {
  /** The logical image; null when what is written is no reference. Its digest is null when it could not be resolved. */
  readonly reference: ImageReference | null;
  /** What is pulled: pinned wherever a digest could be had. */
  readonly admitted: string;
  readonly pinned: boolean;
  /** The mirror it is pulled from, and the repository there. */
  readonly mirror: {
    readonly location: string;
    readonly repository: Repository;
    readonly pullSecret: string | null;
    readonly evidence: 'source' | 'mirror' | 'both';
  } | null;
  /** The source whose rule demands a mirror where none serves the image. */
  readonly mirrorMissing: string | null;
  readonly faults: readonly Fault[];
}

export interface Resolver {
  /** Decides where a written image is to be pulled from, pinned: what /mutate writes and what a workload's Pods will get. */
  place(written: string, access: Access, deadline: Deadline): Promise<Resolved>;
  /** Tells which logical image a final reference is: what /validate judges. Changes nothing. */
  identify(written: string, access: Access, deadline: Deadline): Promise<Resolved> | Resolved;
}
