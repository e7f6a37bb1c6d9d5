import { createHash } from 'node:crypto';
import { ASN1Obj } from '@sigstore/core';
import { initializeTSA } from '@sigstore/mock';
import { makeKey } from '../publish.ts';

/** A timestamp authority (RFC 3161). */
export interface StampAuthority {
  /** The certificate that signs, and the root above it, DER. */
  readonly chain: readonly Buffer[];
  /** Answers a request in DER with a response in DER. */
  answer(request: Uint8Array): Promise<Buffer>;
  /** A response about some bytes. */
  stamp(bytes: Uint8Array): Promise<Buffer>;
}

const sha256Oid = '2.16.840.1.101.3.4.2.1';
const policyOid = '1.3.6.1.4.1.57264.2';

export async function makeStampAuthority(): Promise<StampAuthority> {
  const pair = makeKey();
  const authority = await initializeTSA({ publicKey: pair.publicKey, privateKey: pair.privateKey });
  // Whole seconds, as Sigstore's own authority writes them: sigstore-js reads no other fraction than one of three digits.
  Object.assign(authority, { getCurrentTime: () => new Date(Math.floor(Date.now() / 1000) * 1000) });
  const timestamp = async (artifactHash: Buffer, hashAlgorithmOID: string, nonce: number, certReq: boolean): Promise<Buffer> => {
    const { buffer, byteOffset, byteLength } = await authority.timestamp({ artifactHash, hashAlgorithmOID, nonce, policyOID: policyOid, certReq });
    return Buffer.from(buffer, byteOffset, byteLength);
  };
  return {
    chain: [authority.intCertificate, authority.rootCertificate].map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength)),
    answer(request) {
      const [, imprint, ...rest] = ASN1Obj.parseBuffer(Buffer.from(request)).subs;
      const nonce = rest.find(({ tag }) => tag.isInteger())?.toInteger() ?? 1n;
      const wantsCertificates = rest.some(({ tag, value }) => tag.isBoolean() && value[0] !== 0);
      return timestamp(imprint?.subs[1]?.value ?? Buffer.alloc(0), imprint?.subs[0]?.subs[0]?.toOID() ?? '', Number(nonce), wantsCertificates);
    },
    stamp: (bytes) => timestamp(createHash('sha256').update(bytes).digest(), sha256Oid, 1, true),
  };
}
