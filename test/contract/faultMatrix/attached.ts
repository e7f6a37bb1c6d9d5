/** Evidence that lies in the image's registry: what is struck is every request for it, and none for the image itself. */

import type { Digest } from '../../../src/domain/digest.ts';
import type { EvidenceSource, Finds, ScanFinding, Subject } from '../../../src/domain/evidence.ts';
import { good } from '../../../src/domain/fault.ts';
import type { RegistryClient } from '../../../src/registry/index.ts';
import { refine, type ScanParts, scanKinds, vexKinds } from '../../../src/scans/index.ts';
import { createLayouts, createTrustRoots, type Signer, type SignerKind, signerKinds, type TrustRoots } from '../../../src/signatures/index.ts';
import { canary } from '../../fakes/faultProxy.ts';
import { issue, issueRoot, pemOf } from '../../fakes/notation/authority.ts';
import { envelopeOf, jws, pushSignature } from '../../fakes/notation/sign.ts';
import { pushReferrer } from '../../fakes/publish/push.ts';
import {
  attest,
  makeKey,
  type PublishedImage,
  publishImage,
  pushBlob,
  signLegacy,
  trivyReport,
  vulnPredicate,
  vulnPredicateType,
} from '../../fakes/publish.ts';
import { type FakeRegistry, type Misbehaviour, startRegistry } from '../../fakes/registry.ts';
import { certify, makeSigstore, signKeyless } from '../../fakes/sigstore.ts';
import { partsOf } from '../../unit/scans/fixtures.ts';
import { asking, filesOf, proving, quiet } from '../../unit/signatures/support.ts';
import { inside } from './inside.ts';
import type { Fault, Scene, Strike } from './matrix.ts';
import { openClient, openLine, type World } from './world.ts';

export const releaseKey = makeKey('p256');
const key = releaseKey;
export const identityOf = {
  identity: 'https://github.com/acme/app/.github/workflows/release.yml@refs/heads/main',
  issuer: 'https://token.actions.githubusercontent.com',
};

let serial = 0;

interface Attachment {
  /** Puts the evidence beside an image. */
  attach(image: PublishedImage): Promise<unknown>;
  source(client: RegistryClient): Promise<EvidenceSource>;
  readonly refreshAfter?: number;
}

async function openScene(world: World, policies: 'signed' | 'scanned', { attach, source, refreshAfter = 60_000 }: Attachment): Promise<Scene> {
  const registry = await startRegistry();
  const client = openClient(registry.host);
  const judge = openLine({ policies: world[policies], client, sources: [await source(client)], refreshAfter });
  return {
    strikes: strikesOf(registry),
    async cell() {
      serial += 1;
      const image = await publishImage({ registry: registry.origin, repository: `acme/app-${serial}`, tag: '1.0' });
      await attach(image);
      return { image, judge: (deadline) => judge(image, deadline), close: () => {} };
    },
    async close() {
      await client.close();
      await registry.close();
    },
  };
}

function strikesOf(registry: FakeRegistry): Readonly<Record<Fault, Strike | string>> {
  const evidence = ({ place, digest, imageId }: PublishedImage): RegExp =>
    new RegExp(`^GET /v2/${place.repository}/(?!manifests/${digest}$|blobs/${imageId}$)`);
  const doing =
    (does: Misbehaviour): Strike =>
    (image) =>
      registry.inject({ match: evidence(image), does });
  const status = (code: number): Strike =>
    doing({ kind: 'status', status: code, headers: { 'retry-after': '1' }, body: JSON.stringify({ errors: [{ code: canary, message: canary }] }) });
  return {
    down: doing({ kind: 'reset', after: null }),
    slow: (image) => {
      const { promise, resolve } = Promise.withResolvers<void>();
      const undo = registry.inject({ match: evidence(image), does: { kind: 'hold', until: promise } });
      return () => {
        undo();
        resolve();
      };
    },
    401: status(401),
    403: status(403),
    404: status(404),
    429: status(429),
    500: status(500),
    reset: doing({ kind: 'reset', after: 10 }),
    garbage: doing({ kind: 'garbage' }),
    other: doing({ kind: 'wrongDigest' }),
    endless: ({ place, digest }) => registry.inject({ match: `/v2/${place.repository}/referrers/${digest}`, does: { kind: 'endlessLink' } }),
    junk({ place: { repository }, descriptor: subject }) {
      const stored = registry.content.repository(repository).manifests;
      const before = [...stored];
      for (let i = 0; i < 1_500; i += 1) {
        registry.pushArtifact({ repository, subject, artifactType: 'application/vnd.junk', layers: [], annotations: { number: String(i) } });
      }
      // What is good comes last in the list.
      for (const [digest, manifest] of before) {
        stored.delete(digest);
        stored.set(digest, manifest);
      }
      return () => {
        stored.clear();
        for (const [digest, manifest] of before) stored.set(digest, manifest);
      };
    },
    huge: doing({ kind: 'huge', bytes: 64 * 1024 * 1024 }),
    loop: doing({ kind: 'redirect', location: '{path}' }),
    inward: doing({ kind: 'redirect', location: inside.origin }),
    expired: "it is the image's own registry, which has a section of its own",
  };
}

export async function makeSigner(
  client: RegistryClient,
  entry: { readonly kind: keyof typeof signerKinds } & Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>> = {},
  roots: TrustRoots | null = null,
): Promise<Signer> {
  const kind: SignerKind = signerKinds[entry.kind];
  const signer = await kind.create(kind.settings.parse({ name: 'release', images: ['**'], ...entry }), {
    layouts: createLayouts(client),
    registry: client,
    trustRoots: roots ?? createTrustRoots({ file: filesOf(files), directory: '/nowhere', log: quiet, clock: Date.now }),
    proving,
    ...asking(),
    revoked: { digests: [], keys: [], identities: [] },
    file: filesOf(files),
  });
  if (!signer.ok) throw new Error(signer.fault.message);
  return signer.value;
}

