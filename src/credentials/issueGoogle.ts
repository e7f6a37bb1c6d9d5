import { GoogleAuth, gaxios } from 'google-auth-library';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { Issued } from './shortLived.ts';

/** A credential configuration as Google writes it; the library knows its types. */
export type GoogleConfiguration = Readonly<Record<string, unknown>>;

/** As Google's own keychains ask: https://github.com/google/go-containerregistry/blob/v0.20.6/pkg/v1/google/auth.go */
const scopes = ['https://www.googleapis.com/auth/cloud-platform'];
/** Where the library does not say; its tokens are good for an hour. */
const usualLifetime = 300_000;

/** Rejects with the library's errors, which must not be shown. */
export async function issueGoogle(configured: GoogleConfiguration | null): Promise<Outcome<Issued>> {
  // A new one each time: the library would go on giving out a token that is about to end.
  const auth = new GoogleAuth({ scopes, ...(configured === null ? {} : { credentials: configured }) });
  const client = await auth.getClient();
  refuseRedirects(client);
  const { token } = await client.getAccessToken();
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token)) return bad('RESPONSE_INVALID', 'Google answered with no access token');
  const until = client.credentials.expiry_date ?? Date.now() + usualLifetime;
  return good({ credential: { kind: 'basic', username: 'oauth2accesstoken', password: token }, until });
}

/**
 * A redirect would take the Pod's identity token along, and of one that leads in a circle the library's HTTP client throws where nobody
 * can catch it. There is no option for the client by which federated tokens are exchanged, so it is found where the library keeps it.
 */
function refuseRedirects(client: object): void {
  for (const holder of [client, Reflect.get(client, 'stsCredential')]) {
    const transporter: unknown = typeof holder === 'object' && holder !== null ? Reflect.get(holder, 'transporter') : null;
    if (transporter instanceof gaxios.Gaxios) transporter.defaults = { ...transporter.defaults, redirect: 'error' };
  }
}
