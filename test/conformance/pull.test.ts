/** What was judged is what a node pulls: a real containerd takes the reference that the webhook wrote, from a real registry. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { applyPatch, type Operation } from 'rfc6902';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PublishedImage, publishImage, signBundle, trivyReport } from '../fakes/publish.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { admissionReview, podObject } from '../fakes/review.ts';
import { type Stage, setStage, type Webhook } from '../integration/stage.ts';
import { type Containerd, noContainerd, startContainerd } from '../rig/containerd.ts';

describe.skipIf(noContainerd !== null)('a node’s container runtime', () => {
  let source: RealRegistry;
  let mirror: RealRegistry;
  let stage: Stage;
  let webhook: Webhook;
  let runtime: Containerd;
  let image: PublishedImage;

  beforeAll(async () => {
    [source, mirror, stage] = await Promise.all([startRealRegistry(), startRealRegistry(), setStage()]);
    runtime = await startContainerd([mirror.host]);
    const published = { repository: 'shop/web', tag: '1.0', content: 'what was signed and scanned\n' };
    image = await publishImage({ registry: source.url, ...published });
    await signBundle(image, stage.release);
    await publishImage({ registry: mirror.url, ...published, repository: 'hub/shop/web' });
    writeFileSync(join(stage.folder, 'reports', 'web.json'), JSON.stringify(trivyReport({ imageId: image.imageId })));
    webhook = await stage.serve({
      registries: [source, mirror].map(({ host }) => ({ host, plainHTTP: true })),
      mirrors: [{ source: source.host, targets: [{ location: `${mirror.host}/hub` }] }],
      policy: { data: { registries: [source.host] } },
    });
  });
  afterAll(async () => {
    await runtime?.stop();
    await stage?.close();
    await Promise.all([source?.stop(), mirror?.stop()]);
  });

  /** The reference under which a Pod's image was admitted. */
  async function admit(written: string): Promise<string> {
    const object = podObject({ containers: [{ name: 'app', image: written }] });
    const { patch } = await webhook.mutate(admissionReview({ object }));
    const operations: Operation[] = JSON.parse(Buffer.from(patch ?? '', 'base64').toString('utf8'));
    for (const error of applyPatch(object, operations)) if (error !== null) throw error;
    expect(await webhook.validate(admissionReview({ object }))).toMatchObject({ allowed: true });
    return object.spec.containers[0]?.image ?? '';
  }

  it('pulls from the mirror exactly what was verified at the source, whatever is pushed over the tag meanwhile', async () => {
    const admitted = await admit(`${source.host}/shop/web:1.0`);
    expect(admitted).toBe(`${mirror.host}/hub/shop/web:1.0@${image.digest}`);
    const other = await publishImage({ registry: mirror.url, repository: 'hub/shop/web', tag: '1.0', content: 'what somebody pushed over it\n' });
    expect(await runtime.pull(`${mirror.host}/hub/shop/web:1.0`)).toBe(other.digest);
    expect(await runtime.pull(admitted)).toBe(image.digest);
    expect(await runtime.readFile(admitted, 'content.txt')).toBe('what was signed and scanned\n');
  });

  it('gets nothing for a digest that the mirror does not have', async () => {
    await expect(runtime.pull(`${mirror.host}/hub/shop/web:1.0@sha256:${'0'.repeat(64)}`)).rejects.toThrow('not found');
  });
});