export const byKey = (client: RegistryClient): Promise<Signer> => makeSigner(client, { kind: 'cosign-key', key: key.publicPem });

export const signerScenes: Record<keyof typeof signerKinds, (world: World) => Promise<Scene>> = {
  'cosign-key': (world) => openScene(world, 'signed', { attach: (image) => signLegacy(image, key), source: byKey }),
  async 'cosign-keyless'(world) {
    const sigstore = await makeSigstore();
    const holder = await certify(sigstore, { names: [{ type: 'url', value: identityOf.identity }], issuer: identityOf.issuer });
    const settings = { kind: 'cosign-keyless', ...identityOf, trustedRoot: { file: 'root.json' } } as const;
    return openScene(world, 'signed', {
      attach: (image) => signKeyless(image, sigstore, holder),
      source: (client) => makeSigner(client, settings, { 'root.json': sigstore.trustedRoot }),
    });
  },
  async notation(world) {
    const root = await issueRoot();
    const leaf = await issue({ issuer: root });
    return openScene(world, 'signed', {
      async attach(image) {
        const { mediaType, digest, size } = image.descriptor;
        await pushSignature(image.place, image.descriptor, await envelopeOf(jws, leaf, { mediaType, digest, size }), jws);
      },
      source: (client) => makeSigner(client, { kind: 'notation', trustStoreFile: 'ca.pem', identities: ['*'] }, { 'ca.pem': pemOf(root) }),
    });
  },
};

/** Parts of a scan source that rests on what the one signer attested. */
async function scanParts(client: RegistryClient): Promise<ScanParts> {
  const signer = await byKey(client);
  return partsOf(
    {},
    {
      clock: Date.now,
      registry: client,
      attestations: (_names, about: Subject, digest: Digest, signal) => signer.attestations(about, digest, signal),
    },
  );
}

async function created(outcome: ReturnType<(typeof scanKinds)['referrer']['create']>) {
  const source = await outcome;
  if (!source.ok) throw new Error(source.fault.message);
  return source.value;
}

export const attachedScans = {
  'trivy-attestation': (world: World) =>
    openScene(world, 'scanned', {
      attach: (image) => attest(image, key, vulnPredicateType, vulnPredicate(trivyReport({ imageId: image.imageId })), 'bundle'),
      source: async (client) =>
        created(scanKinds['trivy-attestation'].create({ name: 'scan', kind: 'trivy-attestation', signers: ['release'] }, await scanParts(client))),
    }),
  referrer: (world: World) =>
    openScene(world, 'scanned', {
      async attach(image) {
        const layer = await pushBlob(image.place, Buffer.from(JSON.stringify(trivyReport({ imageId: image.imageId }))), 'application/json');
        await pushReferrer(image.place, image.descriptor, [layer], 'application/json', {});
      },
      source: async (client) =>
        created(scanKinds.referrer.create(scanKinds.referrer.settings.parse({ name: 'scan', kind: 'referrer', unsigned: 'trusted' }), await scanParts(client))),
    }),
};

/** What suppresses the one finding of an image. */
export function openVex({ digest, place }: PublishedImage) {
  const name = place.repository.split('/').at(-1);
  return {
    '@context': 'https://openvex.dev/ns/v0.2.0',
    author: 'Example Security',
    timestamp: '2026-01-01T00:00:00Z',
    statements: [
      {
        vulnerability: { name: 'CVE-2026-0001' },
        products: [{ '@id': `pkg:oci/${name}@${digest.replace(':', '%3A')}` }],
        status: 'not_affected',
        justification: 'component_not_present',
      },
    ],
  };
}

/** A source that has found nothing in any image. */
export const findingFree = (): ReturnType<typeof findingEverywhere> => scanner([]);

/** A source that has that finding of every image. */
export const findingEverywhere = (): ReturnType<typeof scanner> =>
  scanner([
    {
      id: 'CVE-2026-0001',
      package: 'openssl',
      purl: null,
      installed: '3.0.1',
      fixed: '3.0.2',
      severity: 'HIGH',
      severities: {},
      status: 'fixed',
      published: null,
      suppressed: null,
    },
  ]);

function scanner(findings: readonly ScanFinding[]): Parameters<typeof refine>[0] {
  return {
    name: 'scan',
    stage: 'scans',
    kind: 'literal',
    trust: '',
    applies: () => true,
    close: () => {},
    async look({ platforms }) {
      const scans: Finds['scans'] = platforms.map(({ platform, digest }) => ({
        source: 'scan',
        platform,
        digest,
        state: 'evaluated',
        signer: null,
        scanner: 'trivy 0.74.0',
        scannedAt: new Date().toISOString(),
        databaseUpdatedAt: null,
        endOfLife: false,
        counts: { CRITICAL: 0, HIGH: findings.length, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
        findings,
      }));
      return good({ signatures: [], attestations: [], scans, rejected: [], faults: [] });
    },
  };
}

export const vexAttestationScene = (world: World): Promise<Scene> =>
  openScene(world, 'scanned', {
    // Of a finding that nothing speaks against it is not asked at once whether something does by now.
    refreshAfter: 500,
    attach: (image) => attest(image, key, 'https://openvex.dev/ns', openVex(image), 'bundle'),
    async source(client) {
      const vex = await vexKinds.attestation.create({ name: 'notes', kind: 'attestation', signers: ['release'] }, await scanParts(client));
      return refine(findingEverywhere(), { severitySource: 'reported', vex: [vex], ignore: null, clock: Date.now });
    },
  });
