import pLimit from 'p-limit';
import type { Deadline } from '../domain/deadline.ts';
import type { JudgedImage } from '../domain/evidence.ts';
import { isPinned } from '../domain/image.ts';
import { platformsFor } from '../domain/nodeDemand.ts';
import type { Access } from '../domain/registry.ts';
import type { Resolved } from '../domain/resolved.ts';
import { type ImageRights, ownRights, type Puller } from '../domain/rights.ts';
import type { ContainerImage } from '../domain/workload.ts';
import { isRefused, unresolved, withFaults } from './evidence.ts';
import type { LineParts } from './line.ts';

/** How an image is read: placed, as /mutate writes it, or identified, as /validate finds it. */
export type Reading = 'place' | 'identify';

/** Finds out all about one image, with the right of whoever wants to pull it. */
export interface Examiner {
  /** Where an image is to be pulled from, and the right with which that could be found out. */
  place(written: string, puller: Puller, deadline: Deadline): Promise<{ readonly access: Access; readonly resolved: Resolved }>;
  /** Who an image is, and all that is known of it, with the first right that its registry does not refuse. */
  examine(image: ContainerImage, how: Reading, puller: Puller | null, deadline: Deadline): Promise<JudgedImage>;
  /** Starts gathering what /validate will ask for, without waiting. */
  warm(resolved: Resolved, puller: Puller, access: Access, deadline: Deadline): void;
}

export function createExaminer(parts: Pick<LineParts, 'rights' | 'resolver' | 'gatherer' | 'platforms' | 'unexpected'>): Examiner {
  const { resolver, gatherer } = parts;

  const rightsOf = (written: string, how: Reading, puller: Puller | null, deadline: Deadline): Promise<ImageRights> | ImageRights =>
    puller === null || parts.rights === null ? ownRights : parts.rights.find(written, how, puller, deadline);

  /** Those on which whoever wants to pull the image can run. */
  const platformsOf = (puller: Puller | null): readonly string[] =>
    puller === null ? parts.platforms() : platformsFor(puller.workload.nodes, parts.platforms());

  const place = async (written: string, puller: Puller, deadline: Deadline): Promise<{ readonly access: Access; readonly resolved: Resolved }> => {
    const [first, ...others] = onBehalfOf(puller, await rightsOf(written, 'place', puller, deadline));
    const found = { access: first, resolved: await resolver.place(written, first, deadline) };
    if (!isRefused(found.resolved.faults)) return found;
    for (const access of others) {
      const resolved = await resolver.place(written, access, deadline);
      if (!isRefused(resolved.faults)) return { access, resolved };
    }
    return found;
  };

  const examine = async (image: ContainerImage, how: Reading, puller: Puller | null, deadline: Deadline): Promise<JudgedImage> => {
    const rights = await rightsOf(image.written, how, puller, deadline);
    const [first, ...others] = onBehalfOf(puller, rights);
    const platforms = platformsOf(puller);
    const seen = await look(image, how, platforms, first, deadline);
    if (!isRefused(seen.evidence.faults)) return seen;
    for (const access of others) {
      const next = await look(image, how, platforms, access, deadline);
      if (!isRefused(next.evidence.faults)) return next;
    }
    return { ...seen, evidence: withFaults(seen.evidence, rights.faults) };
  };

  const look = async (image: ContainerImage, how: Reading, platforms: readonly string[], access: Access, deadline: Deadline): Promise<JudgedImage> => {
    const resolved = await resolver[how](image.written, access, deadline);
    const { reference, admitted, pinned, mirrorMissing, faults } = resolved;
    const evidence =
      reference !== null && isPinned(reference)
        ? withFaults(await gatherer.gather(reference, whereToLook(resolved), platforms, access, deadline), faults)
        : unresolved(faults);
    return { container: image, reference, admitted, pinned, mirror: resolved.mirror?.location ?? null, mirrorMissing, evidence };
  };

  const warm = (resolved: Resolved, puller: Puller, access: Access, deadline: Deadline): void => {
    if (resolved.reference === null || !isPinned(resolved.reference)) return;
    const { reference } = resolved;
    void Promise.resolve(gatherer.gather(reference, whereToLook(resolved), platformsOf(puller), access, deadline)).catch(parts.unexpected);
  };

  return { place, examine, warm };
}

function onBehalfOf(puller: Puller | null, { accesses }: ImageRights): ImageRights['accesses'] {
  if (puller === null) return accesses;
  const [first, ...others] = accesses;
  const { namespace: party } = puller;
  return [{ ...first, party }, ...others.map((access) => ({ ...access, party }))];
}

/** Images of one Pod that are looked at at the same time: a Pod of many must not crowd out the others. */
const atOnce = 8;

/** Runs for every image, in order of the images, a few at a time. */
export function someAtOnce<T>(images: readonly ContainerImage[], run: (image: ContainerImage) => Promise<T>): Promise<T[]> {
  if (images.length <= atOnce) return Promise.all(images.map(run));
  const limit = pLimit(atOnce);
  return Promise.all(images.map((image) => limit(run, image)));
}

function whereToLook({ reference, mirror }: Resolved): { registry: string; repository: string }[] {
  const source = reference === null ? [] : [{ registry: reference.registry, repository: reference.repository }];
  if (mirror === null || mirror.evidence === 'source') return source;
  const there = [{ registry: mirror.repository.registry, repository: mirror.repository.repository }];
  return mirror.evidence === 'mirror' ? there : [...source, ...there];
}
