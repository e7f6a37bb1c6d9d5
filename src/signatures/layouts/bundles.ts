import type { Descriptor } from '../../domain/registry.ts';
import type { Purpose } from '../claim.ts';
import { decodeBundle } from '../decode.ts';
import { signPredicateType } from '../payload.ts';
import { couldNotLook, type Glimpse, nothing, type Reading, together, tooMany } from './reading.ts';

/** `application/vnd.dev.sigstore.bundle.v0.3+json`, and `application/vnd.dev.sigstore.bundle+json;version=0.1` to 0.3 before it. */
const bundleType = /^application\/vnd\.dev\.sigstore\.bundle(?:\.v\d{1,3}\.\d{1,3}\+json|\+json;\s?version=\d{1,3}\.\d{1,3})$/;
const emptyType = 'application/vnd.oci.empty.v1+json';

/**
 * Sigstore bundles among the referrers of the image. What the list says of them decides the order only: go-containerregistry's registry
 * names the type of the configuration there, and its fallback index leaves the annotations out, so each manifest is read.
 * https://github.com/sigstore/cosign/blob/v3.1.3/specs/BUNDLE_SPEC.md
 */
export async function readBundles(reading: Reading): Promise<Glimpse> {
  const { referrers: most } = reading.limits;
  const listed = await reading.referrers();
  if (!listed.ok) return listed.fault.code === 'MANIFEST_UNKNOWN' ? nothing : couldNotLook(listed.fault);
  const { descriptors, faults } = listed.value;
  const likely = descriptors.toSorted((a, b) => unlikeliness(a) - unlikeliness(b));
  const glimpses = await Promise.all(likely.slice(0, most).map((referrer) => readReferrer(reading, referrer)));
  const limited = descriptors.length > most ? [tooMany('referrers', most)] : [];
  const all = together([...glimpses, { ...nothing, faults: [...faults, ...limited] }]);
  // An empty list with a fault beside it is half an answer: the registry said what it has one way, and nothing the other.
  return { ...all, looked: descriptors.length > 0 || faults.length === 0 };
}

function unlikeliness({ artifactType }: Descriptor): number {
  if (artifactType !== null && bundleType.test(artifactType)) return 0;
  return artifactType === null || artifactType === emptyType ? 1 : 2;
}

async function readReferrer(reading: Reading, referrer: Descriptor): Promise<Glimpse> {
  const manifest = await reading.manifest({ digest: referrer.digest });
  // A list may still name what is deleted.
  if (!manifest.ok) return manifest.fault.code === 'MANIFEST_UNKNOWN' ? nothing : { ...nothing, faults: [manifest.fault] };
  const { layers, annotations } = manifest.value;
  const bundles = layers.filter(({ mediaType }) => bundleType.test(mediaType));
  const most = reading.limits.layers;
  const purpose = presentedAs(annotations['dev.sigstore.bundle.predicateType'], bundles, reading.limits.signature);
  const glimpses = await Promise.all(bundles.slice(0, most).map((layer) => readBundle(reading, layer, purpose)));
  return together([...glimpses, { ...nothing, faults: bundles.length > most ? [tooMany('bundles in one referrer', most)] : [] }]);
}

/** What the sender says it is, for the bound on its size. Whether it is one is said by the statement that was signed. */
function presentedAs(predicateType: string | undefined, bundles: readonly Descriptor[], longest: number): Purpose {
  if (predicateType === undefined) return bundles.some(({ size }) => size > longest) ? 'attestation' : 'signature';
  return predicateType === signPredicateType ? 'signature' : 'attestation';
}

async function readBundle(reading: Reading, layer: Descriptor, purpose: Purpose): Promise<Glimpse> {
  const blob = await reading.blob(layer, purpose);
  if (!blob.ok) return { ...nothing, faults: [blob.fault] };
  const claim = decodeBundle(layer.digest, blob.value, purpose);
  if (claim.ok) return { ...nothing, claims: [claim.value] };
  return { ...nothing, malformed: [{ layout: 'bundle', purpose, blob: layer.digest, reason: claim.fault.message }] };
}
