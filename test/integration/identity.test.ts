/** Whoever can push to a mirror, or copy signatures about, gains nobody's identity by it. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Digest } from '../../src/domain/digest.ts';
import { makeKey, type PublishedImage, signBundle, signLegacy } from '../fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../fakes/registry.ts';
import { podWith } from './calls.ts';
import { releaseSigner, type Stage, setStage, usualConfiguration, type Webhook } from './stage.ts';

const other = 'what somebody else made';

let stage: Stage;
let mirror: FakeRegistry;
let trusted: FakeRegistry;
let webhook: Webhook;

beforeAll(async () => {
  stage = await setStage();
  mirror = await startRegistry();
  trusted = await startRegistry();
  // A scan report for what the attacker pushes too: nothing but the missing identity may stand in the way.
  await stage.publish('evil/contents', { content: other });
  const source = stage.registry.host;
  const usual = usualConfiguration(source);
  webhook = await stage.serve({
    registries: [...usual.registries, { host: mirror.host, plainHTTP: true }, { host: trusted.host, plainHTTP: true }],
    mirrors: [
      { source: `${source}/acme`, targets: [{ location: `${mirror.host}/copies` }] },
      { source: `${source}/kept`, targets: [{ location: `${trusted.host}/kept`, trusted: true }] },
    ],
    signers: [{ ...releaseSigner, images: [`${source}/acme/**`, `${source}/kept/**`] }],
    policy: { data: { registries: [`${source}/acme`, `${source}/kept`] } },
  });
});
afterAll(async () => {
  await stage.close();
  await mirror.close();
  await trusted.close();
});

const validate = (image: string) => webhook.validate(podWith([image]));
const inMirror = (name: string, digest: Digest): string => `${mirror.host}/copies/${name}:1.0@${digest}`;

/** What `crane cp` does: the manifest, its blobs, and any tag or referrer beside it. */
function copy(from: FakeRegistry, repository: string, to: FakeRegistry, into: string): void {
  const source = from.content.repository(repository);
  const target = to.content.repository(into);
  for (const [digest, blob] of source.blobs) target.blobs.set(digest, blob);
  for (const [digest, manifest] of source.manifests) target.manifests.set(digest, manifest);
  for (const [tag, digest] of source.tags) target.tags.set(tag, digest);
}

async function expectDenied(image: string, ...said: readonly string[]): Promise<void> {
  const denied = await validate(image);
  expect(denied).toMatchObject({ allowed: false, status: { code: 403 } });
  for (const words of said) expect(denied.status?.message).toContain(words);
}

describe('a mirror', () => {
  test('serves what the source signed', async () => {
    const image = await stage.publish('acme/web');
    copy(stage.registry, 'acme/web', mirror, 'copies/web');
    expect(await validate(inMirror('web', image.digest))).toMatchObject({ allowed: true });
  });

  test('into which an unsigned image was pushed lends it no name', async () => {
    await stage.publish('acme/pushed');
    const evil = await stage.publish('copies/pushed', { registry: mirror, content: other, signed: false });
    await expectDenied(inMirror('pushed', evil.digest), 'MANIFEST_UNKNOWN', 'is judged as itself', `${mirror.host}/copies/pushed`);
  });

  test('into which signatures of the source were copied for another digest lends it no name', async () => {
    const image = await stage.publish('acme/copied');
    await signBundle(image, stage.release);
    copy(stage.registry, 'acme/copied', mirror, 'copies/copied');
    const evil = await stage.publish('copies/copied', { registry: mirror, content: other, signed: false });
    const stored = mirror.content.repository('copies/copied');
    const signature = stored.tags.get(`${image.digest.replace(':', '-')}.sig`);
    stored.tags.set(`${evil.digest.replace(':', '-')}.sig`, signature ?? '');
    expect(signature).toBeDefined();
    await expectDenied(inMirror('copied', evil.digest), 'is judged as itself');
  });

  test('with an image signed by the attacker’s own key lends it no name', async () => {
    await stage.publish('acme/resigned');
    const evil = await stage.publish('copies/resigned', { registry: mirror, content: other, signed: false });
    await signLegacy(evil, makeKey('p256'), { dockerReference: `${stage.registry.host}/acme/resigned` });
    await expectDenied(inMirror('resigned', evil.digest), 'is judged as itself');
  });

  test('whose source can not be asked lends it no name either, and says why', async () => {
    const evil = await stage.publish('copies/unasked', { registry: mirror, content: other, signed: false });
    const undo = stage.registry.inject({ match: '/v2/acme/unasked/', does: { kind: 'status', status: 503 } });
    await expectDenied(inMirror('unasked', evil.digest), 'REGISTRY_UNAVAILABLE', 'is judged as itself');
    undo();
    await expectDenied(inMirror('unasked', evil.digest), 'MANIFEST_UNKNOWN');
  });

  test('that the attacker’s source repository maps to gives no more than the attacker’s own name', async () => {
    const evil = await stage.publish('evil/own', { content: other });
    copy(stage.registry, 'evil/own', mirror, 'copies/own');
    await expectDenied(inMirror('own', evil.digest));
  });

  test.each(['copies', 'copies/../acme/web', 'copies//web', 'copiesX/web', 'COPIES/web'])(
    'a path beside the mapped one (%s) is no mirror path',
    async (path) => {
      const image = await stage.publish('acme/beside');
      copy(stage.registry, 'acme/beside', mirror, 'copiesX/web');
      await expectDenied(`${mirror.host}/${path}:1.0@${image.digest}`);
    },
  );

  test('is not believed about what a tag of the source points at', async () => {
    const image = await stage.publish('acme/tag');
    await stage.publish('copies/tag', { registry: mirror, content: other, signed: false });
    const review = podWith([`${stage.registry.host}/acme/tag:1.0`]);
    const { patch } = await webhook.mutate(review);
    const written = Buffer.from(patch ?? '', 'base64').toString('utf8');
    expect(written).toContain(image.digest);
    // It has not this digest, so the image stays at its source.
    expect(written).not.toContain(`${mirror.host}/copies`);
  });
});

