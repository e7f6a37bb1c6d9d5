import { bad, type Fault, fault } from '../../domain/fault.ts';
import type { Certificate } from './certificate.ts';
import type { Envelope } from './envelope.ts';
import { verifyTimestamp } from './timestamp.ts';

/** Of what a signer trusts, what is about time. */
export interface TimeTrust {
  /** Roots of timestamp authorities; null where no timestamp is asked for. */
  readonly timestampRoots: readonly Certificate[] | null;
  /** Whether a timestamp is asked for always, or only once a certificate has expired. */
  readonly verifyTimestamp: 'always' | 'afterCertExpiry';
}

/** What is known of the time of a signature. Milliseconds since the epoch; null: not known. */
interface FoundTime {
  readonly fault: Fault | null;
  readonly signedAt: number | null;
  /** When a timestamp authority saw it, at the latest. */
  readonly signedBefore: number | null;
  /** Until when it is so, where that is known. */
  readonly until: number | null;
  /** Of the timestamp authority. */
  readonly chain: readonly Certificate[];
}

/** When it was signed, as far as somebody vouches for it, and whether all certificates were valid then; else they have to be valid now. */
export async function findTime(
  { attributes, timestamp, signature }: Envelope,
  chain: readonly Certificate[],
  trust: TimeTrust,
  now: number,
): Promise<FoundTime> {
  const unknown = (why: Fault | null, until: number | null = null): FoundTime => ({ fault: why, signedAt: null, signedBefore: null, until, chain: [] });
  if (attributes.scheme === 'notary.x509.signingAuthority') {
    const at = attributes.signingTime;
    const wrong =
      at > now
        ? invalid('it was signed in the future')
        : chain.every((each) => isValid(each, at, at))
          ? null
          : invalid('a certificate was not valid when it was signed');
    return { fault: wrong, signedAt: at, signedBefore: null, until: null, chain: [] };
  }
  const validNow = chain.every((each) => isValid(each, now, now));
  const asked = trust.timestampRoots !== null && (trust.verifyTimestamp === 'always' || chain.some(({ notAfter }) => now > notAfter));
  if (trust.timestampRoots === null || !asked)
    return validNow
      ? unknown(null, Math.min(...chain.map(({ notAfter }) => notAfter)))
      : unknown(invalid('one of its certificates is not valid now, and no timestamp is asked for'));
  if (timestamp === null) return unknown(invalid('it has no timestamp'));
  const stamped = await verifyTimestamp(timestamp, signature, trust.timestampRoots).catch((cause: unknown) =>
    bad('SIGNATURE_INVALID', 'its timestamp can not be read', { cause }),
  );
  if (!stamped.ok) return unknown(stamped.fault);
  const { at, earliest, latest } = stamped.value;
  if (earliest > now) return unknown(invalid('its timestamp is of the future'));
  const wrong = chain.every((each) => isValid(each, earliest, latest)) ? null : invalid('a certificate was not valid at the time of its timestamp');
  return { fault: wrong, signedAt: at, signedBefore: latest, until: null, chain: stamped.value.chain };
}

function isValid({ notBefore, notAfter }: Certificate, earliest: number, latest: number): boolean {
  return notBefore <= earliest && latest <= notAfter;
}

function invalid(message: string): Fault {
  return fault('SIGNATURE_INVALID', message);
}
