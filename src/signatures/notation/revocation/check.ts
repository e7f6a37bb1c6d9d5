import { createHash } from 'node:crypto';
import type { Belief, Facts } from '../../../domain/facts.ts';
import { bad, type Fault, fault, type Outcome } from '../../../domain/fault.ts';
import type { Outbound } from '../../../domain/outbound.ts';
import type { Certificate } from '../certificate.ts';
import { readSubject } from '../subject.ts';
import { createServers } from './servers.ts';
import { decodeStanding, type Issuance, type Standing } from './standing.ts';

export interface RevocationParts {
  readonly outbound: Outbound;
  readonly facts: Facts;
  /** Who may be asked. */
  readonly hosts: readonly string[];
  /** Milliseconds since the epoch. */
  readonly clock: () => number;
}

/** What is known of a chain. */
export interface Checked {
  /** SIGNATURE_INVALID for a certificate that is revoked, REVOCATION_UNAVAILABLE where nobody could say; null: none is. */
  readonly fault: Fault | null;
  /** Until when that holds, milliseconds since the epoch; null where nothing ends by itself. */
  readonly until: number | null;
}

/**
 * Asks whether a certificate of a chain is revoked, the root excepted.
 *
 * @param signedBefore when somebody else than the signer saw the signature at the latest: what is revoked from a later time on was good then
 */
export type CheckRevocation = (chain: readonly Certificate[], signedBefore: number | null, signal: AbortSignal) => Promise<Checked>;

/** Milliseconds after which an answer that still holds is asked for anew. */
const freshFor = 3_600_000;

/** https://github.com/notaryproject/specifications/blob/v1.1.0/specs/trust-store-trust-policy.md#certificate-revocation-evaluation */
export function createRevocation({ outbound, facts, hosts, clock }: RevocationParts): CheckRevocation {
  const askServers = createServers({ outbound, hosts, clock });

  const standingOf = async (issuance: Issuance, signal: AbortSignal): Promise<Outcome<Standing>> => {
    const key = `revocation ${fingerprint(issuance.certificate)} ${fingerprint(issuance.issuer)}`;
    const known = await facts.know(key, belief, (own) => askServers(issuance, own), { at: Number.POSITIVE_INFINITY, signal });
    // A fact that was fresh a moment ago may have ended since.
    if (known.outcome.ok && known.outcome.value.until <= clock()) return bad('REVOCATION_UNAVAILABLE', 'the last answer holds no longer');
    return known.outcome;
  };

  const check = async (issuance: Issuance, signedBefore: number | null, signal: AbortSignal): Promise<Checked> => {
    const { certificate } = issuance;
    if (certificate.revocation.ocsp === null && certificate.revocation.crl === null) return { fault: null, until: null };
    const name = `the certificate ${readSubject(certificate.subject).text}`;
    const standing = await standingOf(issuance, signal);
    if (!standing.ok) return { fault: fault('REVOCATION_UNAVAILABLE', `${name} may be revoked: ${standing.fault.message}`, standing.fault), until: null };
    const { revokedAt, invalidFrom, until } = standing.value;
    if (revokedAt === null || (signedBefore !== null && invalidFrom !== null && signedBefore < invalidFrom)) return { fault: null, until };
    return { fault: fault('SIGNATURE_INVALID', `${name} was revoked at ${new Date(revokedAt).toISOString()}`), until };
  };

  return async (chain, signedBefore, signal) => {
    const checked = await Promise.all(issuancesOf(chain).map((each) => check(each, signedBefore, signal)));
    const faults = checked.flatMap((each) => (each.fault === null ? [] : [each.fault]));
    const ends = checked.flatMap(({ until }) => (until === null ? [] : [until]));
    // That one is revoked is certain, whatever is not known of the others.
    return { fault: faults.find(({ code }) => code === 'SIGNATURE_INVALID') ?? faults[0] ?? null, until: ends.length === 0 ? null : Math.min(...ends) };
  };
}

/** Kept like any other fact, but never longer than the answer itself says. */
const belief: Belief<Standing> = Object.assign(
  ({ from, until }: Standing) => {
    const heldFor = until - from;
    return { freshFor: Math.min(freshFor, heldFor), refreshAfter: Math.min(freshFor, heldFor) / 2, heldFor };
  },
  { decode: decodeStanding },
);

function issuancesOf(chain: readonly Certificate[]): readonly Issuance[] {
  return chain.flatMap((certificate, i) => {
    const issuer = chain[i + 1];
    return issuer === undefined ? [] : [{ certificate, issuer }];
  });
}

function fingerprint({ der }: Certificate): string {
  return createHash('sha256').update(der).digest('hex');
}
