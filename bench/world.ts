/** What is measured: a registry with a delay, signed and scanned images, the real webhook on shipped policies, and the trivial one. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type StartedWebhook, startWebhook } from '../demo/webhook.ts';
import { makeKey, type PublishedImage, publishImage, signBundle, signLegacy, trivyReport } from '../test/fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../test/fakes/registry.ts';
import { makeCertificate } from '../test/rig/certificate.ts';

export interface World {
  readonly registry: FakeRegistry;
  readonly webhook: StartedWebhook;
  readonly trivial: { readonly url: string; readonly pid: number };
  readonly ca: string;
  /** Publishes an image that the policies admit. */
  publish(name: string, layout: 'legacy' | 'bundle'): Promise<PublishedImage>;
  close(): Promise<void>;
}

export async function openWorld(
  names: readonly { readonly name: string; readonly layout: 'legacy' | 'bundle' }[],
): Promise<World & { readonly images: ReadonlyMap<string, PublishedImage> }> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-bench-'));
  const registry = await startRegistry();
  const release = makeKey('p256');
  mkdirSync(join(folder, 'reports'));
  writeFileSync(join(folder, 'release.pub'), release.publicPem);
  const publish: World['publish'] = async (name, layout) => {
    const image = await publishImage({ registry: registry.origin, repository: `acme/${name}`, tag: '1.0', content: name });
    await (layout === 'legacy' ? signLegacy(image, release) : signBundle(image, release));
    writeFileSync(join(folder, 'reports', `${name}.json`), JSON.stringify(trivyReport({ imageId: image.imageId })));
    return image;
  };
  const images = new Map<string, PublishedImage>();
  for (const { name, layout } of names) images.set(name, await publish(name, layout));

  writeFileSync(
    join(folder, 'tidewaiter.yaml'),
    JSON.stringify({
      apiVersion: 'tidewaiter.dev/v1',
      kind: 'Configuration',
      server: { listen: '127.0.0.1:0', ops: '127.0.0.1:0' },
      registries: [{ host: registry.host, plainHTTP: true }],
      signers: [{ name: 'release', kind: 'cosign-key', images: [`${registry.host}/**`], keyFile: 'release.pub' }],
      scans: [{ name: 'reports', kind: 'trivy-directory', path: 'reports' }],
      policy: { data: { registries: [registry.host] } },
      audit: { sinks: [] },
    }),
  );
  const webhook = await startWebhook(join(folder, 'tidewaiter.yaml'));
  const { cert, key } = makeCertificate(['localhost']);
  writeFileSync(join(folder, 'trivial.crt'), cert);
  writeFileSync(join(folder, 'trivial.key'), key, { mode: 0o600 });
  const trivial = await startTrivial(join(folder, 'trivial.crt'), join(folder, 'trivial.key'));
  return {
    registry,
    webhook,
    trivial,
    images,
    publish,
    ca: readFileSync(join(folder, 'state', 'tls', 'ca.crt'), 'utf8'),
    async close() {
      trivial.stop();
      await webhook.stop();
      await registry.close();
    },
  };
}

async function startTrivial(certFile: string, keyFile: string): Promise<{ url: string; pid: number; stop(): void }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'trivial.ts'), certFile, keyFile], { stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the trivial webhook ended with ${code}`)));
    createInterface({ input: child.stdout }).once('line', resolve);
  });
  const { port } = JSON.parse(line);
  return { url: `https://127.0.0.1:${port}`, pid: child.pid ?? 0, stop: () => void child.kill() };
}
