import { randomBytes, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { createSecureContext } from 'node:tls';
import type { Keyring } from '../domain/certificate.ts';
import { issueAuthority, issueServing } from './authority.ts';

export interface Renewal {
  readonly keyring: Keyring;
  /** What was wrong with the old one, in a few words; null when it was good and is returned as it was. */
  readonly reason: string | null;
}

/**
 * A keyring that is good for these names now: the old one where it is, else as much of it as can stay. A new authority joins the old
 * one in the bundle and signs only the next serving certificate, so that callers have learned of it by then.
 * @param names DNS names and IP addresses that callers use
 * @param now milliseconds
 */
export async function renewKeyring(old: Keyring | null, names: readonly string[], now: number): Promise<Renewal> {
  const held = old === null ? null : readKeyring(old);
  const authorities = held === null ? [] : held.authorities.filter((authority) => authority.validToDate.getTime() > now);
  const [issuer] = authorities;
  if (old === null || held === null || issuer === undefined || issuer !== held.authorities[0]) {
    const authority = await issueAuthority(now);
    const serving = await issueServing(authority, names, now);
    const keyring = {
      ca: authority.cert,
      caKey: authority.key,
      cert: serving.cert,
      key: serving.key,
      path: old?.path ?? randomBytes(32).toString('hex'),
    };
    return { keyring, reason: old === null ? 'there was none' : held === null ? 'it could not be read' : 'its authority has expired' };
  }
  const wrong = servingFault(held.serving, authorities, names, now);
  if (wrong !== null) {
    const serving = await issueServing({ cert: issuer.toString(), key: old.caKey }, names, now);
    return { keyring: { ...old, ca: bundle(authorities), cert: serving.cert, key: serving.key }, reason: wrong };
  }
  if (now >= renewalTime(issuer)) {
    const authority = await issueAuthority(now);
    return { keyring: { ...old, ca: `${authority.cert}${bundle(authorities)}`, caKey: authority.key }, reason: 'its authority is due' };
  }
  return { keyring: old, reason: null };
}

/** Two thirds of a certificate's life, in milliseconds since the epoch. */
function renewalTime(certificate: X509Certificate): number {
  const from = certificate.validFromDate.getTime();
  return from + ((certificate.validToDate.getTime() - from) * 2) / 3;
}

interface ReadKeyring {
  readonly authorities: readonly X509Certificate[];
  readonly serving: X509Certificate;
}

/** null when any part is not what it should be: then nothing of it is used. */
function readKeyring(keyring: Keyring): ReadKeyring | null {
  try {
    const authorities = splitPem(keyring.ca).map((pem) => new X509Certificate(pem));
    const serving = new X509Certificate(keyring.cert);
    // OpenSSL checks that a key belongs to its certificate.
    createSecureContext({ cert: keyring.cert, key: keyring.key });
    const [issuer] = authorities;
    // node-forge, which issues, knows RSA keys only.
    if (issuer?.publicKey.asymmetricKeyType !== 'rsa') return null;
    createSecureContext({ cert: issuer.toString(), key: keyring.caKey });
    return { authorities, serving };
  } catch {
    return null;
  }
}

function servingFault(serving: X509Certificate, authorities: readonly X509Certificate[], names: readonly string[], now: number): string | null {
  if (serving.validToDate.getTime() <= now) return 'its serving certificate has expired';
  if (now >= renewalTime(serving)) return 'its serving certificate is due';
  if (!authorities.some((authority) => serving.checkIssued(authority) && serving.verify(authority.publicKey)))
    return 'its serving certificate is not of its authority';
  const missing = names.find((name) => (isIP(name) === 0 ? serving.checkHost(name) : serving.checkIP(name)) === undefined);
  return missing === undefined ? null : 'the names it serves have changed';
}

/** The certificates of a PEM bundle, each with its line end. */
export function splitPem(pem: string): string[] {
  return pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----\r?\n?/g) ?? [];
}

function bundle(authorities: readonly X509Certificate[]): string {
  return authorities.map((authority) => authority.toString()).join('');
}
