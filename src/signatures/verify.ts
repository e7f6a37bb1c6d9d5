import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify as verifySignature } from 'node:crypto';
import type { TransparencyLogEntry } from '@sigstore/bundle';
import { type SignedEntity, type TrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text } from '../domain/json.ts';
import type { Claim } from './claim.ts';
import type { TrustedKey } from './keys.ts';

export interface Verified {
  readonly key: TrustedKey;
  /** RFC 3339, from a log entry that was verified. */
  readonly signedAt: string | null;
}

/** Verifies claims under a set of keys, any of which will do. Synchronous, and the only place where a signature is believed. */
export type VerifyClaim = (claim: Claim) => Outcome<Verified>;

/** The transparency logs of a trusted root. */
export type TrustedLogs = TrustMaterial['tlogs'];

/**
 * @param logs one of which must have recorded each signature; null where no log is asked for
 */
export function createVerifier(keys: readonly TrustedKey[], logs: TrustedLogs | null): VerifyClaim {
  const perKey = keys.map((key) => verifierFor(key, logs));
  // One look at a claim is enough: the same claim is asked for again when its attestations are.
  const known = new WeakMap<Claim, Outcome<Verified>>();
  return (claim) => {
    const before = known.get(claim);
    if (before !== undefined) return before;
    const outcome = firstGood(perKey, claim);
    known.set(claim, outcome);
    return outcome;
  };
}

function firstGood(verifiers: readonly VerifyClaim[], claim: Claim): Outcome<Verified> {
  let worst: Outcome<Verified> = bad('SIGNER_MISMATCH', 'it is signed by another key');
  for (const verify of verifiers) {
    const outcome = verify(claim);
    if (outcome.ok) return outcome;
    if (outcome.fault.code === 'SIGNATURE_INVALID') worst = outcome;
  }
  return worst;
}

function verifierFor(trusted: TrustedKey, logs: TrustedLogs | null): VerifyClaim {
  const material: TrustMaterial = {
    certificateAuthorities: [],
    timestampAuthorities: [],
    ctlogs: [],
    tlogs: logs ?? [],
    // The key hint is the sender's choice, so this very key is given whatever it says.
    publicKey: () => ({ publicKey: trusted.key, validFor: () => true }),
  };
  const verifier = new Verifier(material, { tlogThreshold: logs === null ? 0 : 1, ctlogThreshold: 0, timestampThreshold: 0 });
  return (claim) => {
    const logEntries = logs === null ? [] : claim.logEntries;
    try {
      verifier.verify(entityOf(claim, trusted, logEntries));
      // sigstore-js does not compare the key in the entry with the signer's.
      if (!logEntries.every((entry) => namesKey(entry, trusted))) return bad('SIGNATURE_INVALID', 'its log entry names another key');
      return good({ key: trusted, signedAt: integratedAt(logEntries) });
    } catch (cause) {
      if (cause instanceof VerificationError && cause.code === 'SIGNATURE_ERROR') return bad('SIGNER_MISMATCH', 'it is signed by another key', { cause });
      return bad('SIGNATURE_INVALID', logs === null ? 'it can not be verified' : 'it is not proven to be in the transparency log', { cause });
    }
  };
}

/**
 * What sigstore-js verifies. Entries and timestamps go together: with the entries left out, a time that nobody vouches for would still be
 * believed. Timestamps of authorities are never passed on, since one of an unknown authority would refuse a good signature.
 */
function entityOf({ signed, payload, signature }: Claim, { hash }: TrustedKey, logEntries: readonly TransparencyLogEntry[]): SignedEntity {
  return {
    key: { $case: 'public-key', hint: '' },
    timestamps: [],
    tlogEntries: [...logEntries],
    signature: {
      signature,
      compareSignature: (other) => equal(signature, other),
      compareDigest: (digest) => equalsHashOf(payload, digest),
      compareSignedDigest: (digest) => equalsHashOf(signed, digest),
      // By the key's own hash: sigstore-js takes SHA-256 for every envelope, which refuses P-384 and P-521.
      verifySignature: (key) => verifySignature(hash, signed, key, signature),
    },
  };
}

const hashByLength: Readonly<Record<number, string>> = { 32: 'sha256', 48: 'sha384', 64: 'sha512' };

function equalsHashOf(bytes: Buffer, digest: Buffer): boolean {
  const algorithm = hashByLength[digest.length];
  return algorithm !== undefined && equal(createHash(algorithm).update(bytes).digest(), digest);
}

function equal(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** The time of the first entry whose promise (signed entry timestamp) covers it; without a promise the log vouches for no time. */
function integratedAt(entries: readonly TransparencyLogEntry[]): string | null {
  const entry = entries.find(({ inclusionPromise, integratedTime }) => inclusionPromise !== undefined && Number(integratedTime) > 0);
  return entry === undefined ? null : new Date(Number(entry.integratedTime) * 1000).toISOString();
}

/** Whether every key that a log entry names is the signer's. */
function namesKey(entry: TransparencyLogEntry, { der }: TrustedKey): boolean {
  const body: unknown = JSON.parse(entry.canonicalizedBody.toString('utf8'));
  const keys = keysIn(property(body, 'spec'));
  return keys.length > 0 && keys.every((key) => equal(spkiOf(key), der));
}

/** The public keys in a Rekor entry, base64 of PEM (v1) or DER (v2), wherever its kind keeps them: hashedrekord, dsse, intoto. */
function keysIn(spec: unknown): readonly string[] {
  const found: string[] = [];
  const collect = (value: unknown, depth: number): void => {
    if (depth === 0) return;
    if (Array.isArray(value)) for (const each of value) collect(each, depth - 1);
    if (!isObject(value)) return;
    for (const [name, inner] of Object.entries(value)) {
      const key = name === 'publicKey' || name === 'verifier' ? (text(inner) ?? text(property(inner, 'content')) ?? text(property(inner, 'rawBytes'))) : null;
      if (key === null) collect(inner, depth - 1);
      else found.push(key);
    }
  };
  collect(spec, 8);
  return found;
}

function spkiOf(encoded: string): Buffer {
  const bytes = Buffer.from(encoded, 'base64');
  const key: KeyObject =
    bytes.subarray(0, 5).toString('latin1') === '-----' ? createPublicKey(bytes) : createPublicKey({ key: bytes, format: 'der', type: 'spki' });
  return key.export({ type: 'spki', format: 'der' });
}
