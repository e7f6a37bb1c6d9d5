import type { EvidenceSource, Subject } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import { formatReference, type ImageReference, type PinnedReference, repositoryName } from '../domain/image.ts';
import { type Descriptor, type Manifest, ownAccess, type Registry } from '../domain/registry.ts';
import { safeText } from '../domain/text.ts';
import { longestBundle } from './bundle.ts';
import type { BundleOrigin } from './origin.ts';

export interface OciOriginOptions {
  readonly reference: ImageReference;
  readonly registry: Registry;
  /** Any of whom must have signed it; empty: its own signature is all that is asked for. */
  readonly signers: readonly EvidenceSource[];
  /** Digests that are never used: of the manifest, or of the bundle in it. */
  readonly revoked: ReadonlySet<string>;
  /** Hash of all that the signers' trust consists of. */
  readonly trust: string;
}

/**
 * What OPA, oras and crane give the layer that is the bundle:
 * https://www.openpolicyagent.org/docs/management-bundles#oci-registries
 */
const layerTypes: ReadonlySet<string> = new Set(['application/vnd.oci.image.layer.v1.tar+gzip', 'application/vnd.docker.image.rootfs.diff.tar.gzip']);

/**
 * A policy bundle in an OCI registry: a manifest whose only layer is the bundle. Faults: those of the registry, MANIFEST_INVALID for another kind of content,
 * SIGNATURE_INVALID when it is revoked or nobody signed it whose signature counts.
 */
export function createOciOrigin({ reference, registry, signers, revoked, trust }: OciOriginOptions): BundleOrigin {
  const name = `oci://${formatReference(reference)}`;
  return {
    name,
    pinned: reference.digest !== null,
    trust,
    async fetch(known, signal) {
      const { digest, tag } = reference;
      if (digest !== null && digest === known) return good('unchanged');
      const call = { signal, access: ownAccess };
      const manifest = await registry.manifest(reference, digest === null ? { tag: tag ?? 'latest' } : { digest }, call);
      if (!manifest.ok) return manifest;
      if (manifest.value.digest === known) return good('unchanged');
      const layer = bundleLayer(manifest.value, name);
      if (!layer.ok) return layer;
      const refused = [manifest.value.digest, layer.value.digest].find((each) => revoked.has(each));
      if (refused !== undefined) return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${refused} is revoked`);
      const distrust = await faultOfSigners(signers, { ...reference, digest: manifest.value.digest }, manifest.value, signal);
      if (distrust !== null) return { ok: false, fault: distrust };
      const bytes = await registry.blob(reference, layer.value, longestBundle, call);
      return bytes.ok ? good({ bytes: bytes.value, version: manifest.value.digest }) : bytes;
    },
  };
}

function bundleLayer({ kind, layers }: Manifest, name: string): Outcome<Descriptor> {
  const [layer, ...others] = layers;
  if (kind === 'image' && layer !== undefined && others.length === 0 && layerTypes.has(layer.mediaType)) return good(layer);
  return bad(
    'MANIFEST_INVALID',
    `${name} is no policy bundle: it has not exactly one layer, or one of another kind than application/vnd.oci.image.layer.v1.tar+gzip`,
  );
}

/** null: one of them signed it. */
async function faultOfSigners(signers: readonly EvidenceSource[], image: PinnedReference, manifest: Manifest, signal: AbortSignal): Promise<Fault | null> {
  if (signers.length === 0) return null;
  const names = signers.map((signer) => signer.name).join(', ');
  const able = signers.filter((signer) => signer.applies(image));
  if (able.length === 0) {
    const why = `no signature by ${names} counts for ${repositoryName(image)}; add it to the images of the signer`;
    return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${why}`).fault;
  }
  const subject: Subject = { image, repositories: [image], manifest, platforms: [], access: ownAccess };
  const looks = await Promise.all(able.map((signer) => signer.look(subject, signal)));
  if (looks.some((look) => look.ok && look.value.signatures.length > 0)) return null;
  // Where it could not be seen, "nobody signed it" would be wrong.
  const [unseen] = looks.flatMap((look) => (look.ok ? look.value.faults : [look.fault]));
  if (unseen !== undefined) return unseen;
  const [rejected] = looks.flatMap((look) => (look.ok ? look.value.rejected : []));
  const because = rejected === undefined ? '' : `: ${safeText(rejected.message, 300)}`;
  return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${image.digest} is not signed by ${names}${because}`).fault;
}
