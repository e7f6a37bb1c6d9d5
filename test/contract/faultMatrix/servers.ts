/** Evidence from servers of its own: Harbor, the API server of a cluster, and the Trivy program with whatever it asks. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { watchVulnerabilityReports } from '../../../src/cluster/vulnerabilityReports.ts';
import type { EvidenceSource } from '../../../src/domain/evidence.ts';
import { bad, type Outcome } from '../../../src/domain/fault.ts';
import { type ScanKind, type ScanParts, type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { type FaultProxy, type ProxyFault, startFaultProxy } from '../../fakes/faultProxy.ts';
import { harborReport, overviewOf, startHarbor } from '../../fakes/harbor.ts';
import { type PublishedImage, publishImage, trivyReport } from '../../fakes/publish.ts';
import { makeAuthority } from '../../fakes/registry/authority.ts';
import { startRegistry } from '../../fakes/registry.ts';
import { fakeTrivy } from '../../fakes/trivy.ts';
import { vulnerabilityReport } from '../../fakes/vulnerabilityReport.ts';
import { startWatchedObjects } from '../../fakes/watchedObjects.ts';
import { waitFor } from '../../rig/wait.ts';
import { partsOf } from '../../unit/scans/fixtures.ts';
import { inside } from './inside.ts';
import type { Fault, Scene, Strike } from './matrix.ts';
import { openClient, openLine, type World } from './world.ts';

let serial = 0;

interface Beside {
  readonly source: EvidenceSource;
  readonly strikes: Scene['strikes'];
  /** Lets the source know an image that was just published. */
  publish(image: PublishedImage): Promise<unknown> | unknown;
  recover?(): void;
  close(): Promise<void>;
}

/** Images in a registry that does no wrong, and one source beside it. */
async function besideRegistry(world: World, open: () => Promise<Beside>): Promise<Scene> {
  const registry = await startRegistry();
  const client = openClient(registry.host);
  const { source, strikes, publish, recover, close } = await open();
  const judge = openLine({ policies: world.scanned, client, sources: [source] });
  return {
    strikes,
    ...(recover === undefined ? {} : { recover }),
    async cell() {
      serial += 1;
      const place = { registry: registry.origin, repository: `acme/beside-${serial}` };
      const image = await publishImage({ ...place, tag: '1.0', content: `beside ${serial}` });
      await publish(image);
      return { image, judge: (deadline) => judge(image, deadline), close: () => {} };
    },
    async close() {
      await close();
      await client.close();
      await registry.close();
    },
  };
}

export async function openSource(kind: keyof typeof scanKinds, settings: object, parts: Partial<ScanParts> = {}): Promise<ScanSource> {
  const entry: ScanKind = scanKinds[kind];
  const created = await entry.create(entry.settings.parse({ name: 'scan', kind, ...settings }), partsOf({}, { clock: Date.now, ...parts }));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value;
}

export function proxied(proxy: FaultProxy, struck = async (): Promise<void> => {}) {
  const doing =
    (fault: () => ProxyFault, match?: RegExp): Strike =>
    async () => {
      await proxy.strike(fault(), match);
      await struck();
      return () => proxy.heal();
    };
  const status = (code: number): Strike => doing(() => ({ kind: 'status', status: code, headers: { 'retry-after': '1' } }));
  const strikes = {
    down: doing(() => ({ kind: 'down' })),
    slow: doing(() => ({ kind: 'silence' })),
    401: status(401),
    403: status(403),
    404: status(404),
    429: status(429),
    500: status(500),
    reset: doing(() => ({ kind: 'reset' })),
    garbage: doing(() => ({ kind: 'garbage' })),
    huge: doing(() => ({ kind: 'flood' })),
    loop: doing(() => ({ kind: 'redirect', location: '{path}' })),
    inward: doing(() => ({ kind: 'redirect', location: inside.origin })),
    expired: doing(() => ({ kind: 'expired' })),
  } satisfies Partial<Record<Fault, Strike>>;
  return { doing, strikes };
}

