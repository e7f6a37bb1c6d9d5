import type { Deadline } from '../domain/deadline.ts';
import { type Digest, parseDigest } from '../domain/digest.ts';
import { believe, type Facts, type Known } from '../domain/facts.ts';
import { type Fault, fault, good, type Outcome } from '../domain/fault.ts';
import { formatReference, type ImageReference, isPinned, type PinnedReference, parseReference, type Repository, repositoryName } from '../domain/image.ts';
import type { MirrorPlace, MirrorTable } from '../domain/mirror.ts';
import type { Access, Registry } from '../domain/registry.ts';
import type { Resolved, Resolver } from '../domain/resolved.ts';
import { firstServing, type Serving } from './firstServing.ts';

export interface ResolverSettings {
  /** Milliseconds a tag is believed to point where it did. */
  readonly tagFor: number;
  /** Milliseconds that "this repository does not have it" is believed. */
  readonly absentFor: number;
  readonly refreshAfter: number;
}

/** Milliseconds that a mirror target may take before the next one is asked too. */
const headStart = 300;

/** How a registry stands, as far as that says whether to ask. */
export interface RegistryState {
  /** Whether it is asked at all, or failed so often that it is left alone. */
  isAsked(repository: Repository): boolean;
  /** Whether it allows few questions more: then none is asked ahead of need. */
  isScarce(repository: Repository, access: Access): boolean;
}

