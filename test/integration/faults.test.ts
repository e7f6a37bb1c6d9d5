/** What registries do wrong, one thing at a time, under a whole webhook that has never seen the image. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type PublishedImage, signBundle } from '../fakes/publish.ts';
import { digestOf, indexType, type Misbehaviour, manifestType, startRegistry } from '../fakes/registry.ts';
import { pinned, podWith } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

/** Stands in every body that a registry sends where it does wrong: it must come out nowhere. */
const canary = 'CANARY-8f1d';

let stage: Stage;
let webhook: Webhook;
let serial = 0;

beforeAll(async () => {
  stage = await setStage();
  webhook = await stage.serve();
});
afterAll(() => stage.close());

/** A signed and scanned image that the webhook has never heard of: the content is always the same, the repository always another. */
function publish(): Promise<PublishedImage> {
  serial += 1;
  return stage.publish(`acme/cold-${serial}`);
}

async function admittedSoon(image: PublishedImage): Promise<void> {
  await expect.poll(async () => (await webhook.validate(podWith([pinned(image)]))).allowed, { timeout: 5_000, interval: 100 }).toBe(true);
}

/** Which request for an image goes wrong. */
const positions: Record<string, (image: PublishedImage) => Promise<RegExp> | RegExp> = {
  'the manifest': ({ place, digest }) => new RegExp(`^GET /v2/${place.repository}/manifests/${digest}`),
  'the signature layout': ({ place, digest }) => new RegExp(`^GET /v2/${place.repository}/manifests/${digest.replace(':', '-')}\\.sig`),
  'the blob of the signature': ({ place, digest }) => {
    const stored = stage.registry.content.manifest(place.repository, `${digest.replace(':', '-')}.sig`);
    const [layer] = JSON.parse(stored?.bytes.toString('utf8') ?? '').layers;
    return new RegExp(`^GET /v2/${place.repository}/blobs/${layer.digest}`);
  },
  'the blob of the configuration': ({ place, imageId }) => new RegExp(`^GET /v2/${place.repository}/blobs/${imageId}`),
};

interface Wrong {
  readonly what: string;
  readonly does: Misbehaviour;
  readonly code: string | Readonly<Record<string, string>>;
}

const status = (code: number, headers: Readonly<Record<string, string>> = {}): Misbehaviour => ({
  kind: 'status',
  status: code,
  headers,
  body: JSON.stringify({ errors: [{ code: canary, message: canary }] }),
});

const wrongs: readonly Wrong[] = [
  { what: 'resets the connection', does: { kind: 'reset', after: null }, code: 'REGISTRY_UNAVAILABLE' },
  { what: 'resets it within the body', does: { kind: 'reset', after: 10 }, code: 'REGISTRY_UNAVAILABLE' },
  { what: 'answers 401', does: status(401), code: 'REGISTRY_UNAUTHORIZED' },
  { what: 'answers 403', does: status(403), code: 'REGISTRY_UNAUTHORIZED' },
  // No signature under the tag is an answer: the image is unsigned.
  { what: 'answers 404', does: status(404), code: { 'the signature layout': 'no signature by a configured signer', other: 'MANIFEST_UNKNOWN' } },
  { what: 'answers 429 with Retry-After', does: status(429, { 'retry-after': '3' }), code: 'REGISTRY_RATE_LIMITED' },
  { what: 'answers 500', does: status(500), code: 'REGISTRY_UNAVAILABLE' },
  { what: 'answers 418', does: status(418), code: 'RESPONSE_INVALID' },
  { what: 'answers with garbage', does: { kind: 'garbage' }, code: 'RESPONSE_INVALID' },
  { what: 'answers with other bytes', does: { kind: 'wrongDigest' }, code: 'RESPONSE_INVALID' },
  { what: 'answers with a huge body', does: { kind: 'huge', bytes: 64 * 1024 * 1024 }, code: 'LIMIT_EXCEEDED' },
  { what: 'redirects in a circle', does: { kind: 'redirect', location: '{path}' }, code: 'LIMIT_EXCEEDED' },
  { what: 'redirects to an internal address', does: { kind: 'redirect', location: 'http://169.254.169.254/latest/meta-data' }, code: 'REGISTRY_NOT_LISTED' },
  { what: 'redirects to a file', does: { kind: 'redirect', location: 'file:///etc/passwd' }, code: 'REGISTRY_NOT_LISTED' },
];

describe.each(Object.entries(positions))('a registry that, asked for %s,', (position, where) => {
  test.each(wrongs)('$what: denied by name, and admitted once it is over', async ({ does, code }) => {
    const image = await publish();
    const undo = stage.registry.inject({ match: await where(image), does });
    const denied = await webhook.validate(podWith([pinned(image)]), 5_000);
    undo();
    expect(denied.allowed).toBe(false);
    expect(denied.status?.message).toContain(typeof code === 'string' ? code : (code[position] ?? code['other']));
    expect(JSON.stringify(denied)).not.toContain(canary);
    expect(denied.milliseconds).toBeLessThan(5_000);
    const record = webhook.records().find(({ id }) => id === denied.auditAnnotations?.['record']);
    expect(record).toMatchObject({ decision: 'deny' });
    expect(JSON.stringify(record)).not.toContain(canary);
    // That there is no signature is believed for a while; that there is too much, for a second; that it wants to be left alone, as long as it said.
    if (code === 'LIMIT_EXCEEDED' || code === 'REGISTRY_RATE_LIMITED') await admittedSoon(image);
    else if (typeof code === 'string' || position !== 'the signature layout')
      expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
  });

  test('is slow beyond the deadline: denied before it, and admitted once the answer has come', async () => {
    const image = await publish();
    const { promise, resolve } = Promise.withResolvers<void>();
    const undo = stage.registry.inject({ match: await where(image), does: { kind: 'hold', until: promise } });
    const denied = await webhook.validate(podWith([pinned(image)]), 1_000);
    expect(denied.allowed).toBe(false);
    expect(denied.status?.message).toContain('DEADLINE_EXCEEDED');
    expect(denied.milliseconds).toBeLessThan(1_000);
    undo();
    resolve();
    const before = stage.registry.requests.length;
    expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
    // The asking went on: nothing that was asked is asked again.
    expect(stage.registry.requests.slice(before).filter(({ path }) => path.includes(`/manifests/${image.digest}`))).toEqual([]);
  });
});