const oneByOne = 'each image is asked about by itself, in one answer';

export const harborScene = (world: World): Promise<Scene> =>
  besideRegistry(world, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
    const harbor = await startHarbor();
    const authority = makeAuthority();
    const proxy = await startFaultProxy(harbor.url, { authority });
    writeFileSync(join(folder, 'ca.pem'), authority.ca);
    writeFileSync(join(folder, 'robot.json'), JSON.stringify(harbor.robot));
    const source = await openSource(
      'harbor',
      { url: proxy.origin, caFile: join(folder, 'ca.pem'), credentials: { kind: 'robot', file: join(folder, 'robot.json') } },
      { places: (image) => [image, { registry: proxy.host, repository: `hub/${image.repository}` }] },
    );
    const { doing, strikes } = proxied(proxy);
    return {
      source,
      publish({ place, digest }) {
        harbor.put('hub', place.repository, digest, { overview: overviewOf('Success'), report: harborReport(digest, { vulnerabilities: [] }) });
      },
      strikes: {
        ...strikes,
        other: doing(() => ({ kind: 'alter', change: (body) => body.toString().replaceAll(/sha256:[0-9a-f]{64}/g, `sha256:${'0'.repeat(64)}`) })),
        endless: oneByOne,
        junk: oneByOne,
      },
      async close() {
        source.close();
        await proxy.close();
        await harbor.close();
        rmSync(folder, { recursive: true });
      },
    };
  });

/** Reports of a cluster that are followed at most. */
const mostReports = 100;

export const operatorScene = (world: World): Promise<Scene> =>
  besideRegistry(world, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'matrix-'));
    const api = await startWatchedObjects(1_000);
    const authority = makeAuthority();
    const upstream = serverOf(api.kubeconfig);
    const proxy = await startFaultProxy(upstream, { authority });
    const kubeconfig = join(folder, 'kubeconfig');
    const ca = Buffer.from(authority.ca).toString('base64');
    writeFileSync(
      kubeconfig,
      api.kubeconfig.replace(upstream, proxy.origin).replace(/"certificate-authority-data":"[^"]*"/, `"certificate-authority-data":"${ca}"`),
    );
    let followed = (): Outcome<void> => bad('INTERNAL', 'not followed yet');
    const source = await openSource(
      'trivy-operator',
      {},
      {
        cluster: {
          async watchReports(namespace, reader) {
            const options = { kubeconfig, namespace, most: mostReports, patience: 5_000, pause: 5, answerFor: 1_000 };
            const watch = await watchVulnerabilityReports({ ...options, ...reader, log: { warn: () => {} } });
            if (watch.ok) followed = () => watch.value.state();
            return watch;
          },
        },
      },
    );
    const put = (name: string, digest: string): void => {
      const report = vulnerabilityReport({ digest }, { vulnerabilities: [] });
      api.put({ metadata: { namespace: 'shop', name }, ...report });
    };
    const told = async (change: () => void): Promise<void> => {
      const { trust } = source;
      change();
      await waitFor('the change to be told', async () => (source.trust === trust ? null : true), 5_000, 5);
    };
    let serials = 0;
    /** Breaks the watch, so that all is listed anew, and waits until it was seen what comes of that. */
    const relisted = (seen: (state: Outcome<void>) => boolean) => async (): Promise<void> => {
      serials += 1;
      api.breakSockets(() => put('other', `sha256:${String(serials).padStart(64, '0')}`));
      proxy.breakConnections();
      await waitFor('the cluster to be out of reach', async () => (seen(followed()) ? true : null), 5_000, 5);
    };
    const broken = relisted((state) => !state.ok);
    const limited = relisted((state) => !state.ok && state.fault.code === 'LIMIT_EXCEEDED');
    const { doing, strikes } = proxied(proxy, broken);
    const status = (code: number): Strike =>
      proxied(
        proxy,
        relisted((state) => !state.ok && state.fault.message.includes(`HTTP ${code}`)),
      ).doing(() => ({ kind: 'status', status: code }));
    const lists = /^(?!.*watch=true)/;
    let last = '';
    return {
      source,
      async publish(image) {
        await waitFor('the cluster to be followed', async () => (followed().ok ? true : null), 10_000, 5);
        last = image.place.repository.replaceAll('/', '-');
        await told(() => put(last, image.digest));
      },
      strikes: {
        ...strikes,
        401: status(401),
        403: status(403),
        404: status(404),
        429: status(429),
        500: status(500),
        reset: doing(() => ({ kind: 'reset' }), lists),
        garbage: doing(() => ({ kind: 'garbage' }), lists),
        huge: doing(() => ({ kind: 'flood' }), lists),
        async other(image) {
          await told(() => put(last, `sha256:${'f'.repeat(64)}`));
          return () => told(() => put(last, image.digest));
        },
        endless: proxied(proxy, limited).doing(
          () => ({ kind: 'alter', change: (body) => body.toString().replace('"metadata":{"resourceVersion"', '"metadata":{"continue":"0","resourceVersion"') }),
          lists,
        ),
        async junk() {
          const names = Array.from({ length: 3_000 }, (_, i) => `junk-${i}`);
          for (const [i, name] of names.entries()) put(name, `sha256:${String(i).padStart(64, 'e')}`);
          await limited();
          return () => {
            for (const name of names) api.remove('shop', name);
          };
        },
      },
      async close() {
        source.close();
        await proxy.close();
        await api.close();
        rmSync(folder, { recursive: true });
      },
    };
  });

