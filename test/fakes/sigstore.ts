/**
 * A private Sigstore, in memory or served over HTTP for the real cosign, and signatures made with it in Node.
 *
 *     const sigstore = await makeSigstore();                                // sigstore.trustedRoot goes into a signer's trustedRoot file
 *     const holder = await certify(sigstore, { names: [{ type: 'url', value: 'https://example.com/me' }], issuer: 'https://idp.example.com' });
 *     await signKeyless(image, sigstore, holder, { layout: 'bundle', log: 2, stamps: [sigstore] });
 */

export type { Authority, CertificateRequest } from './sigstore/authority.ts';
export { utf8String, x509 } from './sigstore/authority.ts';
export { makeSigstore, type Sigstore } from './sigstore/index.ts';
export type { LogEntry } from './sigstore/log.ts';
export { type ServedSigstore, serveSigstore } from './sigstore/server.ts';
export { certify, type Holder, type KeylessOptions, pemOf, signKeyless, signLogged } from './sigstore/sign.ts';
export { writeTrustedRoot } from './sigstore/trustedRoot.ts';
export { startTufRepository, type TufRepository } from './sigstore/tufRepository.ts';
