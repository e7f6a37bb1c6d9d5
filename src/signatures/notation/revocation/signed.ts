import * as asn1js from 'asn1js';
import * as pkijs from 'pkijs';
import { type Certificate, isSound } from '../certificate.ts';

/** Whether a certificate's key signed something, with an algorithm that is still believed. Never rejects. */
export async function isSignedWith(
  signed: Uint8Array,
  algorithm: pkijs.AlgorithmIdentifier,
  signature: asn1js.BitString,
  { key }: Pick<Certificate, 'key'>,
): Promise<boolean> {
  try {
    if (!isSound(algorithm)) return false;
    const spki = pkijs.PublicKeyInfo.fromBER(key.export({ type: 'spki', format: 'der' }));
    return await pkijs.getCrypto(true).verifyWithPublicKey(new Uint8Array(signed), signature, spki, algorithm);
  } catch {
    return false;
  }
}

/** A time as certificates and lists have it (RFC 5280 section 5.1.2.4). Throws on what is none. */
export function readTime(der: Uint8Array): Date {
  const { result } = asn1js.fromBER(der);
  if (result instanceof asn1js.UTCTime || result instanceof asn1js.GeneralizedTime) return result.toDate();
  throw new TypeError('no time');
}
