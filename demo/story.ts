/** The images of the demo and the Pods that want them. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  attest,
  makeKey,
  type PublishedImage,
  publishImage,
  signBundle,
  signLegacy,
  trivyReport,
  vulnPredicate,
  vulnPredicateType,
} from '../test/fakes/publish.ts';
import type { PodToCreate } from './cluster.ts';

export interface Chapter {
  /** What a newcomer should know of the Pod before reading the outcome. */
  readonly about: string;
  readonly pod: PodToCreate;
  readonly expected: 'admitted' | 'denied';
}

export interface Story {
  readonly chapters: readonly Chapter[];
  /** The first image, pinned, at the mirror: for the last chapter. */
  readonly pinned: string;
}

export interface Stage {
  /** `127.0.0.1:PORT` of the source registry and of its mirror. */
  readonly source: string;
  readonly mirror: string;
  readonly folder: string;
}

/** Publishes, signs and scans what the story needs, writes the configuration, and gives the chapters. */
export async function setStage({ source, mirror, folder }: Stage): Promise<Story> {
  const release = makeKey('p256');
  const stranger = makeKey('p256');
  mkdirSync(join(folder, 'reports'), { recursive: true });
  writeFileSync(join(folder, 'release.pub'), release.publicPem);

  const publish = (name: string, content = name): Promise<PublishedImage> =>
    publishImage({ registry: `http://${source}`, repository: `shop/${name}`, tag: '1.0', content });
  const scan = (image: PublishedImage, findings: Parameters<typeof trivyReport>[0]['findings'] = []): void => {
    writeFileSync(join(folder, 'reports', `${image.imageId.slice(7, 19)}.json`), JSON.stringify(trivyReport({ imageId: image.imageId, findings })));
  };

  const web = await publish('web');
  await signBundle(web, release);
  scan(web, [{ id: 'CVE-2026-1001', severity: 'LOW', package: 'tzdata', installed: '2026a', fixed: null }]);
  await publishImage({ registry: `http://${mirror}`, repository: 'hub/shop/web', tag: '1.0', content: 'web' });

  const cart = await publish('cart');
  await signLegacy(cart, release);
  await attest(cart, release, vulnPredicateType, vulnPredicate(trivyReport({ imageId: cart.imageId })), 'bundle');

  scan(await publish('api'));

  const mail = await publish('mail');
  await signBundle(mail, stranger);
  scan(mail);

  const search = await publish('search');
  await signBundle(search, release);
  scan(search, [{ id: 'CVE-2026-4242', severity: 'CRITICAL', package: 'openssl', installed: '3.0.1', fixed: '3.0.2' }]);

  const stock = await publish('stock');
  await signBundle(stock, release);

  const pay = await publish('pay');
  await signBundle(pay, release);
  scan(pay);
  scan(await publish('pay', 'what somebody pushed over it'));

  writeFileSync(join(folder, 'tidewaiter.yaml'), configuration({ source, mirror, folder }));
  const at = (name: string): string => `${source}/shop/${name}:1.0`;
  const pinned = `${mirror}/hub/shop/web:1.0@${web.digest}`;
  return {
    pinned,
    chapters: [
      { about: 'signed by the release key, scanned, and served by the mirror', pod: { name: 'web', image: at('web') }, expected: 'admitted' },
      { about: 'signed in the older layout, scan result attested', pod: { name: 'cart', image: at('cart') }, expected: 'admitted' },
      { about: 'not signed', pod: { name: 'api', image: at('api') }, expected: 'denied' },
      { about: 'signed by a key nobody here trusts', pod: { name: 'mail', image: at('mail') }, expected: 'denied' },
      { about: 'has a critical vulnerability', pod: { name: 'search', image: at('search') }, expected: 'denied' },
      { about: 'never scanned', pod: { name: 'stock', image: at('stock') }, expected: 'denied' },
      { about: 'comes from a registry that is not approved', pod: { name: 'miner', image: 'evil.example/free/miner:1.0' }, expected: 'denied' },
      { about: 'its tag was moved after signing', pod: { name: 'pay', image: at('pay') }, expected: 'denied' },
      { about: 'a debug container with an unsigned image', pod: { name: 'web', image: pinned, ephemeral: at('api') }, expected: 'denied' },
    ],
  };
}

/** YAML is written as JSON here, which it includes: nothing can be misquoted. */
function configuration({ source, mirror }: Stage): string {
  return JSON.stringify(
    {
      apiVersion: 'tidewaiter.dev/v1',
      kind: 'Configuration',
      server: { listen: '127.0.0.1:0', ops: '127.0.0.1:0', tls: { selfSigned: { directory: 'state/tls', dnsNames: ['localhost'] } } },
      registries: [
        { host: source, plainHTTP: true },
        { host: mirror, plainHTTP: true },
      ],
      mirrors: [{ source, targets: [{ location: `${mirror}/hub` }] }],
      signers: [{ name: 'release', kind: 'cosign-key', images: [`${source}/shop/**`], keyFile: 'release.pub' }],
      scans: [
        { name: 'reports', kind: 'trivy-directory', path: 'reports' },
        { name: 'attested', kind: 'trivy-attestation', signers: ['release'] },
      ],
      policy: { data: { registries: [source] } },
      audit: { sinks: [] },
    },
    null,
    2,
  );
}
