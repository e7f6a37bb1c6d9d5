import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import type { Repository } from '../../../src/domain/image.ts';
import { compileMirrors, type MirrorRule } from '../../../src/domain/mirror.ts';
import { ownAccess } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createResolver } from '../../../src/images/resolve.ts';
import { digestOf, literalRegistry } from '../parts.ts';

const rule = (more: Partial<MirrorRule> = {}): MirrorRule => ({
  source: 'docker.io',
  targets: [
    { location: 'harbor.corp/hub', pullSecret: 'harbor', region: null, trusted: false },
    { location: 'backup.corp/hub', pullSecret: null, region: null, trusted: false },
  ],
  exclude: [],
  required: false,
  evidence: 'source',
  ...more,
});

const nginx = digestOf('nginx');
const everywhere = {
  'docker.io/library/nginx': { tags: { '1.27': 'nginx' }, images: ['nginx'] },
  'harbor.corp/hub/library/nginx': { tags: { '1.27': 'nginx', evil: 'evil' }, images: ['nginx', 'evil'] },
  'backup.corp/hub/library/nginx': { tags: {}, images: ['nginx'] },
};

function setUp(rules: readonly MirrorRule[], content: Parameters<typeof literalRegistry>[0] = everywhere) {
  const fake = literalRegistry(content);
  const mirrors = compileMirrors(rules);
  if (!mirrors.ok) throw new Error(mirrors.fault.message);
  const facts = createFacts({ entries: 100, askFor: 1_000, lastKnownGoodFor: 0, asking: 10 }, Date.now);
  const leftAlone = new Set<string>();
  const isAsked = ({ registry }: Repository): boolean => !leftAlone.has(registry);
  const resolver = createResolver(
    fake.registry,
    mirrors.value,
    facts,
    { tagFor: 10_000, absentFor: 10_000, refreshAfter: 600_000 },
    { isAsked, isScarce: () => false },
  );
  const soon = deadlineIn(5_000, Date.now());
  return {
    ...fake,
    leftAlone,
    place: (image: string) => resolver.place(image, ownAccess, soon),
    identify: async (image: string) => resolver.identify(image, ownAccess, soon),
  };
}