test('a registry that is busy for a moment is asked again after the time it names, within the same admission', async () => {
  const image = await publish();
  stage.registry.inject({ match: `/v2/${image.place.repository}/`, does: status(429, { 'retry-after': '1' }), times: 1 });
  stage.registry.inject({ match: `/v2/${image.place.repository}/`, does: status(503), times: 1 });
  expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
});

describe('documents that two readers read differently are refused', () => {
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest: digestOf(Buffer.from('{}')), size: 2 };
  const mixed = { schemaVersion: 2, config, layers: [], manifests: [] };
  test.each([
    ['manifest and index in one', { ...mixed, mediaType: manifestType }, manifestType, 'manifest and index in one'],
    ['index with layers', { ...mixed, mediaType: indexType }, indexType, 'manifest and index in one'],
    ['another media type than its Content-Type', { schemaVersion: 2, mediaType: indexType, manifests: [] }, manifestType, 'is not its Content-Type'],
    ['a key twice', `{"schemaVersion":2,"mediaType":"${manifestType}","layers":[],"layers":[],"config":${JSON.stringify(config)}}`, manifestType, 'twice'],
    ['no known media type', { schemaVersion: 2, config, layers: [] }, 'text/html', 'unknown media type'],
    ['hostile nesting', '['.repeat(100_000), manifestType, 'LIMIT_EXCEEDED'],
  ])('%s', async (_what, document, mediaType, said) => {
    serial += 1;
    const { digest } = stage.registry.pushManifest(`acme/mixed-${serial}`, document, mediaType);
    const denied = await webhook.validate(podWith([`${stage.registry.host}/acme/mixed-${serial}:1@${digest}`]));
    expect(denied).toMatchObject({ allowed: false, status: { code: 403 } });
    expect(denied.status?.message).toContain(said);
  });
});

describe('referrers without end', () => {
  const referrersOf = ({ place, digest }: PublishedImage): string => `/v2/${place.repository}/referrers/${digest}`;

  test('pages that never end leave a good legacy signature its worth', async () => {
    const image = await publish();
    stage.registry.inject({ match: referrersOf(image), does: { kind: 'endlessLink' } });
    stage.registry.forgetRequests();
    expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
    expect(stage.registry.count(referrersOf(image))).toBeLessThanOrEqual(10);
  });

  test('thousands of junk referrers leave a good legacy signature its worth', async () => {
    const image = await publish();
    pushJunk(image, 3_000);
    stage.registry.forgetRequests();
    expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
    expect(stage.registry.count()).toBeLessThan(100);
  });

  test('junk in which no signature was found is said to be too much, not unsigned', async () => {
    const image = await stage.publish(`acme/junk-${serial}`, { signed: false });
    pushJunk(image, 1_200);
    const denied = await webhook.validate(podWith([pinned(image)]));
    expect(denied.allowed).toBe(false);
    expect(denied.status?.message).toContain('LIMIT_EXCEEDED');
  });

  test('a bundle whose list can not be had is not called unsigned, and is found once the list is there', async () => {
    const image = await stage.publish(`acme/bundle-${serial}`, { signed: false });
    await signBundle(image, stage.release);
    const undo = stage.registry.inject({ match: referrersOf(image), does: status(502) });
    const denied = await webhook.validate(podWith([pinned(image)]));
    undo();
    expect(denied.allowed).toBe(false);
    expect(denied.status?.message).toContain('REGISTRY_UNAVAILABLE');
    expect(JSON.stringify(denied)).not.toContain(canary);
    expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
  });

  function pushJunk(image: PublishedImage, many: number): void {
    for (let i = 0; i < many; i += 1) {
      stage.registry.pushArtifact({
        repository: image.place.repository,
        subject: image.descriptor,
        artifactType: 'application/vnd.junk',
        layers: [],
        annotations: { number: String(i) },
      });
    }
  }
});

test('a registry that is down is named as such, and the first Pod after it is back is admitted', async () => {
  const image = await publish();
  const port = Number(stage.registry.host.split(':')[1]);
  await stage.registry.close();
  const denied = await webhook.validate(podWith([pinned(image)]), 5_000);
  expect(denied.allowed).toBe(false);
  expect(denied.status?.message).toContain('REGISTRY_UNAVAILABLE');
  await using _back = await startRegistry({ port, content: stage.registry.content });
  expect(await webhook.validate(podWith([pinned(image)]))).toMatchObject({ allowed: true });
});
