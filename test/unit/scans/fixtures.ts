import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Digest, parseDigest } from '../../../src/domain/digest.ts';
import type { Finds, PlatformImage, Scan, Subject, VerifiedAttestation } from '../../../src/domain/evidence.ts';
import { noFinds } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { ownAccess, type Registry } from '../../../src/domain/registry.ts';
import type { ScanParts } from '../../../src/scans/index.ts';

const now = Date.parse('2026-11-24T20:00:00Z');

export function digestOf(text: string): Digest {
  const parsed = parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`);
  if (!parsed.ok) throw new Error(parsed.fault.message);
  return parsed.value;
}

export const amd64: PlatformImage = platform('linux/amd64');
export const arm64: PlatformImage = platform('linux/arm64');

/** What an image's one layer is called, as it is pulled and as it is unpacked. */
export function layerOf(name: string) {
  return { Digest: digestOf(`layer ${name}`), DiffID: digestOf(`unpacked layer ${name}`) };
}

function hashOf(digest: string): string {
  return createHash('sha256').update(digest).digest('hex');
}

export function platform(name: string): PlatformImage {
  const { Digest: layer, DiffID: diffId } = layerOf(name);
  return {
    platform: name,
    digest: digestOf(`manifest ${name}`),
    imageId: digestOf(`config ${name}`),
    created: null,
    user: null,
    labels: {},
    annotations: {},
    rootfs: { layers: hashOf(layer), diffIds: hashOf(diffId) },
  };
}

/** An index of the given platforms, or one platform's image alone. */
export function subjectOf(...platforms: readonly PlatformImage[]): Subject {
  const index = platforms.length !== 1;
  const digest = index ? digestOf('index') : (platforms[0] ?? amd64).digest;
  return {
    image: { registry: 'registry.test', repository: 'acme/app', tag: '1', digest },
    repositories: [{ registry: 'registry.test', repository: 'acme/app' }],
    manifest: {
      kind: index ? 'index' : 'image',
      digest,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      size: 1,
      artifactType: null,
      config: null,
      layers: [],
      manifests: [],
      subject: null,
      annotations: {},
    },
    platforms,
    access: ownAccess,
  };
}

/** A report as `trivy image --format json` writes it, less what nobody reads. */
export function report(image: PlatformImage, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const [os, architecture] = image.platform.split('/');
  return {
    SchemaVersion: 2,
    CreatedAt: '2026-11-24T10:00:00.123456789Z',
    ArtifactName: 'registry.test/acme/app:1',
    ArtifactType: 'container_image',
    Trivy: { Version: '0.74.0' },
    Metadata: {
      OS: { Family: 'debian', Name: '12.5' },
      ImageID: image.imageId,
      RepoTags: ['registry.test/acme/app:1'],
      RepoDigests: [`registry.test/acme/app@${digestOf('index')}`, `registry.test/acme/app@${image.digest}`],
      ImageConfig: { architecture, os, created: '2026-01-01T00:00:00Z', rootfs: { type: 'layers', diff_ids: [] } },
    },
    Results: [{ Target: 'app (debian 12.5)', Class: 'os-pkgs', Type: 'debian', Packages: [], Vulnerabilities: [vulnerability()] }],
    ...changes,
  };
}

export function vulnerability(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    VulnerabilityID: 'CVE-2026-0001',
    PkgName: 'openssl',
    PkgIdentifier: { PURL: 'pkg:deb/debian/openssl@3.0.1?arch=amd64&distro=debian-12.5', UID: 'abc' },
    InstalledVersion: '3.0.1',
    FixedVersion: '3.0.2',
    Status: 'fixed',
    SeveritySource: 'debian',
    Severity: 'HIGH',
    VendorSeverity: { debian: 3, nvd: 4 },
    ...changes,
  };
}

export function predicate(result: unknown, at = '2026-11-24T10:00:00Z'): Record<string, unknown> {
  return {
    invocation: { parameters: null, uri: '', event_id: '', builder: { id: '' } },
    scanner: { uri: 'pkg:github/aquasecurity/trivy@0.74.0', version: '0.74.0', db: { uri: '', version: '' }, result },
    metadata: { scanStartedOn: at, scanFinishedOn: at },
  };
}

export function attestation(subject: Digest, value: unknown, changes: Partial<VerifiedAttestation> = {}): VerifiedAttestation {
  return {
    signer: 'ci',
    kind: 'cosign-key',
    predicateType: 'https://cosign.sigstore.dev/attestation/vuln/v1',
    predicate: value,
    signedAt: null,
    subject,
    ...changes,
  };
}

export interface Logged {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** Parts whose attestations lie ready by digest. */
export function partsOf(attached: Readonly<Record<string, Outcome<Finds>>> = {}, changes: Partial<ScanParts> = {}): ScanParts & { readonly logged: Logged[] } {
  const logged: Logged[] = [];
  return {
    attestations: async (_signers, _subject, digest) => attached[digest] ?? good(noFinds),
    signatures: async () => good(noFinds),
    signerTrust: (names) => names.join(' '),
    registry: emptyRegistry,
    resolvePath: (path) => path,
    file: async (path) => good(new Uint8Array(readFileSync(path))),
    places: (image) => [image],
    cluster: null,
    clock: () => now,
    log: { warn: (fields, message) => logged.push({ fields, message }) },
    logged,
    ...changes,
  };
}

const none = async () => bad('MANIFEST_UNKNOWN', 'there is none');

/** A registry that holds nothing. */
const emptyRegistry: Registry = {
  manifest: none,
  has: async () => good(false),
  blob: none,
  referrers: async () => good({ descriptors: [], faults: [] }),
};

export function states(outcome: Outcome<Finds>): readonly string[] {
  if (!outcome.ok) return [outcome.fault.code];
  return outcome.value.scans.map((scan: Scan) => `${scan.platform} ${scan.state}`);
}
