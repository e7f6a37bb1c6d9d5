import { GoogleAuth } from 'google-auth-library';
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
  const { token } = await client.getAccessToken();
  if (typeof token !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(token)) return bad('RESPONSE_INVALID', 'Google answered with no access token');
  const until = client.credentials.expiry_date ?? Date.now() + usualLifetime;
  return good({ credential: { kind: 'basic', username: 'oauth2accesstoken', password: token }, until });
}
