import { createHash } from 'node:crypto';
import type { Digest } from '../domain/digest.ts';
import { type Finds, noFinds, type Subject } from '../domain/evidence.ts';
import { type Fault, good, type Outcome } from '../domain/fault.ts';
import { anyGlob } from '../domain/glob.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import { type Demands, type Judged, judgeClaims } from './judge.ts';
import type { Attached, Layouts } from './layouts.ts';
import type { Revoked, Signer } from './signer.ts';
import type { TrustRoot } from './trustRoots/index.ts';
import type { VerifyClaim } from './verify.ts';

export interface ClaimSignerSettings {
  readonly name: string;
  readonly kind: string;
  readonly images: readonly string[];
  readonly repository: Repository | null;
  readonly annotations: Readonly<Record<string, string>>;
  /** All that its trust consists of besides the trust root, in an order of its own. */
  readonly trust: readonly unknown[];
  readonly verification: Verification;
  readonly layouts: Layouts;
  readonly revoked: Revoked;
}

/** How claims are verified: always in one way, or by a trust root, that may change and may not be there. */
export type Verification =
  | { readonly root: null; readonly verify: VerifyClaim }
  | {
      readonly root: TrustRoot;
      /** Waits for the root; TRUST_ROOT_UNAVAILABLE without one. */
      verifier(signal: AbortSignal): Promise<Outcome<VerifyClaim>>;
    };

/** A signer whose claims are signatures and attestations as cosign makes them, whatever they are verified by. */
export function createClaimSigner(settings: ClaimSignerSettings): Signer {
  const { name, kind, images, repository, annotations, verification, layouts, revoked } = settings;
  const matches = anyGlob(images);
  const trust = createTrust(settings);
  const revokedDigests: ReadonlySet<string> = new Set(revoked.digests);
  const demands: Omit<Demands, 'verify'> = {
    signer: name,
    kind,
    annotations,
    repository: repository === null ? null : repositoryName(repository),
    revokedKeys: new Set(revoked.keys.map((key) => key.toLowerCase())),
  };

  const judge = async (subject: Subject, digest: Digest, signal: AbortSignal): Promise<Outcome<Judged>> => {
    const places = repository === null ? subject.repositories : [repository];
    const reading = Promise.all(places.map((place) => layouts.read(place, digest, subject.access, signal)));
    const verify = verification.root === null ? good(verification.verify) : await verification.verifier(signal);
    const outcomes = await reading;
    // Nothing can be told of what is there, and "found none" would be wrong.
    if (!verify.ok) return verify;
    const read = outcomes.flatMap((outcome): Attached[] => (outcome.ok ? [outcome.value] : []));
    const unread = outcomes.flatMap((outcome): Fault[] => (outcome.ok ? [] : [outcome.fault]));
    const [first] = unread;
    if (first !== undefined && read.length === 0) return { ok: false, fault: first };
    const claims = read.flatMap((attached) => attached.claims);
    const malformed = read.flatMap((attached) => attached.malformed);
    const judged = await judgeClaims(claims, malformed, subject, digest, { ...demands, verify: verify.value });
    return good({ ...judged, faults: [...judged.faults, ...unread, ...read.flatMap(({ faults }) => faults)] });
  };

  const revokedIn = (digests: readonly Digest[]): Finds | null => {
    const found = digests.find((digest) => revokedDigests.has(digest));
    if (found === undefined) return null;
    const message = `no signature of ${found} counts: this digest is revoked`;
    return { ...noFinds, rejected: [{ stage: 'signatures', source: name, layout: null, code: 'SIGNATURE_INVALID', message }] };
  };

  return {
    name,
    stage: 'signatures',
    kind,
    get trust() {
      return trust();
    },
    applies: (image) => matches(repositoryName(image)),
    async look(subject, signal) {
      const { digest } = subject.image;
      // Of an index, a revoked child that may run here is enough.
      const refused = revokedIn([digest, ...subject.platforms.map((platform) => platform.digest)]);
      if (refused !== null) return good(refused);
      const judged = await judge(subject, digest, signal);
      if (!judged.ok) return judged;
      const { signatures, attestations, rejected, faults } = judged.value;
      return good({ ...noFinds, signatures, attestations, rejected: rejected.map(({ rejection }) => rejection), faults });
    },
    async attestations(subject, digest, signal) {
      const refused = revokedIn([subject.image.digest, digest]);
      if (refused !== null) return good(refused);
      const judged = await judge(subject, digest, signal);
      if (!judged.ok) return judged;
      const { attestations, rejected, faults } = judged.value;
      const theirs = rejected.filter(({ purpose }) => purpose === 'attestation');
      return good({ ...noFinds, attestations, rejected: theirs.map(({ rejection }) => rejection), faults });
    },
  };
}

/**
 * A hash of all that a fact of this signer depends on: of what is revoked too, so that no fact outlives a revocation, and of the trust
 * root that is in force now, so that none outlives that.
 */
function createTrust({ kind, trust, annotations, repository, revoked, verification }: ClaimSignerSettings): () => string {
  const hashOf = (all: readonly unknown[]): string => createHash('sha256').update(JSON.stringify(all)).digest('hex');
  const lasting = hashOf([
    kind,
    trust,
    Object.entries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)),
    repository,
    ...[revoked.digests, revoked.keys, revoked.identities].map((each) => [...each].sort()),
  ]);
  const { root } = verification;
  if (root === null) return () => lasting;
  let made: { readonly root: string | null; readonly hash: string } | null = null;
  return () => {
    const now = root.hash();
    if (made === null || made.root !== now) made = { root: now, hash: hashOf([lasting, now]) };
    return made.hash;
  };
}
