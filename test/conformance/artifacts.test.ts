/** Artifacts of our own in the real registry, and in one that wants tokens for what is to be done. */

import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyKinds, createAudit, openSigners } from '../../src/audit/index.ts';
import { verifyAudit } from '../../src/audit/proof/index.ts';
import { createKeychain } from '../../src/credentials/index.ts';
import type { Outcome } from '../../src/domain/fault.ts';
import { type Call, ownAccess } from '../../src/domain/registry.ts';
import { createRegistry, type RegistryClient } from '../../src/registry/index.ts';
import { type RealRegistry, startRealRegistry } from '../fakes/realRegistry.ts';
import { draft, options } from '../unit/audit/fixtures.ts';
import { newSite } from '../unit/audit/proofRig.ts';

let real: RealRegistry;
const clients: RegistryClient[] = [];
const artifactType = 'application/vnd.example.note.v1+json';
const note = { artifactType, mediaType: 'application/json', content: Buffer.from('{"note":1}') };

beforeAll(async () => {
  real = await startRealRegistry();
}, 600_000);

afterAll(async () => {
  for (const client of clients) await client.close();
  await real?.stop();
});

function artifactsOf(host: string) {
  const client = createRegistry({ hosts: [{ host, plainHTTP: true, ca: null, alsoHosts: [] }], keychain: createKeychain([]) });
  clients.push(client);
  return client.artifacts;
}

const call = (): Call => ({ signal: AbortSignal.timeout(10_000), access: ownAccess });

function unwrap<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(`${outcome.fault.code}: ${outcome.fault.message}`);
  return outcome.value;
}

describe('the real registry', () => {
  it('keeps what is pushed, lists its tag, and gives it back; twice is once', async () => {
    const artifacts = artifactsOf(real.host);
    const repository = { registry: real.host, repository: 'audit/notes' };
    const digest = unwrap(await artifacts.push(repository, 'one', note, call()));
    expect(unwrap(await artifacts.push(repository, 'one', note, call()))).toBe(digest);
    unwrap(await artifacts.push(repository, 'two', { ...note, content: Buffer.from('{"note":2}') }, call()));
    expect([...unwrap(await artifacts.tags(repository, call()))].sort()).toEqual(['one', 'two']);
    expect(Buffer.from(unwrap(await artifacts.pull(repository, 'one', artifactType, 1000, call()))).toString()).toBe('{"note":1}');
    expect(await artifacts.pull(repository, 'one', 'application/vnd.example.other', 1000, call())).toMatchObject({ fault: { code: 'MANIFEST_INVALID' } });
    expect(await artifacts.pull(repository, 'one', artifactType, 5, call())).toMatchObject({ fault: { code: 'LIMIT_EXCEEDED' } });
    expect(await artifacts.tags({ ...repository, repository: 'audit/none' }, call())).toMatchObject({ fault: { code: 'MANIFEST_UNKNOWN' } });
  });

  it('keeps checkpoints, by which a log is proven whose own were taken away', async () => {
    const artifacts = artifactsOf(real.host);
    const site = newSite();
    try {
      const signers = unwrap(await openSigners(site.keyFile));
      const copy = unwrap(copyKinds.oci.create({ kind: 'oci', repository: `${real.host}/audit/checkpoints` }, { resolvePath: (path) => path, artifacts }));
      const audit = unwrap(await createAudit(options(site.records, { checkpoints: { signers, every: 60_000, copies: [copy] } })));
      audit.keep(draft());
      await audit.close();
      expect(audit.status().checkpoints).toMatchObject({ fault: null, copies: [{ name: 'oci', copied: 2, failed: 0, lost: 0, waiting: 0 }] });
      rmSync(`${site.records}/checkpoints`, { recursive: true });
      const proof = unwrap(
        await verifyAudit(
          {
            folder: site.records,
            checkpoints: [`oci://${real.host}/audit/checkpoints`],
            keys: [`${site.keyFile}.pub`],
            apiserverLogs: [],
            store: null,
            signal: AbortSignal.timeout(10_000),
            onProgress: () => {},
          },
          { folder: site.records, store: null, published: null, artifacts },
        ),
      );
      expect(proof).toMatchObject({ faults: [], checkpoints: { copies: 2, local: 0 }, chains: [{ ranges: [{ from: 0, to: 1, by: 'copies' }] }] });
    } finally {
      rmSync(site.root, { recursive: true, force: true });
    }
  });
});

describe('a registry that wants a token', () => {
  it('is asked for one that may push, though it spoke of pulling first; and may not send an upload elsewhere', async () => {
    const scopes: (string | null)[] = [];
    let location = '';
    const server = createServer((request: IncomingMessage, response) => {
      const url = new URL(request.url ?? '', 'http://registry');
      request.resume();
      if (url.pathname === '/token') {
        scopes.push(url.searchParams.get('scope'));
        response.end(JSON.stringify({ token: 'good' }));
        return;
      }
      if (request.headers.authorization === undefined) {
        response.setHeader('www-authenticate', `Bearer realm="${originOf(server)}/token",service="s",scope="repository:audit/notes:pull"`);
        response.writeHead(401).end();
        return;
      }
      if (request.method === 'HEAD') response.writeHead(404).end();
      else response.writeHead(202, { location }).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const host = new URL(originOf(server)).host;
      location = 'http://127.0.0.1:1/elsewhere';
      const pushed = await artifactsOf(host).push({ registry: host, repository: 'audit/notes' }, 'one', note, call());
      expect(pushed).toMatchObject({ ok: false, fault: { code: 'REGISTRY_NOT_LISTED' } });
      expect(scopes).toEqual(['repository:audit/notes:pull,push']);
    } finally {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  });
});

function originOf(server: Server): string {
  // A TCP server has such an address.
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