export function createResolver(
  registry: Registry,
  mirrors: MirrorTable,
  facts: Facts,
  settings: ResolverSettings,
  { isAsked, isScarce }: RegistryState = { isAsked: () => true, isScarce: () => false },
): Resolver {
  /** Whether a repository has a digest: the source's word for who an image is, or a mirror's that it can serve it. */
  const has = (repository: Repository, digest: Digest, access: Access, deadline: Deadline): Known<boolean> | Promise<Known<boolean>> =>
    facts.know(
      hasKey(repository, digest, access),
      believe(
        access.key,
        (there) =>
          there
            ? { freshFor: 2 * settings.refreshAfter, refreshAfter: (isScarce(repository, access) ? 2 : 1) * settings.refreshAfter }
            : { freshFor: settings.absentFor, refreshAfter: settings.absentFor },
        decodeTruth,
      ),
      (own) => registry.has(repository, digest, { signal: own, access }),
      deadline,
    );

  /** As `has`, of a registry that failed: that it had the digest does not tell that it answers again. */
  const hasNow = (repository: Repository, digest: Digest, access: Access, deadline: Deadline): Known<boolean> | Promise<Known<boolean>> =>
    facts.know(
      `now ${hasKey(repository, digest, access)}`,
      () => ({ freshFor: 0, refreshAfter: 0 }),
      (own) => registry.has(repository, digest, { signal: own, access }),
      deadline,
    );

  const digestOfTag = async (repository: Repository, tag: string, access: Access, deadline: Deadline): Promise<Outcome<Digest>> => {
    const key = `tag ${access.key} ${repositoryName(repository)}:${tag}`;
    const known = await facts.know<Digest>(
      key,
      believe(access.key, () => ({ freshFor: settings.tagFor, refreshAfter: settings.tagFor }), decodeDigest),
      async (own) => {
        const manifest = await registry.manifest(repository, { tag }, { signal: own, access });
        if (!manifest.ok) return manifest;
        facts.learn(hasKey(repository, manifest.value.digest, access), true);
        return good(manifest.value.digest);
      },
      deadline,
    );
    return known.outcome;
  };

  /** The digest of a written image: its own, or what its tag points at; a trusted mirror may speak for a source out of reach. */
  const pin = async (reference: ImageReference, places: readonly MirrorPlace[], access: Access, deadline: Deadline): Promise<Outcome<PinnedReference>> => {
    if (isPinned(reference)) return good(reference);
    const tag = reference.tag ?? 'latest';
    const source = await digestOfTag(reference, tag, access, deadline);
    if (source.ok) return good({ ...reference, digest: source.value });
    if (!source.fault.transient && source.fault.code !== 'REGISTRY_NOT_LISTED') return source;
    for (const place of places) {
      if (!place.target.trusted) continue;
      const mirrored = await digestOfTag(place.reference, tag, access, deadline);
      if (mirrored.ok) return good({ ...reference, digest: mirrored.value });
    }
    return source;
  };

  /** Whether a target can serve an image now, under the source's name. */
  const serves = async (
    { target, reference: there }: MirrorPlace,
    source: Repository,
    digest: Digest,
    access: Access,
    deadline: Deadline,
  ): Promise<Serving> => {
    const known = await (isAsked(there) ? has(there, digest, access, deadline) : hasNow(there, digest, access, deadline));
    if (!known.outcome.ok || !known.outcome.value) return 'no';
    const serving = known.lastKnownGoodAge === null ? 'yes' : 'stale';
    if (target.trusted) return serving;
    // Elsewhere the image keeps the source's name only if the source confirms the digest; /validate will ask the same.
    const confirmed = await has(source, digest, access, deadline);
    return confirmed.outcome.ok && confirmed.outcome.value ? serving : 'no';
  };

  const place = async (written: string, access: Access, deadline: Deadline): Promise<Resolved> => {
    const parsed = parseReference(written);
    if (!parsed.ok) return unreadable(written, parsed.fault);
    const reference = parsed.value;
    const places = mirrors.forward(reference);
    // Only a reference that no rule would move is looked at backwards: it may be one that was moved already.
    if (places.length === 0 && isPinned(reference)) return identify(written, access, deadline);
    const required = places.some((candidate) => candidate.rule.required) ? repositoryName(reference) : null;
    const pinned = await pin(reference, places, access, deadline);
    if (!pinned.ok) return { reference, admitted: formatReference(reference), pinned: false, mirror: null, mirrorMissing: required, faults: [pinned.fault] };

    const { digest } = pinned.value;
    const candidate = await firstServing(places, (target) => serves(target, reference, digest, access, deadline), headStart);
    if (candidate !== null) return served(pinned.value, candidate, { ...candidate.reference, digest });
    return { reference: pinned.value, admitted: formatReference(pinned.value), pinned: true, mirror: null, mirrorMissing: required, faults: [] };
  };

  const identify = (written: string, access: Access, deadline: Deadline): Promise<Resolved> | Resolved => {
    const parsed = parseReference(written);
    if (!parsed.ok) return unreadable(written, parsed.fault);
    const reference = parsed.value;
    if (!isPinned(reference)) return resolveUnpinned(reference, access, deadline);
    const origin = mirrors.backward(reference);
    if (origin === null) return itself(reference);
    const mirror = { location: origin.target.location, repository: reference, pullSecret: origin.target.pullSecret, evidence: origin.rule.evidence };
    const mirrored: Resolved = { reference: origin.source, admitted: formatReference(reference), pinned: true, mirror, mirrorMissing: null, faults: [] };
    if (origin.target.trusted) return mirrored;
    const judge = (known: Known<boolean>): Resolved => {
      if (known.outcome.ok && known.outcome.value) return mirrored;
      const source = repositoryName(origin.source);
      const why = known.outcome.ok
        ? fault('MANIFEST_UNKNOWN', `${source} does not have ${reference.digest}: the image in the mirror is judged as itself, not as ${source}`)
        : fault(
            known.outcome.fault.code,
            `${source} could not confirm ${reference.digest}, so the image in the mirror is judged as itself: ${known.outcome.fault.message}`,
          );
      return { ...itself(reference), faults: [why] };
    };
    const known = has(origin.source, reference.digest, access, deadline);
    return known instanceof Promise ? known.then(judge) : judge(known);
  };

  /** What an image without a digest would have been: it is a violation all the same, and the denial names the true fault. */
  const resolveUnpinned = async (reference: ImageReference, access: Access, deadline: Deadline): Promise<Resolved> => {
    const pinned = await pin(reference, [], access, deadline);
    if (!pinned.ok) return { ...itself(reference), pinned: false, faults: [pinned.fault] };
    return { ...itself(pinned.value), pinned: false };
  };

  /** An image that stands for nothing but itself. */
  const itself = (reference: ImageReference): Resolved => ({
    reference,
    admitted: formatReference(reference),
    pinned: isPinned(reference),
    mirror: null,
    mirrorMissing: mirrors.forward(reference).some((candidate) => candidate.rule.required) ? repositoryName(reference) : null,
    faults: [],
  });

  return { place, identify };
}

function served(logical: PinnedReference, candidate: MirrorPlace, there: PinnedReference): Resolved {
  return {
    reference: logical,
    admitted: formatReference(there),
    pinned: true,
    mirror: { location: candidate.target.location, repository: there, pullSecret: candidate.target.pullSecret, evidence: candidate.rule.evidence },
    mirrorMissing: null,
    faults: [],
  };
}

function unreadable(written: string, why: Fault): Resolved {
  return { reference: null, admitted: written, pinned: false, mirror: null, mirrorMissing: null, faults: [why] };
}

function decodeTruth(stored: unknown): boolean | null {
  return typeof stored === 'boolean' ? stored : null;
}

function decodeDigest(stored: unknown): Digest | null {
  const digest = typeof stored === 'string' ? parseDigest(stored) : null;
  return digest?.ok === true ? digest.value : null;
}

function hasKey(repository: Repository, digest: Digest, access: Access): string {
  return `has ${access.key} ${repositoryName(repository)}@${digest}`;
}
