import type { Digest } from '../domain/digest.ts';
import { type Finds, noFinds, type Subject } from '../domain/evidence.ts';
import { type Fault, good, type Outcome } from '../domain/fault.ts';
import { anyGlob } from '../domain/glob.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import { type Demands, type Judged, judgeClaims } from './judge.ts';
import type { TrustedKey } from './keys.ts';
import type { Attached, Layouts } from './layouts.ts';
import type { Revoked, Signer } from './signer.ts';
import { createVerifier, type TrustedLogs } from './verify.ts';

export interface KeySignerSettings {
  readonly name: string;
  readonly kind: string;
  readonly images: readonly string[];
  readonly trust: string;
  readonly keys: readonly TrustedKey[];
  /** One of which must have recorded each signature; null where no log is asked for. */
  readonly logs: TrustedLogs | null;
  readonly repository: Repository | null;
  readonly annotations: Readonly<Record<string, string>>;
  readonly layouts: Layouts;
  readonly revoked: Revoked;
}

/** A signer known by keys. */
export function createKeySigner(settings: KeySignerSettings): Signer {
  const { name, kind, images, trust, keys, logs, repository, annotations, layouts, revoked } = settings;
  const matches = anyGlob(images);
  const revokedDigests: ReadonlySet<string> = new Set(revoked.digests);
  const demands: Demands = {
    signer: name,
    kind,
    verify: createVerifier(keys, logs),
    annotations,
    repository: repository === null ? null : repositoryName(repository),
    revokedKeys: new Set(revoked.keys.map((key) => key.toLowerCase())),
  };

  const judge = async (subject: Subject, digest: Digest, signal: AbortSignal): Promise<Outcome<Judged & { readonly faults: readonly Fault[] }>> => {
    const places = repository === null ? subject.repositories : [repository];
    const outcomes = await Promise.all(places.map((place) => layouts.read(place, digest, subject.access, signal)));
    const read = outcomes.flatMap((outcome): Attached[] => (outcome.ok ? [outcome.value] : []));
    const unread = outcomes.flatMap((outcome): Fault[] => (outcome.ok ? [] : [outcome.fault]));
    const [first] = unread;
    if (first !== undefined && read.length === 0) return { ok: false, fault: first };
    const claims = read.flatMap((attached) => attached.claims);
    const malformed = read.flatMap((attached) => attached.malformed);
    return good({ ...judgeClaims(claims, malformed, subject, digest, demands), faults: [...unread, ...read.flatMap(({ faults }) => faults)] });
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
    trust,
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