describe('a trusted mirror', () => {
  test('lends the name without asking the source, and the signature is looked for at the source all the same', async () => {
    const image = await stage.publish('kept/web');
    copy(stage.registry, 'kept/web', trusted, 'kept/web');
    stage.registry.forgetRequests();
    expect(await validate(`${trusted.host}/kept/web:1.0@${image.digest}`)).toMatchObject({ allowed: true });
    expect(stage.registry.count(/^HEAD /)).toBe(0);
  });

  test('does not make an unsigned image signed', async () => {
    await stage.publish('kept/other', { content: other, signed: false });
    const evil = await stage.publish('kept/other', { registry: trusted, content: other, signed: false });
    await expectDenied(`${trusted.host}/kept/other:1.0@${evil.digest}`, '[signed]');
  });
});

describe('a signature', () => {
  const victim = async (name: string, more = {}): Promise<PublishedImage> => stage.publish(name, { signed: false, ...more });

  test('that was copied from another repository does not count: the legacy one names where it was made for', async () => {
    const image = await stage.publish('acme/original');
    copy(stage.registry, 'acme/original', stage.registry, 'acme/stolen');
    await expectDenied(`${stage.registry.host}/acme/stolen:1.0@${image.digest}`, 'SIGNATURE_INVALID', 'acme/original');
  });

  test('of another digest does not count under the tag of this one', async () => {
    const signed = await stage.publish('acme/retagged');
    const evil = await victim('acme/retagged', { content: other });
    const stored = stage.registry.content.repository('acme/retagged');
    stored.tags.set(`${evil.digest.replace(':', '-')}.sig`, stored.tags.get(`${signed.digest.replace(':', '-')}.sig`) ?? '');
    await expectDenied(`${stage.registry.host}/acme/retagged:1.0@${evil.digest}`, 'SIGNATURE_INVALID', 'about another image');
  });

  test('in a bundle about another digest does not count as a referrer of this one', async () => {
    const image = await victim('acme/bundled');
    const evil = await victim('acme/bundled', { content: other });
    await signBundle(image, stage.release);
    const [bundle] = stage.registry.content.referrers('acme/bundled', image.digest);
    const stored = stage.registry.content.manifest('acme/bundled', String(bundle?.['digest']));
    stage.registry.pushManifest('acme/bundled', { ...JSON.parse(stored?.bytes.toString('utf8') ?? ''), subject: evil.descriptor }, stored?.mediaType ?? '');
    await expectDenied(`${stage.registry.host}/acme/bundled:1.0@${evil.digest}`, 'SIGNATURE_INVALID', 'about another image');
  });

  test('by a key that counts elsewhere does not count here', async () => {
    const image = await stage.publish('elsewhere/web');
    await expectDenied(`${stage.registry.host}/elsewhere/web:1.0@${image.digest}`, '[signed]', '[registries]');
  });
});
