/** Words of the Notary Project: https://github.com/notaryproject/specifications/tree/v1.1.0/specs */

/** `artifactType` of a signature's manifest, and the media type of its configuration where no artifact type is given. */
export const artifactType = 'application/vnd.cncf.notary.signature';
export const jwsType = 'application/jose+json';
export const coseType = 'application/cose';
/** Content type of the signed payload. */
export const payloadType = 'application/vnd.cncf.notary.payload.v1+json';

export const headers = {
  signingScheme: 'io.cncf.notary.signingScheme',
  signingTime: 'io.cncf.notary.signingTime',
  authenticSigningTime: 'io.cncf.notary.authenticSigningTime',
  expiry: 'io.cncf.notary.expiry',
  verificationPlugin: 'io.cncf.notary.verificationPlugin',
  timestampSignature: 'io.cncf.notary.timestampSignature',
  signingAgent: 'io.cncf.notary.signingAgent',
} as const;

export type SigningScheme = 'notary.x509' | 'notary.x509.signingAuthority';

/** Which kind of trust store a scheme needs. https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signing-scheme.md */
export const storeTypes = ['ca', 'signingAuthority'] as const;
export type StoreType = (typeof storeTypes)[number];
export const storeTypeOf: Readonly<Record<SigningScheme, StoreType>> = { 'notary.x509': 'ca', 'notary.x509.signingAuthority': 'signingAuthority' };

export const levels = ['strict', 'permissive', 'audit', 'skip'] as const;
export type Level = (typeof levels)[number];

/** What a level may only log. Integrity and authenticity are not among them: what fails there is never a signer's signature. */
export type Check = 'expiry' | 'authenticTimestamp' | 'revocation';
export type Action = 'enforce' | 'log' | 'skip';

/** https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#signature-verification-details */
export const actions: Readonly<Record<Exclude<Level, 'skip'>, Readonly<Record<Check, Action>>>> = {
  strict: { expiry: 'enforce', authenticTimestamp: 'enforce', revocation: 'enforce' },
  permissive: { expiry: 'log', authenticTimestamp: 'log', revocation: 'log' },
  audit: { expiry: 'log', authenticTimestamp: 'log', revocation: 'log' },
};

/** Bounds on what strangers may attach. ASN.1 of a megabyte blocks the event loop for 0.7 s. */
export const limits = { envelope: 128 * 1024, certificate: 16 * 1024, chain: 10, timestamp: 32 * 1024, timestampCertificates: 10 } as const;
