/**
 * Publishes small images to any OCI registry and signs them in Node, without cosign, in the very forms that cosign writes.
 *
 *     const at = { registry: 'http://127.0.0.1:5000', repository: 'acme/web' };
 *     const image = await publishImage({ ...at, tag: '1.0' });              // or platforms: ['linux/amd64', 'linux/arm64'] for an index
 *     const key = makeKey('p256');                                         // key.publicPem goes into a signer's `key`
 *     await signLegacy(image, key);                                        // tag sha256-HEX.sig
 *     await signBundle(image, key, { annotations: { env: 'prod' } });      // Sigstore bundle as a referrer (API or fallback tag)
 *     const report = trivyReport({ imageId: image.imageId, findings: [{ id: 'CVE-2026-1', severity: 'CRITICAL' }] });
 *     await attest(image, key, vulnPredicateType, vulnPredicate(report), 'bundle');
 *
 * `image.digest` is what a reference pins, `image.imageId` the config digest of its first platform, `image.platforms` all of them.
 * Everything rejects on a registry's refusal: these are tools for tests, the demo and benchmarks.
 */

export { type ImageOptions, type PublishedImage, publishImage } from './publish/image.ts';
export { type KeyKind, type KeyPair, makeKey, signBytes } from './publish/keys.ts';
export { appendLayers, getManifest, type Place, pushBlob, pushManifest, pushReferrer, type RegistryDescriptor } from './publish/push.ts';
export { attest, bundleOf, envelope, legacyPayload, type SignOptions, signBundle, signLegacy, statement } from './publish/sign.ts';
export { type ReportFinding, trivyReport, vulnPredicate, vulnPredicateType } from './publish/trivy.ts';
