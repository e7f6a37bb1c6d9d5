import type { Digest } from '../../domain/digest.ts';
import { bad, type Fault, good, type Outcome } from '../../domain/fault.ts';
import { property, text, textMap } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { algorithmOf } from './algorithm.ts';
import { type Certificate, isLinked, readCertificate } from './certificate.ts';
import { findChainFault } from './chain.ts';
import type { Envelope } from './envelope.ts';
import { type Attributes, hasIdentity, readSubject, type Subject } from './subject.ts';
import { type Action, actions, type Check, type Level, payloadType, type StoreType, storeTypeOf } from './terms.ts';
import { verifyTimestamp } from './timestamp.ts';

/** What a signer trusts. */
export interface Trust {
  readonly store: readonly Certificate[];
  readonly storeType: StoreType;
  /** null: whoever the store vouches for. */
  readonly identities: readonly Attributes[] | null;
  readonly level: Exclude<Level, 'skip'>;
  /** Instead of what the level says. */
  readonly revocation: Action | null;
  /** Roots of timestamp authorities; null where no timestamp is asked for. */
  readonly timestampRoots: readonly Certificate[] | null;
  /** Whether a timestamp is asked for always, or only once a certificate has expired. */
  readonly verifyTimestamp: 'always' | 'afterCertExpiry';
  readonly revokedKeys: ReadonlySet<string>;
  readonly revokedIdentities: ReadonlySet<string>;
}

/** What a signature must be about. */
export interface Target {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

export interface Verified {
  /** The signing certificate's subject. */
  readonly identity: string;
  /** Milliseconds since the epoch, where somebody trusted vouches for it. */
  readonly signedAt: number | null;
  readonly annotations: Readonly<Record<string, string>>;
  /** What failed and was only to be logged, and why. */
  readonly failures: Readonly<Partial<Record<Check, string>>>;
}

/**
 * Verifies a signature, step by step: https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#steps
 * SIGNER_MISMATCH when it is somebody else's, else SIGNATURE_INVALID.
 */
export async function verifyEnvelope(envelope: Envelope, target: Target, trust: Trust, now: number): Promise<Outcome<Verified>> {
  try {
    return await verifySteps(envelope, target, trust, now);
  } catch (cause) {
    return refuse('it can not be verified', cause);
  }
}

async function verifySteps(envelope: Envelope, target: Target, trust: Trust, now: number): Promise<Outcome<Verified>> {
  const trusted = envelope.chain.some((der) => trust.store.some((each) => each.der.equals(der)));
  // Nothing that a stranger wrote is looked at further: a chain is easily made.
  if (!trusted) return bad('SIGNER_MISMATCH', 'none of its certificates is in the trust store');
  // And a trusted certificate is public: what else comes with it is parsed in full only once it is known to belong to it.
  if (!isLinked(envelope.chain)) return refuse('its certificates do not sign each other, up to a root that signs itself');
  const chain = envelope.chain.map(readCertificate);
  const [leaf] = chain;
  if (leaf === undefined) return refuse('it has no certificate');
  if (algorithmOf(leaf.key) !== envelope.algorithm) return refuse('its algorithm is not the one for its key');
  if (!(await envelope.verify(leaf.key))) return refuse('the signature does not fit what is signed');
  const wrong = findChainFault(chain, 'codeSigning');
  if (wrong !== null) return refuse(wrong);
  const annotations = readPayload(envelope, target);
  if (!annotations.ok) return annotations;
  const subject = readSubject(leaf.subject);
  const stranger = findStranger(envelope, chain, subject, trust);
  if (stranger !== null) return { ok: false, fault: stranger };

  const time = await findTime(envelope, chain, trust, now);
  const failed: Readonly<Record<Check, Fault | null>> = {
    expiry: hasExpired(envelope, now),
    authenticTimestamp: time.fault,
    revocation: isUnknown([...chain, ...time.chain]),
  };
  const failures: Partial<Record<Check, string>> = {};
  for (const check of ['expiry', 'authenticTimestamp', 'revocation'] as const) {
    const action = check === 'revocation' ? (trust.revocation ?? actions[trust.level].revocation) : actions[trust.level][check];
    const found = failed[check];
    if (found === null || action === 'skip') continue;
    if (action === 'enforce') return { ok: false, fault: found };
    failures[check] = found.message;
  }
  return good({ identity: subject.text, signedAt: time.signedAt, annotations: annotations.value, failures });
}

/** https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#payload */
function readPayload({ contentType, payload }: Envelope, target: Target): Outcome<Readonly<Record<string, string>>> {
  if (contentType !== payloadType) return refuse(`what is signed is not of the type ${payloadType}`);
  const said: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload));
  const artifact = property(said, 'targetArtifact');
  if (text(property(artifact, 'digest')) !== target.digest) return refuse('it is about another image');
  if (property(artifact, 'size') !== target.size) return refuse('it is about an image of another size');
  if (text(property(artifact, 'mediaType')) !== target.mediaType) return refuse('it is about an image of another media type');
  return good(textMap(property(artifact, 'annotations')));
}

