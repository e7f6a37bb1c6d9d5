import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import type { Registry } from '../../../src/domain/registry.ts';
import { createLayouts, type Signer, signerKinds } from '../../../src/signatures/index.ts';
import {
  appendLayers,
  attest,
  getManifest,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  pushManifest,
  pushReferrer,
  signBundle,
  signLegacy,
} from '../../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../../fakes/registry.ts';
import { asking, lookWith, makeSigner, openRegistry, patience, proving, rootsOf, subjectOf } from './support.ts';

const key = makeKey();
const other = makeKey();
const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const outage = async () => bad('REGISTRY_UNAVAILABLE', 'the registry is down');

let registry: FakeRegistry;
let client: Registry;
let count = 0;
beforeAll(async () => {
  registry = await startRegistry();
  client = openRegistry(registry.host, '127.0.0.1:1');
});
afterAll(() => registry.close());
beforeEach(() => {
  registry.referrersApi = true;
});

const publish = (): Promise<PublishedImage> => {
  count += 1;
  return publishImage({ registry: registry.origin, repository: 'acme/web', content: `layout ${count}` });
};

/** Fails what matches, of the manifests asked for by tag. */
const withoutTag = (match: RegExp): Registry => ({
  ...client,
  manifest: (repository, reference, call) => ('tag' in reference && match.test(reference.tag) ? outage() : client.manifest(repository, reference, call)),
});

