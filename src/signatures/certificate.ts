import { createPublicKey } from 'node:crypto';
import { ASN1Obj, X509Certificate } from '@sigstore/core';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type FulcioExtensions, fulcioArc, readFulcioExtensions } from './fulcio.ts';
import { type TrustedKey, trustKey } from './keys.ts';

/** What a signing certificate says of itself. Nothing of it is believed before its chain is verified. */
export interface SigningCertificate extends FulcioExtensions {
  readonly der: Buffer;
  readonly parsed: X509Certificate;
  readonly key: TrustedKey;
  /** All subject alternative names, as text: e-mail addresses, URIs, DNS names, Fulcio's user names. */
  readonly identities: readonly string[];
}

const subjectAltName = '2.5.29.17';
const extendedKeyUsage = '2.5.29.37';
const codeSigning = '1.3.6.1.5.5.7.3.3';
/** Fulcio's name for a user that is neither an address nor a URI. */
const userName = `${fulcioArc}7`;

/** Extensions that this verifier, or sigstore-js below it, takes into account: key usage, SAN, basic constraints, extended key usage. */
const understood: ReadonlySet<string> = new Set(['2.5.29.15', subjectAltName, '2.5.29.19', extendedKeyUsage]);

const mostIdentities = 16;
const longestIdentity = 2048;

/**
 * Reads a certificate in DER, of at most 16 KB. https://www.rfc-editor.org/rfc/rfc5280#section-4.2
 *
 * @returns SIGNATURE_INVALID where it is none, or one that must not sign: an authority's, or one for other purposes than signing code
 */
export function readCertificate(der: Buffer): Outcome<SigningCertificate> {
  try {
    const parsed = X509Certificate.parse(Buffer.from(der));
    // sigstore-js parses what it is asked for, and throws then: whatever a later step asks for is asked for here.
    if (Number.isNaN(parsed.notBefore.getTime()) || Number.isNaN(parsed.notAfter.getTime())) {
      return bad('SIGNATURE_INVALID', 'its certificate has a validity that is no time');
    }
    const extensions = readExtensions(parsed);
    if (extensions === null) return bad('SIGNATURE_INVALID', 'its certificate has an extension twice, or a critical one that nobody here understands');
    if (parsed.extBasicConstraints?.isCA === true) return bad('SIGNATURE_INVALID', 'its certificate is an authority, and none that signs code');
    const usages = extensions.get(extendedKeyUsage);
    if (usages !== undefined && !sequence(usages).some((usage) => usage.tag.isOID() && usage.toOID() === codeSigning)) {
      return bad('SIGNATURE_INVALID', 'its certificate is not for signing code (extended key usage)');
    }
    const names = extensions.get(subjectAltName);
    const identities = names === undefined ? [] : sequence(names).flatMap(readName);
    if (identities.length > mostIdentities || identities.some((identity) => identity.length > longestIdentity)) {
      return bad('SIGNATURE_INVALID', `its certificate has more than ${mostIdentities} names, or one longer than ${longestIdentity}`);
    }
    const key = trustKey(createPublicKey({ key: parsed.publicKey, format: 'der', type: 'spki' }));
    if (!key.ok) return bad('SIGNATURE_INVALID', `its certificate has an unusable key: ${key.fault.message}`);
    const fulcio = readFulcioExtensions(extensions);
    if (fulcio === null) return bad('SIGNATURE_INVALID', 'its certificate names two different issuers');
    return good({ der, parsed, key: key.value, identities, ...fulcio });
  } catch (cause) {
    return bad('SIGNATURE_INVALID', 'its certificate can not be read', { cause });
  }
}

/** The values of all extensions by OID; null where one is there twice, or is critical and unknown: RFC 5280 forbids both. */
function readExtensions({ extensions }: X509Certificate): ReadonlyMap<string, Buffer> | null {
  const values = new Map<string, Buffer>();
  for (const { subs } of extensions) {
    const [oid, second] = subs;
    const value = subs.at(-1);
    if (oid === undefined || value === undefined || !value.tag.isOctetString()) return null;
    const name = oid.toOID();
    const critical = second?.tag.isBoolean() === true && second.toBoolean();
    if (values.has(name) || (critical && !understood.has(name))) return null;
    values.set(name, value.value);
  }
  return values;
}

function sequence(der: Buffer): readonly ASN1Obj[] {
  return ASN1Obj.parseBuffer(Buffer.from(der)).subs;
}

/**
 * A GeneralName that is text. sigstore-js tells only one of them, and reads it as 7-bit ASCII with the highest bit cut off, so that
 * other bytes turn into letters: what is not ASCII is no name here.
 */
function readName(name: ASN1Obj): readonly string[] {
  if (name.tag.isContextSpecific(0)) {
    const [oid, wrapped] = name.subs;
    if (oid?.toOID() !== userName) return [];
    const value = wrapped?.subs[0]?.value;
    return value === undefined ? [] : [new TextDecoder('utf-8', { fatal: true }).decode(value)];
  }
  const isText = name.tag.isContextSpecific(1) || name.tag.isContextSpecific(2) || name.tag.isContextSpecific(6);
  return isText && name.value.every((byte) => byte > 0x20 && byte < 0x7f) ? [name.value.toString('latin1')] : [];
}
