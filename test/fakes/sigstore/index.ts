import { type Authority, makeAuthority } from './authority.ts';
import { makeLog, type TransparencyLog } from './log.ts';
import { makeStampAuthority, type StampAuthority } from './stamps.ts';
import { writeTrustedRoot } from './trustedRoot.ts';

/** A private Sigstore: authority, certificate transparency log, transparency log, timestamp authority. */
export interface Sigstore {
  readonly authority: Authority;
  readonly log: TransparencyLog;
  readonly stamps: StampAuthority;
  /** JSON, that names all of them. */
  readonly trustedRoot: string;
}

/** @param url of the transparency log, whose host is its name */
export async function makeSigstore(url = 'https://log.example.com'): Promise<Sigstore> {
  const [authority, log, stamps] = await Promise.all([makeAuthority(), makeLog(url), makeStampAuthority()]);
  return { authority, log, stamps, trustedRoot: writeTrustedRoot({ authorities: [authority], logs: [log], stampAuthorities: [stamps] }) };
}
