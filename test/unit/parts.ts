import { createHash } from 'node:crypto';
import type { Digest } from '../../src/domain/digest.ts';
import type { Evidence, JudgedImage, VerifiedSignature } from '../../src/domain/evidence.ts';
import { bad, good } from '../../src/domain/fault.ts';
import { repositoryName } from '../../src/domain/image.ts';
import type { Manifest, Registry } from '../../src/domain/registry.ts';

/** A digest that a name always gives. */
export function digestOf(name: string): Digest {
  return `sha256:${createHash('sha256').update(name).digest('hex')}`;
}

export function manifestOf(name: string, more: Partial<Manifest> = {}): Manifest {
  return {
    kind: 'image',
    digest: digestOf(name),
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    size: 500,
    artifactType: null,
    config: {
      mediaType: 'application/vnd.oci.image.config.v1+json',
      digest: digestOf(`${name}/config`),
      size: 200,
      artifactType: null,
      annotations: {},
      platform: null,
    },
    layers: [],
    manifests: [],
    subject: null,
    annotations: {},
    ...more,
  };
}

/** A registry of literals: `registry/repository` to tags and digests. `down` makes it unreachable; `asked` lists what it was asked. */
export function literalRegistry(content: Record<string, { tags?: Record<string, string>; images: readonly string[] }>) {
  const state = { down: new Set<string>(), asked: [] as string[] };
  const registry: Registry = {
    async manifest(repository, reference) {
      const name = repositoryName(repository);
      state.asked.push(`manifest ${name} ${'tag' in reference ? reference.tag : reference.digest}`);
      if (state.down.has(repository.registry)) return bad('REGISTRY_UNAVAILABLE', `${repository.registry} is down`);
      const here = content[name];
      const image = 'tag' in reference ? here?.tags?.[reference.tag] : here?.images.find((candidate) => digestOf(candidate) === reference.digest);
      return image === undefined ? bad('MANIFEST_UNKNOWN', `${name} has none`) : good(manifestOf(image));
    },
    async has(repository, digest) {
      const name = repositoryName(repository);
      state.asked.push(`has ${name} ${digest}`);
      if (state.down.has(repository.registry)) return bad('REGISTRY_UNAVAILABLE', `${repository.registry} is down`);
      return good(content[name]?.images.some((candidate) => digestOf(candidate) === digest) ?? false);
    },
    async blob(repository) {
      if (state.down.has(repository.registry)) return bad('REGISTRY_UNAVAILABLE', `${repository.registry} is down`);
      return good(Buffer.from(JSON.stringify({ os: 'linux', architecture: 'amd64', created: '2026-01-01T00:00:00Z', config: { User: '1000' } })));
    },
    async referrers() {
      return good({ descriptors: [], faults: [] });
    },
  };
  return { registry, ...state };
}

export const emptyEvidence: Evidence = { platforms: [], signatures: [], attestations: [], scans: [], rejected: [], faults: [], lastKnownGood: [], dark: [] };

export function signatureBy(signer: string): VerifiedSignature {
  return {
    signer,
    kind: 'cosign-key',
    layout: 'bundle',
    keyId: 'a'.repeat(64),
    issuer: null,
    identity: null,
    claims: {},
    signedAt: null,
    subject: 'manifest',
    annotations: {},
    signedRepository: null,
  };
}

export function judgedImage(more: Partial<JudgedImage> = {}): JudgedImage {
  return {
    container: { container: 'web', role: 'container', path: '/spec/containers/0/image', pullPolicy: null, written: 'nginx:1.27' },
    reference: { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: digestOf('nginx') },
    admitted: `docker.io/library/nginx:1.27@${digestOf('nginx')}`,
    pinned: true,
    mirror: null,
    mirrorMissing: null,
    evidence: emptyEvidence,
    ...more,
  };
}