/** Why the certificates, although they are in order, are not the signer's. */
function findStranger({ attributes }: Envelope, chain: readonly Certificate[], subject: Subject, trust: Trust): Fault | null {
  const needed = storeTypeOf[attributes.scheme];
  if (needed !== trust.storeType) return mismatch(`its signing scheme ${attributes.scheme} needs a trust store of type ${needed}`);
  if (trust.identities !== null && !trust.identities.some((identity) => hasIdentity(subject, identity))) {
    return mismatch(`it is by ${safeText(subject.text, 255)}, which is none of the identities`);
  }
  if (chain.some(({ keyId }) => trust.revokedKeys.has(keyId))) return invalid('one of its certificates has a key that is revoked');
  if (trust.revokedIdentities.has(subject.text)) return invalid('its identity is revoked');
  return null;
}

interface FoundTime {
  readonly fault: Fault | null;
  readonly signedAt: number | null;
  /** Of the timestamp authority. */
  readonly chain: readonly Certificate[];
}

/** When it was signed, as far as somebody vouches for it, and whether all certificates were valid then; else they have to be valid now. */
async function findTime({ attributes, timestamp, signature }: Envelope, chain: readonly Certificate[], trust: Trust, now: number): Promise<FoundTime> {
  const unknown = (fault: Fault | null): FoundTime => ({ fault, signedAt: null, chain: [] });
  if (attributes.scheme === 'notary.x509.signingAuthority') {
    const at = attributes.signingTime;
    const fault =
      at > now
        ? invalid('it was signed in the future')
        : chain.every((each) => isValid(each, at, at))
          ? null
          : invalid('a certificate was not valid when it was signed');
    return { fault, signedAt: at, chain: [] };
  }
  const validNow = chain.every((each) => isValid(each, now, now));
  const asked = trust.timestampRoots !== null && (trust.verifyTimestamp === 'always' || chain.some(({ notAfter }) => now > notAfter));
  if (trust.timestampRoots === null || !asked)
    return unknown(validNow ? null : invalid('one of its certificates is not valid now, and no timestamp is asked for'));
  if (timestamp === null) return unknown(invalid('it has no timestamp'));
  const stamped = await verifyTimestamp(timestamp, signature, trust.timestampRoots).catch((cause: unknown) => refuse('its timestamp can not be read', cause));
  if (!stamped.ok) return unknown(stamped.fault);
  const { at, earliest, latest } = stamped.value;
  if (earliest > now) return unknown(invalid('its timestamp is of the future'));
  const fault = chain.every((each) => isValid(each, earliest, latest)) ? null : invalid('a certificate was not valid at the time of its timestamp');
  return { fault, signedAt: at, chain: stamped.value.chain };
}

function isValid({ notBefore, notAfter }: Certificate, earliest: number, latest: number): boolean {
  return notBefore <= earliest && latest <= notAfter;
}

function hasExpired({ attributes: { expiry } }: Envelope, now: number): Fault | null {
  return expiry !== null && expiry <= now ? invalid(`it expired at ${new Date(expiry).toISOString()}`) : null;
}

/** A certificate that names no place to ask can't be revoked; of all others nothing is known, since nobody is asked. A root answers for itself. */
function isUnknown(chain: readonly Certificate[]): Fault | null {
  const asked = chain.filter(({ revocable, subject, issuer }) => revocable && !subject.equals(issuer));
  return asked.length === 0 ? null : invalid('a certificate may be revoked: it names a CRL or OCSP responder, and these are not asked');
}

function invalid(message: string): Fault {
  return { code: 'SIGNATURE_INVALID', message, transient: false };
}

function mismatch(message: string): Fault {
  return { code: 'SIGNER_MISMATCH', message, transient: false };
}

function refuse(why: string, cause?: unknown): Outcome<never> {
  return bad('SIGNATURE_INVALID', why, cause === undefined ? {} : { cause });
}
