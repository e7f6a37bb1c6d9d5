import { type TrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Claim } from './claim.ts';
import { entityOf } from './entity.ts';
import type { TrustedKey } from './keys.ts';
import { namesSigner, promisedTime } from './logEntry.ts';
import { onceEach, type Verified } from './verify.ts';

/** The transparency logs of a trusted root. */
export type TrustedLogs = TrustMaterial['tlogs'];

/**
 * Verifies claims under a set of keys, any of which will do.
 *
 * @param logs one of which must have recorded each signature; null where no log is asked for
 */
export function createKeyVerifier(keys: readonly TrustedKey[], logs: TrustedLogs | null): (claim: Claim) => Outcome<Verified> {
  const perKey = keys.map((key) => verifierFor(key, logs));
  return onceEach((claim) => {
    let worst: Outcome<Verified> | null = null;
    for (const verify of perKey) {
      const outcome = verify(claim);
      if (outcome.ok) return outcome;
      if (outcome.fault.code === 'SIGNATURE_INVALID') worst = outcome;
    }
    return worst ?? bad('SIGNER_MISMATCH', describeMismatch(claim, keys));
  });
}

/** Both keys by their ids, where the one is known: `cosign public-key` and `openssl pkey -pubin -outform DER | sha256sum` show them. */
function describeMismatch({ keyHint }: Claim, keys: readonly TrustedKey[]): string {
  const ids = keys.map(({ id }) => id);
  const asked = ids.length > 3 ? `any of ${ids.length} keys, the first of which is ${ids[0]}` : ids.join(' or ');
  if (keyHint === null) return `it is signed by another key than ${asked}`;
  if (ids.includes(keyHint)) return `it says that it is signed by the key ${keyHint}, and is not`;
  return `it is signed by another key, by its own word ${keyHint}, and not by ${asked}`;
}

function verifierFor(trusted: TrustedKey, logs: TrustedLogs | null): (claim: Claim) => Outcome<Verified> {
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
    const tlogEntries = logs === null ? [] : [...claim.logEntries];
    try {
      // Timestamps of authorities are never passed on, since one of an unknown authority would refuse a good signature.
      verifier.verify(entityOf(claim, trusted, { key: { $case: 'public-key', hint: '' }, timestamps: [], tlogEntries }));
      if (!tlogEntries.every((entry) => namesSigner(entry, trusted.der, null))) return bad('SIGNATURE_INVALID', 'its log entry names another key');
      const promised = tlogEntries.map(promisedTime).find((time) => time !== null);
      return good({ keyId: trusted.id, certified: null, signedAt: promised === undefined ? null : new Date(promised).toISOString() });
    } catch (cause) {
      if (cause instanceof VerificationError && cause.code === 'SIGNATURE_ERROR') return bad('SIGNER_MISMATCH', 'it is signed by another key', { cause });
      return bad('SIGNATURE_INVALID', logs === null ? 'it can not be verified' : 'it is not proven to be in the transparency log', { cause });
    }
  };
}
