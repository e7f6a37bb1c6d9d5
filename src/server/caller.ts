import { hash, timingSafeEqual, X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isLoopback } from './listen.ts';

/** How the API server is told apart from everybody else. */
export interface CallerRules {
  readonly host: string;
  /** PEM of the authorities that sign the caller's certificate. */
  readonly clientCA: string | null;
  /** First segment of the path. */
  readonly pathSecret: string | null;
}

/** Whether a path segment is the secret; always true where there is none. */
export type CheckSecret = (segment: string | null) => boolean;

/** Refuses rules under which anybody on the network could ask. Fault: CONFIG_INVALID. */
export function checkCallers(rules: CallerRules): Outcome<CheckSecret> {
  const { clientCA, pathSecret } = rules;
  if (clientCA === null && pathSecret === null && !isLoopback(rules.host)) {
    return bad(
      'CONFIG_INVALID',
      'server.listen reaches beyond loopback, and anybody could ask: set server.clientCAFile (the authority of the API server’s client certificate) or server.pathSecretFile, or listen on 127.0.0.1',
    );
  }
  if (clientCA !== null && !isCertificate(clientCA)) return bad('CONFIG_INVALID', 'server.clientCAFile holds no PEM certificate');
  if (pathSecret !== null && !/^[A-Za-z0-9_-]{16,128}$/.test(pathSecret)) {
    return bad('CONFIG_INVALID', 'the path secret must be 16 to 128 letters, digits, - or _ (try: openssl rand -hex 32)');
  }
  return good(pathSecret === null ? () => true : secretCheck(pathSecret));
}

/** Compares digests, so that neither content nor length shows in the time it takes. */
function secretCheck(secret: string): CheckSecret {
  const expected = hash('sha256', secret, 'buffer');
  return (segment) => timingSafeEqual(hash('sha256', segment ?? '', 'buffer'), expected);
}

/** Whether a client's certificate names one of those who may ask: as its common name or a DNS name. Compared as they are. */
export function namesCaller(certificate: Pick<PeerCertificate, 'subject' | 'subjectaltname'>, allowed: readonly string[]): boolean {
  const names = (certificate.subjectaltname ?? '').split(', ').flatMap((name) => (name.startsWith('DNS:') ? name.slice(4) : []));
  const common: unknown = certificate.subject?.CN;
  return [...names, ...(typeof common === 'string' ? [common] : [])].some((name) => allowed.includes(name));
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== '';
  } catch {
    return false;
  }
}
