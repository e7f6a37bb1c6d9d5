/** A trusted root from a TUF repository: without one no keyless signature can be verified. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTrustRoots } from '../../../src/signatures/index.ts';
import { startFaultProxy } from '../../fakes/faultProxy.ts';
import { publishImage } from '../../fakes/publish.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { certify, makeSigstore, signKeyless, startTufRepository } from '../../fakes/sigstore.ts';
import { filesOf, quiet } from '../../unit/signatures/support.ts';
import { identityOf, makeSigner } from './attached.ts';
import type { Scene } from './matrix.ts';
import { proxied } from './servers.ts';
import { openClient, openLine, type World } from './world.ts';

let serial = 0;

/** Each cell is a process that has never had a root. */
export async function tufScene(world: World): Promise<Scene> {
  const sigstore = await makeSigstore();
  const holder = await certify(sigstore, { names: [{ type: 'url', value: identityOf.identity }], issuer: identityOf.issuer });
  const tuf = await startTufRepository(sigstore.trustedRoot);
  const proxy = await startFaultProxy(tuf.url);
  const registry = await startRegistry();
  const client = openClient(registry.host);
  const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
  const { doing, strikes } = proxied(proxy);
  let ahead = 0;
  const documents = 'each document is one, of a length that is bounded';
  return {
    // The repository is asked again some time after it failed.
    recover() {
      ahead += 11_000;
    },
    strikes: {
      ...strikes,
      other: doing(() => ({ kind: 'alter', change: (body) => body.toString().replace('2099', '2098') })),
      inward: 'followed, with a GET and no credential: the client is that of the sigstore package, and believes nothing that is not signed',
      endless: documents,
      junk: documents,
      expired: 'the mirror is trusted by its signatures; its certificate is for Node to verify, as everywhere',
    },
    async cell() {
      serial += 1;
      const image = await publishImage({ registry: registry.origin, repository: `acme/rooted-${serial}`, tag: '1.0', content: `rooted ${serial}` });
      await signKeyless(image, sigstore, holder);
      const own = mkdtempSync(join(folder, 'cell-'));
      let judge: ReturnType<typeof openLine> | null = null;
      return {
        image,
        async judge(deadline) {
          // Opened when it is asked first: the root is fetched from then on.
          if (judge === null) {
            const roots = createTrustRoots({ file: filesOf({ 'root.json': tuf.root }), directory: own, log: quiet, clock: () => Date.now() + ahead });
            const settings = { kind: 'cosign-keyless', ...identityOf, trustedRoot: { tuf: { mirror: proxy.origin, root: 'root.json' } } } as const;
            judge = openLine({ policies: world.signed, client, sources: [await makeSigner(client, settings, {}, roots)] });
          }
          return judge(image, deadline);
        },
        close: () => {},
      };
    },
    async close() {
      await client.close();
      await registry.close();
      await proxy.close();
      await tuf.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
