import { bad, good, type Outcome } from '../../domain/fault.ts';
import { safeText } from '../../domain/text.ts';
import { headers, type SigningScheme } from './terms.ts';

/** What is signed together with the payload. Times are milliseconds since the epoch. */
export interface SignedAttributes {
  readonly scheme: SigningScheme;
  /** When it was signed: a claim of the signer, authentic in the scheme of signing authorities. */
  readonly signingTime: number;
  readonly expiry: number | null;
}

/** The protected header of an envelope, whatever it is encoded in. */
export interface ProtectedHeader {
  /** undefined where there is none. */
  get(name: string): unknown;
  readonly critical: unknown;
  /** Milliseconds since the epoch, null for what is no time in this encoding. */
  readTime(value: unknown): number | null;
}

/** Those that may be marked critical: whatever else a signer insists on is not understood here. */
const understood: readonly unknown[] = [headers.signingScheme, headers.authenticSigningTime, headers.expiry];

/**
 * Reads the signed attributes. Each that must be marked critical is, and nothing that is not understood.
 * https://github.com/notaryproject/specifications/blob/v1.1.0/specs/signature-specification.md#signed-attributes
 */
export function readAttributes(header: ProtectedHeader): Outcome<SignedAttributes> {
  const { critical } = header;
  if (!Array.isArray(critical) || critical.length === 0) return refuse('it marks nothing as critical (crit)');
  const marked: readonly unknown[] = critical;
  for (const name of marked) {
    const shown = safeText(String(typeof name === 'string' || typeof name === 'number' ? name : typeof name), 80);
    if (!understood.includes(name)) return refuse(`it marks ${shown} as critical, which is not understood here`);
    if (typeof name === 'string' && header.get(name) === undefined) return refuse(`it marks ${shown} as critical and does not have it`);
  }
  // A signature that has to be judged by a plugin says so here; without the plugin nobody knows what it means.
  if (header.get(headers.verificationPlugin) !== undefined) return refuse('it can be verified by a plugin only');
  const scheme = header.get(headers.signingScheme);
  if (scheme !== 'notary.x509' && scheme !== 'notary.x509.signingAuthority') return refuse('its signing scheme is not known');
  const [own, foreign] = scheme === 'notary.x509' ? [headers.signingTime, headers.authenticSigningTime] : [headers.authenticSigningTime, headers.signingTime];
  if (header.get(foreign) !== undefined) return refuse(`it has ${foreign}, which is not for its signing scheme`);
  const signingTime = header.readTime(header.get(own));
  if (signingTime === null) return refuse(`it has no valid ${own}`);
  const written = header.get(headers.expiry);
  const expiry = written === undefined ? null : header.readTime(written);
  if (written !== undefined && expiry === null) return refuse(`it has no valid ${headers.expiry}`);
  if (expiry !== null && expiry <= signingTime) return refuse('it expired before it was made');
  const needed = [
    headers.signingScheme,
    ...(scheme === 'notary.x509' ? [] : [headers.authenticSigningTime]),
    ...(written === undefined ? [] : [headers.expiry]),
  ];
  const missing = needed.find((name) => !marked.includes(name));
  if (missing !== undefined) return refuse(`it does not mark ${missing} as critical`);
  return good({ scheme, signingTime, expiry });
}

function refuse(why: string): Outcome<never> {
  return bad('SIGNATURE_INVALID', why);
}