describe('could not look', () => {
  it('is not "found none": a registry that is down makes no outcome', async () => {
    const down: Registry = { manifest: outage, has: outage, blob: outage, referrers: outage };
    const signer = await makeSigner(down, { key });
    expect(await signer.look(subjectOf(await publish()), patience())).toMatchObject({ ok: false, fault: { code: 'REGISTRY_UNAVAILABLE' } });
    expect(await signer.attestations(subjectOf(await publish()), (await publish()).digest, patience())).toMatchObject({ ok: false });
  });

  it('at one layout is told beside what the others have', async () => {
    const image = await publish();
    await signBundle(image, key);
    const finds = await lookWith(await makeSigner(withoutTag(/\.(sig|att)$/), { key }), subjectOf(image));
    expect(finds).toMatchObject({ signatures: [{ layout: 'bundle' }], faults: [{ code: 'REGISTRY_UNAVAILABLE', transient: true }] });
    const second = await publish();
    await signLegacy(second, key);
    const half = await lookWith(await makeSigner({ ...client, referrers: outage }, { key }), subjectOf(second));
    expect(half).toMatchObject({ signatures: [{ layout: 'legacy' }], faults: [{ code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('at one layout is told where the others have nothing', async () => {
    const finds = await lookWith(await makeSigner(withoutTag(/\.sig$/), { key }), subjectOf(await publish()));
    expect(finds).toMatchObject({ signatures: [], faults: [{ code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('into one of several repositories is told beside what the others have', async () => {
    const image = await publish();
    await signLegacy(image, key);
    const repositories = [
      { registry: '127.0.0.1:1', repository: 'acme/web' },
      { registry: registry.host, repository: 'acme/web' },
    ];
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(image, { repositories }));
    expect(finds).toMatchObject({ signatures: [{ layout: 'legacy' }], faults: [{ code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('at a payload is told, and the other candidates still count', async () => {
    const image = await publish();
    await signLegacy(image, other);
    await signBundle(image, key);
    const manifest = await getManifest(image.place, `${image.digest.replace(':', '-')}.sig`);
    const [layer] = (manifest?.['layers'] ?? []) as [{ digest: string }];
    const broken: Registry = {
      ...client,
      blob: (repository, blob, longest, call) => (blob.digest === layer.digest ? outage() : client.blob(repository, blob, longest, call)),
    };
    expect(await lookWith(await makeSigner(broken, { key }), subjectOf(image))).toMatchObject({
      signatures: [{ layout: 'bundle' }],
      faults: [{ code: 'REGISTRY_UNAVAILABLE' }],
    });
  });

  it('is never kept: after the outage the next look finds', async () => {
    const image = await publish();
    await signLegacy(image, key);
    let down = true;
    const flaky: Registry = {
      ...client,
      manifest: (repository, reference, call) => (down ? outage() : client.manifest(repository, reference, call)),
      referrers: (repository, digest, call) => (down ? outage() : client.referrers(repository, digest, call)),
    };
    const signer = await makeSigner(flaky, { key });
    expect(await signer.look(subjectOf(image), patience())).toMatchObject({ ok: false });
    down = false;
    expect((await lookWith(signer, subjectOf(image))).signatures).toHaveLength(1);
  });

  it('holds for whatever the registry throws', async () => {
    const broken: Registry = {
      ...client,
      referrers() {
        throw new Error('defect');
      },
    };
    expect(await (await makeSigner(broken, { key })).look(subjectOf(await publish()), patience())).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
  });
});

describe('limits', () => {
  it('of number leave the rest out with a fault, and what was found counts', async () => {
    const image = await publish();
    for (let i = 0; i < 4; i++) await signLegacy(image, other, { annotations: { i: String(i) } });
    await signLegacy(image, key);
    for (let i = 0; i < 3; i++) await signBundle(image, other, { annotations: { i: String(i) } });
    const finds = await lookWith(await makeSigner(client, { key }, { limits: { layers: 2, referrers: 2 } }), subjectOf(image));
    expect(finds.signatures).toMatchObject([{ layout: 'legacy' }]);
    expect(finds.rejected).toHaveLength(3);
    expect(finds.faults).toMatchObject([
      { code: 'LIMIT_EXCEEDED', message: expect.stringContaining('legacy signatures') },
      { code: 'LIMIT_EXCEEDED', message: expect.stringContaining('referrers') },
    ]);
  });

  it('of number prefer referrers that are listed as bundles to junk', async () => {
    const image = await publish();
    const layer = await pushBlob(image.place, Buffer.from('{}'), 'application/json');
    for (let i = 0; i < 10; i++) await pushReferrer(image.place, image.descriptor, [layer], 'application/junk', { i: String(i) });
    await signBundle(image, key);
    const finds = await lookWith(await makeSigner(client, { key }, { limits: { referrers: 3 } }), subjectOf(image));
    expect(finds).toMatchObject({ signatures: [{ layout: 'bundle' }], faults: [{ code: 'LIMIT_EXCEEDED' }] });
  });

  it('of size leave a candidate out unread, with a fault', async () => {
    const image = await publish();
    await signLegacy(image, key);
    await signBundle(image, key, { annotations: { long: 'x'.repeat(2000) } });
    await attest(image, key, 'https://example.com/x', { long: 'y'.repeat(5000) }, 'bundle');
    registry.forgetRequests();
    const finds = await lookWith(await makeSigner(client, { key }, { limits: { signature: 1000, attestation: 4000 } }), subjectOf(image));
    expect(finds).toMatchObject({ signatures: [{ layout: 'legacy' }], attestations: [] });
    expect(finds.faults.map(({ code, message }) => `${code} ${message.slice(0, 13)}`).sort()).toEqual([
      'LIMIT_EXCEEDED one attestati',
      'LIMIT_EXCEEDED one signature',
    ]);
    expect(registry.count('/blobs/')).toBe(1);
  });

  it('that are exceeded are an answer, which costs no second set of requests', async () => {
    const image = await publish();
    for (let i = 0; i < 3; i++) await signLegacy(image, key, { annotations: { i: String(i) } });
    const signer = await makeSigner(client, { key }, { limits: { layers: 2 } });
    const first = await lookWith(signer, subjectOf(image));
    registry.forgetRequests();
    expect(await lookWith(signer, subjectOf(image))).toEqual(first);
    expect(registry.count()).toBe(0);
  });

  it('of size in all hold for everything that is attached', async () => {
    const image = await publish();
    for (let i = 0; i < 5; i++) await attest(image, key, 'https://example.com/x', { i, long: 'y'.repeat(5000) }, 'legacy');
    const finds = await lookWith(await makeSigner(client, { key }, { limits: { total: 20_000 } }), subjectOf(image));
    expect(finds.attestations).toHaveLength(2);
    expect(finds.faults).toMatchObject([{ code: 'LIMIT_EXCEEDED', message: expect.stringContaining('in all') }]);
  });

  it('of time hold for one look, whatever hangs, and keep nothing from whoever asks again', async () => {
    const image = await publish();
    await signLegacy(image, key);
    let hangs = true;
    const slow: Registry = {
      ...client,
      referrers(repository, digest, call) {
        if (!hangs) return client.referrers(repository, digest, call);
        return new Promise((resolve) => call.signal.addEventListener('abort', () => resolve(bad('DEADLINE_EXCEEDED', 'the registry did not answer in time'))));
      },
    };
    const signer = await makeSigner(slow, { key }, { limits: { readFor: 50 } });
    expect(await lookWith(signer, subjectOf(image))).toMatchObject({ signatures: [{ layout: 'legacy' }], faults: [{ code: 'DEADLINE_EXCEEDED' }] });
    hangs = false;
    expect((await lookWith(signer, subjectOf(image))).faults).toEqual([]);
  });
});

describe('one look for all', () => {
  async function fiveSigners(limits: { readonly keepFor?: number } = {}): Promise<readonly Signer[]> {
    const layouts = createLayouts(client, limits);
    const make = async (i: number): Promise<Signer> => {
      const settings = signerKinds['cosign-key'].settings.parse({
        name: `s${i}`,
        kind: 'cosign-key',
        images: ['**'],
        key: (i === 3 ? key : makeKey()).publicPem,
      });
      const signer: Outcome<Signer> = await signerKinds['cosign-key'].create(settings, {
        layouts,
        registry: openRegistry(),
        ...asking(),
        trustRoots: rootsOf({}),
        proving,
        revoked: { digests: [], keys: [], identities: [] },
        file: async () => good(new Uint8Array()),
      });
      if (!signer.ok) throw new Error(signer.fault.message);
      return signer.value;
    };
    return Promise.all([1, 2, 3, 4, 5].map(make));
  }

  it('costs one set of requests, however many signers ask, at the same time or soon after', async () => {
    const image = await publish();
    await signLegacy(image, key);
    await signBundle(image, key);
    const signers = await fiveSigners();
    registry.forgetRequests();
    const finds = await Promise.all(signers.map((signer) => lookWith(signer, subjectOf(image))));
    expect(finds.map(({ signatures }) => signatures.length)).toEqual([0, 0, 2, 0, 0]);
    const asked = registry.requests.length;
    // .sig, its payload, .att, referrers, fallback tag, the referrer, its bundle
    expect(asked).toBe(7);
    for (const signer of signers) await signer.attestations(subjectOf(image), image.digest, patience());
    expect(registry.requests.length).toBe(asked);
  });

  it('serves nobody with another right', async () => {
    const image = await publish();
    await signLegacy(image, key);
    const signer = await makeSigner(client, { key });
    await lookWith(signer, subjectOf(image));
    registry.forgetRequests();
    await lookWith(signer, subjectOf(image, { access: { key: 'a Pod with its own pull secret' } }));
    expect(registry.count()).toBeGreaterThan(0);
  });

  it('goes on when the first who asked gives up', async () => {
    const image = await publish();
    await signLegacy(image, key);
    const signer = await makeSigner(client, { key });
    const [first, second] = await Promise.all([signer.look(subjectOf(image), AbortSignal.abort()), signer.look(subjectOf(image), patience())]);
    expect(first).toMatchObject({ ok: false, fault: { code: 'DEADLINE_EXCEEDED' } });
    expect(second).toMatchObject({ ok: true, value: { signatures: [{ layout: 'legacy' }] } });
  });

  it('keeps "found none" only briefly', async () => {
    const image = await publish();
    const signer = await makeSigner(client, { key }, { limits: { keepNoneFor: 20 } });
    expect((await lookWith(signer, subjectOf(image))).signatures).toEqual([]);
    await signLegacy(image, key);
    await expect.poll(async () => (await lookWith(signer, subjectOf(image))).signatures.length).toBe(1);
  });

  it('waits for two answers in a row for a legacy signature and for three for a bundle', async () => {
    const rounds = async (image: PublishedImage): Promise<number> => {
      const { registry: paced, waves } = inWaves(client);
      expect((await lookWith(await makeSigner(paced, { key }), subjectOf(image))).signatures).toHaveLength(1);
      return waves();
    };
    const [legacy, bundle] = [await publish(), await publish()];
    await signLegacy(legacy, key);
    await signBundle(bundle, key);
    expect(await rounds(legacy)).toBe(2);
    expect(await rounds(bundle)).toBe(3);
  });
});

/** Holds every answer until all that is asked is answered, then gives them all: the waves are the round trips that follow one another. */
function inWaves(inner: Registry): { readonly registry: Registry; waves(): number } {
  let waves = 0;
  let open = 0;
  let held: (() => void)[] = [];
  const pace = async <T>(answer: Promise<T>): Promise<T> => {
    open += 1;
    const value = await answer;
    open -= 1;
    return new Promise((resolve) => {
      held.push(() => resolve(value));
      if (open > 0) return;
      waves += 1;
      const now = held;
      held = [];
      for (const release of now) release();
    });
  };
  return {
    registry: {
      manifest: (...asked) => pace(inner.manifest(...asked)),
      has: (...asked) => pace(inner.has(...asked)),
      blob: (...asked) => pace(inner.blob(...asked)),
      referrers: (...asked) => pace(inner.referrers(...asked)),
    },
    waves: () => waves,
  };
}

describe('what registries do', () => {
  it('finds bundles behind the fallback tag where the referrers API answers with an empty list', async () => {
    const image = await publish();
    registry.referrersApi = false;
    await signBundle(image, key);
    registry.referrersApi = true;
    const index = 'application/vnd.oci.image.index.v1+json';
    const body = JSON.stringify({ schemaVersion: 2, mediaType: index, manifests: [] });
    const undo = registry.inject({ match: '/referrers/', does: { kind: 'status', status: 200, headers: { 'content-type': index }, body } });
    expect((await lookWith(await makeSigner(client, { key }), subjectOf(image))).signatures).toHaveLength(1);
    undo();
  });

  it('is not misled by a fallback tag that points at the image itself, as cosign copy leaves it', async () => {
    const image = await publish();
    registry.referrersApi = false;
    await signLegacy(image, key);
    const manifest = await getManifest(image.place, image.digest);
    await pushManifest(image.place, manifest ?? {}, 'application/vnd.oci.image.manifest.v1+json', image.digest.replace(':', '-'));
    expect(await lookWith(await makeSigner(client, { key }), subjectOf(image))).toMatchObject({ signatures: [{ layout: 'legacy' }], rejected: [], faults: [] });
  });

  it('finds a bundle whose type the list names wrongly or not at all', async () => {
    const image = await publish();
    await signBundle(image, key);
    for (const artifactType of ['application/vnd.oci.empty.v1+json', 'application/vnd.oci.image.config.v1+json', null]) {
      const vague: Registry = {
        ...client,
        async referrers(repository, digest, call) {
          const listed = await client.referrers(repository, digest, call);
          return listed.ok
            ? good({ ...listed.value, descriptors: listed.value.descriptors.map((each) => ({ ...each, artifactType, annotations: {} })) })
            : listed;
        },
      };
      expect((await lookWith(await makeSigner(vague, { key }), subjectOf(image))).signatures).toHaveLength(1);
    }
  });

  it('passes over referrers that are something else, and those that are gone', async () => {
    const image = await publish();
    const layer = await pushBlob(image.place, Buffer.from('{}'), 'application/spdx+json');
    await pushReferrer(image.place, image.descriptor, [layer], 'application/spdx+json');
    await signBundle(image, key);
    const gone: Registry = {
      ...client,
      async referrers(repository, digest, call) {
        const listed = await client.referrers(repository, digest, call);
        const [first] = listed.ok ? listed.value.descriptors : [];
        if (!listed.ok || first === undefined) return listed;
        return good({ ...listed.value, descriptors: [...listed.value.descriptors, { ...first, digest: `sha256:${'0'.repeat(64)}` }] });
      },
    };
    expect(await lookWith(await makeSigner(gone, { key }), subjectOf(image))).toMatchObject({ signatures: [{ layout: 'bundle' }], rejected: [], faults: [] });
  });

  it('refuses a referrer whose layer is called a bundle and is none', async () => {
    const image = await publish();
    const layer = await pushBlob(image.place, Buffer.from('{"mediaType":5}'), bundleType);
    await pushReferrer(image.place, image.descriptor, [layer], bundleType);
    expect(await lookWith(await makeSigner(client, { key }), subjectOf(image))).toMatchObject({
      signatures: [],
      rejected: [{ layout: 'bundle', code: 'SIGNATURE_INVALID', message: expect.stringContaining('no Sigstore bundle') }],
    });
  });

  it('finds nothing under a legacy tag that points at an image, and chokes on nothing there', async () => {
    const image = await publish();
    const manifest = await getManifest(image.place, image.digest);
    for (const suffix of ['sig', 'att']) {
      await pushManifest(image.place, manifest ?? {}, 'application/vnd.oci.image.manifest.v1+json', `${image.digest.replace(':', '-')}.${suffix}`);
    }
    const finds = await lookWith(await makeSigner(client, { key }), subjectOf(image));
    expect(finds.signatures).toEqual([]);
    expect(finds.rejected.map(({ code }) => code)).toEqual(['SIGNATURE_INVALID', 'SIGNATURE_INVALID']);
  });

  it('finds bundles for an image pinned by SHA-512, for which no legacy tag can exist', async () => {
    const image = await publish();
    const digest = `sha512:${'a'.repeat(128)}` as const;
    const asked: string[] = [];
    const recording: Registry = {
      ...client,
      manifest(repository, reference, call) {
        if ('tag' in reference) asked.push(reference.tag);
        return client.manifest(repository, reference, call);
      },
      referrers: async () => good({ descriptors: [], faults: [] }),
    };
    const subject = subjectOf(image);
    const finds = await lookWith(await makeSigner(recording, { key }), { ...subject, image: { ...subject.image, digest } });
    expect(finds).toMatchObject({ signatures: [], faults: [] });
    expect(asked).toEqual([]);
  });

  it('refuses an attestation layer that is no envelope', async () => {
    const image = await publish();
    const layer = await pushBlob(image.place, Buffer.from('[]'), 'application/vnd.dsse.envelope.v1+json');
    await appendLayers(image.place, `${image.digest.replace(':', '-')}.att`, [layer]);
    expect(await lookWith(await makeSigner(client, { key }), subjectOf(image))).toMatchObject({
      rejected: [{ layout: 'legacy', code: 'SIGNATURE_INVALID' }],
    });
  });
});
