/** An index brings in no image that was not looked at, whatever its children are called. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ociIndex, ociManifest } from '../fakes/publish/push.ts';
import { type PublishedImage, publishImage, pushBlob, pushManifest, trivyReport } from '../fakes/publish.ts';
import { podWith } from './calls.ts';
import { type Stage, setStage, type Webhook } from './stage.ts';

let stage: Stage;
let webhook: Webhook;
let clean: PublishedImage;
let evil: PublishedImage;
let at: { registry: string; repository: string };

beforeAll(async () => {
  stage = await setStage();
  at = { registry: stage.registry.origin, repository: 'acme/two' };
  // Only what the scanned policy says is of interest.
  clean = await stage.publish('acme/two', { content: 'clean', signed: false });
  evil = await publishImage({ ...at, content: 'never scanned' });
  webhook = await stage.serve({ policy: { modes: { signed: 'off' }, data: { registries: [stage.registry.host] } } });
});
afterAll(() => stage.close());

const validate = (digest: string) => webhook.validate(podWith([`${stage.registry.host}/acme/two:1.0@${digest}`]));
const amd64 = '{"os":"linux","architecture":"amd64"}';

/** An index of children whose platforms are written as they are given: null for a child without one. */
async function indexOf(...children: readonly (readonly [PublishedImage, string | null])[]) {
  const entries = children.map(([{ descriptor }, platform]) => {
    const { mediaType, digest, size } = descriptor;
    const written = JSON.stringify({ mediaType, digest, size });
    return platform === null ? written : `${written.slice(0, -1)},"platform":${platform}}`;
  });
  const { digest } = await pushManifest(at, Buffer.from(`{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${entries.join(',')}]}`), ociIndex);
  return digest;
}

describe('an image that was never scanned', () => {
  test('is denied by itself, and the one that was is allowed, also in an index', async () => {
    expect(await validate(evil.digest)).toMatchObject({ allowed: false });
    expect(await validate(clean.digest)).toMatchObject({ allowed: true });
    expect(await validate(await indexOf([clean, amd64]))).toMatchObject({ allowed: true });
  });

  test.each<[string, string | null, string]>([
    ['for the same platform', amd64, amd64],
    ['in other case', '{"os":"Linux","architecture":"AMD64"}', amd64],
    ['under the name that uname has', '{"os":"linux","architecture":"x86_64"}', amd64],
    ['under another name that uname has', '{"os":"linux","architecture":"x86-64"}', amd64],
    ['with the variant that there is anyhow', '{"os":"linux","architecture":"amd64","variant":"v1"}', amd64],
    ['for another variant', '{"os":"linux","architecture":"amd64","variant":"v3"}', amd64],
    ['with a key that Go reads too', '{"os":"linux","architecture":"arm64","Architecture":"amd64"}', amd64],
    ['with a key twice', '{"os":"linux","architecture":"arm64","architecture":"amd64"}', amd64],
    ['without an operating system', '{"architecture":"amd64"}', amd64],
    ['with a feature', '{"os":"linux","architecture":"amd64","os.features":["erofs"]}', amd64],
    ['with another version of the system', '{"os":"linux","architecture":"amd64","os.version":"1"}', amd64],
    ['without a platform, beside a variant that few machines take', null, '{"os":"linux","architecture":"amd64","variant":"v4"}'],
    ['for what containerd falls back to', '{"os":"linux","architecture":"386"}', '{"os":"linux","architecture":"amd64","variant":"v4"}'],
    ['without a platform, beside a name that some runtimes do not know', null, '{"os":"linux","architecture":"x86_64"}'],
  ])('is denied in an index beside a good one: %s', async (_name, its, other) => {
    const [first, last] = [await indexOf([evil, its], [clean, other]), await indexOf([clean, other], [evil, its])];
    expect(await validate(first)).toMatchObject({ allowed: false, status: { code: 403 } });
    expect(await validate(last)).toMatchObject({ allowed: false, status: { code: 403 } });
  });

  test('stands in nobody’s way for a platform that is not wanted, or without one beside a plain one', async () => {
    expect(await validate(await indexOf([evil, '{"os":"linux","architecture":"s390x"}'], [clean, amd64]))).toMatchObject({ allowed: true });
    expect(await validate(await indexOf([evil, null], [clean, amd64]))).toMatchObject({ allowed: true });
  });
});

describe('a configuration', () => {
  test('that runtimes read otherwise is denied, although it is scanned', async () => {
    const source = '{"os":"linux","architecture":"amd64","config":{"User":"65532"},"Config":{"User":"0"},"rootfs":{"type":"layers","diff_ids":[]}}';
    const config = await pushBlob(at, Buffer.from(source), 'application/vnd.oci.image.config.v1+json');
    writeFileSync(join(stage.folder, 'reports', 'two-faced.json'), JSON.stringify(trivyReport({ imageId: config.digest })));
    const { digest } = await pushManifest(at, { schemaVersion: 2, mediaType: ociManifest, config, layers: [] }, ociManifest);
    const denied = await validate(digest);
    expect(denied).toMatchObject({ allowed: false });
    expect(denied.status?.message).toContain('MANIFEST_INVALID');
    expect(denied.status?.message).toContain('which some readers take for config');
  });
});
