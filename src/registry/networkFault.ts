import { type Fault, fault } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';

/** A fault of one attempt, and whether another attempt may do better. */
export interface AttemptFault {
  readonly fault: Fault;
  readonly retry: boolean;
  /** Milliseconds the server asked to wait. */
  readonly after: number | null;
}

const certificateCodes: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_UNTRUSTED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
]);

/** What a failed exchange means. Only the error's code is shown: its message may hold what the peer sent. */
export function networkFault(host: string, error: unknown): AttemptFault {
  const code = codeOf(error);
  const unavailable = (why: string, retry: boolean): AttemptFault => ({
    fault: fault('REGISTRY_UNAVAILABLE', `${host} ${why}`, { cause: error }),
    retry,
    after: null,
  });
  if (code === 'ADDRESS_REFUSED') {
    const message = `${host} has no address that may be connected to: internal addresses are for hosts that the configuration lists by name`;
    return { fault: fault('REGISTRY_NOT_LISTED', message), retry: false, after: null };
  }
  if (certificateCodes.has(code)) return unavailable(`has a certificate that is not accepted (${code}); is caFile set for it?`, false);
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER' || code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG')
    return unavailable('does not speak TLS; is plainHTTP meant?', false);
  if (code.startsWith('HPE_')) return garbage(host, code, error);
  if (code === 'UND_ERR_HEADERS_OVERFLOW') {
    return { fault: fault('LIMIT_EXCEEDED', `${host} answered with headers that are too large`, { cause: error }), retry: false, after: null };
  }
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return unavailable(`could not be found in DNS (${code})`, code === 'EAI_AGAIN');
  return unavailable(`could not be reached (${code === '' ? 'connection failed' : code})`, true);
}

/** Codes of a connection that did not come about. */
const connectCodes: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EHOSTDOWN',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether an exchange failed before anything was sent: a matter of the host, never of what it was asked for. */
export function isConnectionFault(error: unknown): boolean {
  const code = codeOf(error);
  return connectCodes.has(code) || certificateCodes.has(code) || code.startsWith('ERR_SSL_');
}

function garbage(host: string, code: string, error: unknown): AttemptFault {
  return { fault: fault('RESPONSE_INVALID', `${host} answered with something that is no HTTP (${code})`, { cause: error }), retry: false, after: null };
}

/** The code of the error, or of what caused it. */
function codeOf(error: unknown): string {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 4; at = at.cause, depth += 1) {
    const [first] = at instanceof AggregateError ? at.errors : [];
    const code = 'code' in at ? text(at.code) : null;
    const inner = first instanceof Error && 'code' in first ? text(property({ ...first }, 'code')) : null;
    if (code !== null) return safeText(code, 64);
    if (inner !== null) return safeText(inner, 64);
  }
  return '';
}
