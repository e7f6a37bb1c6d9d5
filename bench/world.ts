/** What is measured: a registry with a delay, signed and scanned images, the real webhook on shipped policies, and the trivial one. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type StartedWebhook, startWebhook } from '../demo/webhook.ts';
import { makeKey, type PublishedImage, publishImage, signBundle, signLegacy, trivyReport } from '../test/fakes/publish.ts';
import { type FakeRegistry, startRegistry } from '../test/fakes/registry.ts';
import { certify, makeSigstore, signKeyless } from '../test/fakes/sigstore.ts';
import { makeCertificate } from '../test/rig/certificate.ts';

export interface World {
  readonly registry: FakeRegistry;
  readonly webhook: StartedWebhook;
  readonly trivial: { readonly url: string; readonly pid: number };
  readonly ca: string;
  imageOf(name: string): PublishedImage;
  close(): Promise<void>;
}

/** An image that the policies admit. */
export interface WorldImage {
  readonly name: string;
  readonly layout: 'legacy' | 'bundle' | 'keyless';
}

const identity = {
  names: [{ type: 'url' as const, value: 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main' }],
  issuer: 'https://token.actions.githubusercontent.com',
};

export async function openWorld(wanted: readonly WorldImage[]): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-bench-'));
  const registry = await startRegistry();
  const release = makeKey('p256');
  mkdirSync(join(folder, 'reports'));
  writeFileSync(join(folder, 'release.pub'), release.publicPem);
  const sigstore = await makeSigstore();
  const holder = await certify(sigstore, identity);
  writeFileSync(join(folder, 'trusted_root.json'), sigstore.trustedRoot);
  const publish = async ({ name, layout }: WorldImage): Promise<PublishedImage> => {
    const image = await publishImage({ registry: registry.origin, repository: `acme/${name}`, tag: '1.0', content: name });
    if (layout === 'keyless') await signKeyless(image, sigstore, holder);
    else await (layout === 'legacy' ? signLegacy(image, release) : signBundle(image, release));
    writeFileSync(join(folder, 'reports', `${name}.json`), JSON.stringify(trivyReport({ imageId: image.imageId })));
    return image;
  };
  const images = new Map<string, PublishedImage>();
  for (const image of wanted) images.set(image.name, await publish(image));

  writeFileSync(
    join(folder, 'tidewaiter.yaml'),
    JSON.stringify({
      apiVersion: 'tidewaiter.dev/v1',
      kind: 'Configuration',
      server: { listen: '127.0.0.1:0', ops: '127.0.0.1:0' },
      registries: [{ host: registry.host, plainHTTP: true }],
      signers: [
        { name: 'release', kind: 'cosign-key', images: [`${registry.host}/**`], keyFile: 'release.pub' },
        {
          name: 'ci',
          kind: 'cosign-keyless',
          images: [`${registry.host}/acme/keyless-*`, `${registry.host}/acme/beside-*`],
          issuer: identity.issuer,
          identity: identity.names[0]?.value,
          trustedRoot: { file: 'trusted_root.json' },
        },
      ],
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
    imageOf(name) {
      const image = images.get(name);
      if (image === undefined) throw new Error(`there is no image ${name}`);
      return image;
    },
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