function serverOf(kubeconfig: string): string {
  return /"server":"([^"]+)"/.exec(kubeconfig)?.[1] ?? '';
}

export const trivyScene = (world: World): Promise<Scene> =>
  besideRegistry(world, async () => {
    const program = fakeTrivy();
    let ahead = 0;
    const source = await openSource(
      'trivy',
      { binary: program.path, patience: '20s', server: 'http://127.0.0.1:4954', timeout: '20s' },
      { clock: () => Date.now() + ahead },
    );
    const doing =
      (script: string): Strike =>
      () => {
        program.behave(script);
        return () => program.behave('');
      };
    const fails = (words: string): Strike => doing(`echo "${words}" >&2; exit 1`);
    const itself = 'Trivy asks, and follows only its own server and the registry of the image';
    return {
      source,
      publish: ({ digest, imageId }) => program.report(digest, trivyReport({ imageId })),
      // A scan that failed is made anew after a minute.
      recover() {
        ahead += 61_000;
      },
      strikes: {
        down: fails('dial tcp 127.0.0.1:4954: connect: connection refused'),
        slow: () => {
          program.behave('while [ ! -e "$d/go" ]; do sleep 0.02; done; rm "$d/go"');
          return () => {
            program.behave('');
            program.touch('go');
          };
        },
        401: fails('twirp error unauthenticated: invalid token'),
        403: fails('GET https://r.test/v2/: unexpected status code 403 Forbidden: DENIED'),
        404: fails('MANIFEST_UNKNOWN: manifest unknown'),
        429: fails('TOOMANYREQUESTS: rate limit'),
        500: fails('twirp error internal: 500'),
        reset: doing('kill -9 $$'),
        garbage: doing('printf "\\377{"; exit 0'),
        other: (image) => {
          program.report(image.digest, trivyReport({ imageId: `sha256:${'0'.repeat(64)}` }));
          return () => program.report(image.digest, trivyReport({ imageId: image.imageId }));
        },
        endless: oneByOne,
        junk: oneByOne,
        huge: doing('exec cat /dev/zero'),
        loop: itself,
        inward: itself,
        expired: fails('x509: certificate has expired or is not yet valid'),
      },
      async close() {
        source.close();
        program.remove();
      },
    };
  });
