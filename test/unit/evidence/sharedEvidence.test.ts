import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { type EvidenceSource, type Finds, noFinds, type PlatformImage } from '../../../src/domain/evidence.ts';
import { bad, fault, good, type Outcome } from '../../../src/domain/fault.ts';
import { type Access, ownAccess } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { createGatherer } from '../../../src/evidence/gather.ts';
import { createSharedFacts } from '../../../src/evidence/sharedFacts.ts';
import type { FactStore } from '../../../src/evidence/stores/store.ts';
import { digestOf, manifestOf, signatureBy } from '../parts.ts';

const image = { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: digestOf('nginx') };
const digest = digestOf('nginx');
const platform: PlatformImage = {
  platform: 'linux/amd64',
  digest,
  imageId: digest,
  created: null,
  user: '65532',
  labels: { a: 'b' },
  annotations: {},
  rootfs: { layers: 'a', diffIds: 'b' },
};
const found: Finds = {
  ...noFinds,
  signatures: [signatureBy('release')],
  attestations: [
    { signer: 'release', kind: 'cosign-key', predicateType: 'https://slsa.dev/provenance/v1', predicate: { deep: [1, null] }, signedAt: null, subject: digest },
  ],
  faults: [fault('LIMIT_EXCEEDED', 'too many', { cause: new Error('secret') })],
};
const secret = randomBytes(32);

function setUp() {
  const kept = new Map<string, string>();
  const store: FactStore = {
    async read(name) {
      const value = kept.get(name);
      return value === undefined ? { state: 'missing' } : { state: 'found', value };
    },
    write: (name, value) => void kept.set(name, value),
    remove: (name) => void kept.delete(name),
    status: () => ({ reachable: true, reason: 'kept' }),
    close: async () => {},
  };
  /** What a process that has just started gathers. */
  const gather = async (answer: Outcome<Finds>, { trust = 'key-1', access = ownAccess }: { readonly trust?: string; readonly access?: Access } = {}) => {
    const shared = createSharedFacts(store, secret, { readWithin: 50, restFor: 1_000, keepFor: 60_000 }, Date.now);
    const facts = createFacts({ entries: 100, askFor: 1_000, lastKnownGoodFor: 60_000, asking: 50 }, Date.now, {}, shared);
    const source: EvidenceSource = { name: 'release', stage: 'signatures', kind: 'literal', trust, applies: () => true, look: async () => answer };
    const up = answer.ok;
    const reader = {
      manifest: async () => (up ? good(manifestOf('nginx')) : answer),
      platforms: async () => (up ? good([platform]) : answer),
    };
    const gatherer = createGatherer([source], reader, facts, { absentFor: 10_000, refreshAfter: 600_000, assembled: 10 });
    return gatherer.gather(image, [image], ['linux/amd64'], access, deadlineIn(2_000, Date.now()));
  };
  return { gather, kept };
}

const down: Outcome<Finds> = bad('REGISTRY_UNAVAILABLE', 'down');

it('evidence that was established is there after a restart, whole, with the registry down', async () => {
  const { gather, kept } = setUp();
  const before = await gather(good(found));
  expect(await gather(down)).toEqual(before);
  expect([...kept.values()].join()).not.toContain('secret');
});

it('a changed trust forgets what was established under the old one, across a restart', async () => {
  const { gather } = setUp();
  await gather(good(found));
  expect(await gather(down, { trust: 'key-2' })).toMatchObject({ signatures: [], dark: ['signatures'] });
});

it('what was read with the credential of a Pod does not leave the process', async () => {
  const { gather, kept } = setUp();
  await gather(good(found), { access: { key: 'a-pod' } });
  expect(kept.size).toBe(0);
});
