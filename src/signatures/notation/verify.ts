import type { Digest } from '../../domain/digest.ts';
import { bad, type Fault, good, type Outcome } from '../../domain/fault.ts';
import { property, text, textMap } from '../../domain/json.ts';
import { safeText } from '../../domain/text.ts';
import { algorithmOf } from './algorithm.ts';
import { type Certificate, isLinked, readCertificate } from './certificate.ts';
import { findChainFault } from './chain.ts';
import type { Envelope } from './envelope.ts';
import type { Checked, CheckRevocation } from './revocation/check.ts';
import { type Attributes, hasIdentity, readSubject, type Subject } from './subject.ts';
import { type Action, actions, type Check, type Level, payloadType, type StoreType, storeTypeOf } from './terms.ts';
import { findTime, type TimeTrust } from './time.ts';

/** What a signer trusts. */
export interface Trust extends TimeTrust {
  readonly store: readonly Certificate[];
  readonly storeType: StoreType;
  /** null: whoever the store vouches for. */
  readonly identities: readonly Attributes[] | null;
  readonly level: Exclude<Level, 'skip'>;
  /** Instead of what the level says. */
  readonly revocation: Action | null;
  readonly checkRevocation: CheckRevocation;
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
  /** Until when this signature counts at most, and when something else about it may change by itself. Milliseconds since the epoch; null: never. */
  readonly until: number | null;
  readonly changesAt: number | null;
}

/** Milliseconds after which is looked again at what could only be logged since nobody answered. */
const lookAgainAfter = 60_000;

/**
 * Verifies a signature, step by step: https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#steps
 * SIGNER_MISMATCH when it is somebody else's, REVOCATION_UNAVAILABLE when nobody can say whether it is revoked, else SIGNATURE_INVALID.
 */
export async function verifyEnvelope(envelope: Envelope, target: Target, trust: Trust, now: number, signal: AbortSignal): Promise<Outcome<Verified>> {
  try {
    return await verifySteps(envelope, target, trust, now, signal);
  } catch (cause) {
    return refuse('it can not be verified', cause);
  }
}

async function verifySteps(envelope: Envelope, target: Target, trust: Trust, now: number, signal: AbortSignal): Promise<Outcome<Verified>> {
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
  const checkRevocation = async (): Promise<Checked> => {
    const [own, stamp] = await Promise.all([
      trust.checkRevocation(chain, time.signedBefore, signal),
      // Who is in possession of a timestamp authority's key makes every time: none of its own counts.
      trust.checkRevocation(time.chain, null, signal),
    ]);
    const found = [own.fault, stamp.fault].flatMap((each) => (each === null ? [] : [each]));
    const fault = found.find(({ code }) => code === 'SIGNATURE_INVALID') ?? found[0] ?? null;
    return { fault, until: earliest([own.until, stamp.until, fault?.transient === true ? now + lookAgainAfter : null], now) };
  };
  const checks: Readonly<Record<Check, () => Checked | Promise<Checked>>> = {
    expiry: () => ({ fault: hasExpired(envelope, now), until: envelope.attributes.expiry }),
    authenticTimestamp: () => ({ fault: time.fault, until: time.until }),
    revocation: checkRevocation,
  };
  const ends: Record<'enforce' | 'log', (number | null)[]> = { enforce: [], log: [] };
  const failures: Partial<Record<Check, string>> = {};
  for (const check of ['expiry', 'authenticTimestamp', 'revocation'] as const) {
    const action = check === 'revocation' ? (trust.revocation ?? actions[trust.level].revocation) : actions[trust.level][check];
    if (action === 'skip') continue;
    const { fault, until } = await checks[check]();
    ends[action].push(until);
    if (fault === null) continue;
    if (action === 'enforce') return { ok: false, fault };
    failures[check] = fault.message;
  }
  return good({
    identity: subject.text,
    signedAt: time.signedAt,
    annotations: annotations.value,
    failures,
    until: earliest(ends.enforce, now),
    changesAt: earliest(ends.log, now),
  });
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

function hasExpired({ attributes: { expiry } }: Envelope, now: number): Fault | null {
  return expiry !== null && expiry <= now ? invalid(`it expired at ${new Date(expiry).toISOString()}`) : null;
}

/** The next of several times; null where none is ahead. */
function earliest(times: readonly (number | null)[], now: number): number | null {
  const ahead = times.filter((each) => each !== null).filter((each) => each > now);
  return ahead.length === 0 ? null : Math.min(...ahead);
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