describe('placing an image', () => {
  it('leaves what is no reference alone, and says so', async () => {
    expect(await setUp([]).place('nginx:a b')).toMatchObject({
      reference: null,
      admitted: 'nginx:a b',
      pinned: false,
      faults: [{ code: 'REFERENCE_INVALID' }],
    });
  });

  it('pins a tag to the digest it points at', async () => {
    expect(await setUp([]).place('nginx:1.27')).toMatchObject({ admitted: `docker.io/library/nginx:1.27@${nginx}`, pinned: true });
  });

  it('keeps the tag and names the digest at the mirror', async () => {
    expect(await setUp([rule()]).place('nginx:1.27')).toMatchObject({
      admitted: `harbor.corp/hub/library/nginx:1.27@${nginx}`,
      reference: { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: nginx },
      mirror: { location: 'harbor.corp/hub', pullSecret: 'harbor' },
    });
  });

  it('goes on to the next mirror when the first one is down', async () => {
    const world = setUp([rule()]);
    world.down.add('harbor.corp');
    expect((await world.place('nginx:1.27')).admitted).toBe(`backup.corp/hub/library/nginx:1.27@${nginx}`);
  });

  it('does not go to a mirror that is left alone, whatever is known of it, and goes there again as soon as it answers', async () => {
    const world = setUp([rule()]);
    await world.place('nginx:1.27');
    world.down.add('harbor.corp');
    world.leftAlone.add('harbor.corp');
    expect((await world.place('nginx:1.27')).admitted).toBe(`backup.corp/hub/library/nginx:1.27@${nginx}`);
    world.down.delete('harbor.corp');
    expect((await world.place('nginx:1.27')).admitted).toBe(`harbor.corp/hub/library/nginx:1.27@${nginx}`);
  });

  it('stays at the source when no mirror serves the image', async () => {
    const world = setUp([rule()], { 'docker.io/library/nginx': { tags: { '1.27': 'nginx' }, images: ['nginx'] } });
    expect(await world.place('nginx:1.27')).toMatchObject({ admitted: `docker.io/library/nginx:1.27@${nginx}`, mirror: null, mirrorMissing: null });
  });

  it('says which source demands a mirror when none serves the image', async () => {
    const world = setUp([rule({ required: true })], { 'docker.io/library/nginx': { tags: { '1.27': 'nginx' }, images: ['nginx'] } });
    expect((await world.place('nginx:1.27')).mirrorMissing).toBe('docker.io/library/nginx');
  });

  it('does not believe an untrusted mirror about where a tag points', async () => {
    const world = setUp([rule()]);
    world.down.add('docker.io');
    expect(await world.place('nginx:1.27')).toMatchObject({ pinned: false, faults: [{ code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('believes a trusted mirror about where a tag points while the source is out of reach', async () => {
    const world = setUp([rule({ targets: [{ location: 'harbor.corp/hub', pullSecret: null, region: null, trusted: true }] })]);
    world.down.add('docker.io');
    expect((await world.place('nginx:1.27')).admitted).toBe(`harbor.corp/hub/library/nginx:1.27@${nginx}`);
  });

  it('does not rewrite to a mirror a digest that the source does not have', async () => {
    const world = setUp([rule()]);
    expect(await world.place(`nginx@${digestOf('evil')}`)).toMatchObject({ admitted: `docker.io/library/nginx@${digestOf('evil')}`, mirror: null });
  });

  it('changes nothing the second time', async () => {
    const world = setUp([rule()]);
    const first = await world.place('nginx:1.27');
    expect((await world.place(first.admitted)).admitted).toBe(first.admitted);
  });
});

describe('identifying an image', () => {
  it('gives a mirror reference its source where the source confirms the digest', async () => {
    expect(await setUp([rule()]).identify(`harbor.corp/hub/library/nginx:1.27@${nginx}`)).toMatchObject({
      reference: { registry: 'docker.io', repository: 'library/nginx', digest: nginx },
      mirror: { location: 'harbor.corp/hub' },
    });
  });

  it('gives nobody who can push to a mirror the identity of its source', async () => {
    expect(await setUp([rule()]).identify(`harbor.corp/hub/library/nginx:1.27@${digestOf('evil')}`)).toMatchObject({
      reference: { registry: 'harbor.corp', repository: 'hub/library/nginx' },
      mirror: null,
      faults: [{ code: 'MANIFEST_UNKNOWN' }],
    });
  });

  it('judges a mirror reference as itself while the source can not confirm it', async () => {
    const world = setUp([rule()]);
    world.down.add('docker.io');
    expect(await world.identify(`harbor.corp/hub/library/nginx:1.27@${nginx}`)).toMatchObject({
      reference: { registry: 'harbor.corp' },
      faults: [{ code: 'REGISTRY_UNAVAILABLE' }],
    });
  });

  it('asks the source nothing that placing has told', async () => {
    const world = setUp([rule()]);
    const placed = await world.place('nginx:1.27');
    const before = world.asked.length;
    await world.identify(placed.admitted);
    expect(world.asked.slice(before)).toEqual([]);
  });

  it('takes the word of a trusted mirror', async () => {
    const world = setUp([rule({ targets: [{ location: 'harbor.corp/hub', pullSecret: null, region: null, trusted: true }] })]);
    world.down.add('docker.io');
    expect((await world.identify(`harbor.corp/hub/library/nginx@${nginx}`)).reference?.registry).toBe('docker.io');
  });

  it('does not count an image without a digest as pinned, and still tells what it would have been', async () => {
    expect(await setUp([]).identify('nginx:1.27')).toMatchObject({ pinned: false, reference: { digest: nginx } });
  });

  it('says that an image must come from a mirror when it does not', async () => {
    expect((await setUp([rule({ required: true })]).identify(`nginx:1.27@${nginx}`)).mirrorMissing).toBe('docker.io/library/nginx');
  });
});
