import { RFC3161Timestamp } from '@sigstore/core';
import { type SignedEntity, type TrustMaterial, VerificationError, Verifier } from '@sigstore/verify';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import type { SigningCertificate } from '../certificate.ts';
import { entityOf } from '../entity.ts';
import { namesSigner, promisedTime } from '../logEntry.ts';
import type { BareClaim, Proofs } from './protocol.ts';

/** Proves that the holder of a certificate signed a claim; gives the time that was proven, in milliseconds. */
export type Prove = (claim: BareClaim, certificate: SigningCertificate) => Outcome<number>;

type LogEntry = BareClaim['logEntries'][number];

interface Moment {
  /** Milliseconds. */
  readonly time: number;
  readonly timestamp: SignedEntity['timestamps'][number];
  /** What the timestamp is about. */
  readonly timestamped?: Buffer;
}

/** Times that are tried. An honest signer brings one or two; each costs milliseconds, whoever made it up. */
const mostAttempts = 4;

const provers = new WeakMap<TrustMaterial, Map<string, Prove>>();

/** One prover for each trusted root and each demand. */
export function proverOf(material: TrustMaterial, proofs: Proofs): Prove {
  const made = provers.get(material) ?? new Map<string, Prove>();
  provers.set(material, made);
  const key = JSON.stringify([proofs.transparencyLog, proofs.certificateLog]);
  const prover = made.get(key) ?? createProver(material, proofs);
  made.set(key, prover);
  return prover;
}

function createProver(material: TrustMaterial, { transparencyLog, certificateLog }: Proofs): Prove {
  const verifier = new Verifier(material, {
    tlogThreshold: transparencyLog ? 1 : 0,
    ctlogThreshold: certificateLog ? 1 : 0,
    timestampThreshold: 1,
  });

  // Each entry of a log that is trusted must be right; those of strangers prove nothing, and must not spoil what the others prove.
  const logsOf = ({ logId }: LogEntry): TrustMaterial['tlogs'] => material.tlogs.filter(({ logID }) => logID.equals(logId.keyId));
  // sigstore-js asks that only where the log itself promised a time.
  const wasInForce = (entry: LogEntry, time: Date): boolean => logsOf(entry).some(({ validFor: { start, end } }) => start <= time && time <= end);

  const prove: Prove = (claim, certificate) => {
    const tlogEntries = transparencyLog ? claim.logEntries.filter((entry) => logsOf(entry).length > 0) : [];
    if (transparencyLog && tlogEntries.length === 0) return bad('SIGNATURE_INVALID', 'no transparency log of the trusted root has recorded it');
    let last: Outcome<number> | null = null;
    let attempts = 0;
    for (const { time, timestamp, ...about } of momentsOf(tlogEntries, claim)) {
      if (!certificate.parsed.validForDate(new Date(time))) {
        last ??= bad('SIGNATURE_INVALID', 'its certificate was not valid at the time when it was made');
        continue;
      }
      if (!tlogEntries.every((entry) => wasInForce(entry, new Date(time)))) {
        last ??= bad('SIGNATURE_INVALID', 'its transparency log was not in force at the time when it was made');
        continue;
      }
      if (attempts === mostAttempts) break;
      attempts += 1;
      const key = { $case: 'certificate', certificate: certificate.parsed } as const;
      // One at a time: a timestamp of an unknown authority would make sigstore-js refuse what another one proves.
      last = attempt(() => {
        verifier.verify(entityOf(claim, certificate.key, { key, timestamps: [timestamp], tlogEntries, ...about }));
        return tlogEntries.every((entry) => namesSigner(entry, certificate.key.der, certificate.der))
          ? good(time)
          : bad('SIGNATURE_INVALID', 'its log entry names another signer');
      });
      if (last.ok) return last;
    }
    return last ?? bad('SIGNATURE_INVALID', 'neither a log nor a timestamp tells when it was made');
  };
  return (claim, certificate) => attempt(() => prove(claim, certificate));
}

/** The times that may be proven: first those that a log promises, then, parsed only if need be, those of timestamps. */
function* momentsOf(entries: BareClaim['logEntries'], { timestamps, timestamped }: BareClaim): Generator<Moment> {
  for (const tlogEntry of entries) {
    // Only a promise covers the integrated time of an entry; what is written there without one is anybody's.
    const time = promisedTime(tlogEntry);
    if (time !== null) yield { time, timestamp: { $case: 'transparency-log', tlogEntry } };
  }
  for (const der of timestamps.slice(0, mostAttempts)) {
    const timestamp = readTimestamp(der);
    if (timestamp === null) continue;
    for (const about of timestamped)
      yield { time: timestamp.signingTime.getTime(), timestamp: { $case: 'timestamp-authority', timestamp }, timestamped: about };
  }
}

/** null for what is no timestamp, or tells no time. */
function readTimestamp(der: Buffer): RFC3161Timestamp | null {
  try {
    const timestamp = RFC3161Timestamp.parse(Buffer.from(der));
    return Number.isNaN(timestamp.signingTime.getTime()) ? null : timestamp;
  } catch {
    return null;
  }
}

/** Whatever is thrown means that nothing is proven; sigstore-js throws other errors too, of what it does not expect. */
function attempt(prove: () => Outcome<number>): Outcome<number> {
  try {
    return prove();
  } catch (cause) {
    const words = cause instanceof VerificationError ? reasons[cause.code] : undefined;
    return bad('SIGNATURE_INVALID', words ?? 'it can not be verified', { cause });
  }
}

const reasons: Readonly<Record<string, string>> = {
  CERTIFICATE_ERROR: 'the trusted root does not prove its certificate, by an authority and a certificate transparency log',
  SIGNATURE_ERROR: 'it is not signed by the key of its certificate',
  TIMESTAMP_ERROR: 'its timestamp is not of an authority of the trusted root',
  TLOG_BODY_ERROR: 'its log entry is about another signature',
  TLOG_ERROR: 'it is not proven to be in the transparency log',
  TLOG_INCLUSION_PROMISE_ERROR: 'it is not proven to be in the transparency log (inclusion promise)',
  TLOG_INCLUSION_PROOF_ERROR: 'it is not proven to be in the transparency log (inclusion proof)',
  TLOG_MISSING_INCLUSION_ERROR: 'it is not proven to be in the transparency log',
};
