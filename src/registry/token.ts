import { bad, good, type Outcome } from '../domain/fault.ts';
import { property, text } from '../domain/json.ts';
import type { Credential } from '../domain/registry.ts';
import { readJson } from '../domain/strictJson.ts';
import { safeText } from '../domain/text.ts';
import type { Challenge } from './challenge.ts';
import { allowsDerived, type Place } from './reach.ts';
import type { Ask, Reply } from './transport.ts';

/** Where a registry has its tokens made, checked: credentials may go there. */
export interface Realm {
  readonly url: URL;
  readonly service: string | null;
  /** What the registry wants asked for; null where it did not say. */
  readonly scope: string | null;
}

export interface Token {
  readonly value: string;
  /** Milliseconds from when it was asked for. */
  readonly lifetime: number;
}

const longestParameter = 1024;
/** Where the answer does not say: https://distribution.github.io/distribution/spec/auth/token/#token-response-fields */
const usualSeconds = 60;

/** Reads a Bearer challenge. Faults: RESPONSE_INVALID, REGISTRY_NOT_LISTED. */
export function readRealm(challenge: Challenge, place: Place): Outcome<Realm> {
  const realm = challenge.parameters.get('realm') ?? '';
  const service = challenge.parameters.get('service') ?? null;
  const scope = challenge.parameters.get('scope') ?? null;
  if (!URL.canParse(realm) || [realm, service ?? '', scope ?? ''].some((value) => value.length > longestParameter)) {
    return bad('RESPONSE_INVALID', `${place.registry} names no valid token realm`);
  }
  const url = new URL(realm);
  url.hash = '';
  if (!allowsDerived(place, url, 'realm')) {
    const target = safeText(`${url.protocol}//${url.host}`, 300);
    return bad('REGISTRY_NOT_LISTED', `${place.registry} has its tokens made by ${target}, which may not be contacted; list it under its alsoHosts, as HTTPS`);
  }
  return good({ url, service, scope });
}

/** The request for a token: GET, or POST for an identity token (https://distribution.github.io/distribution/spec/auth/oauth/). */
export function askForToken(
  asker: Pick<Ask, 'place' | 'repository' | 'access' | 'party'>,
  realm: Realm,
  scope: string,
  credential: Credential | null,
  longest: number,
): Ask {
  const base = { ...asker, operation: 'token', longest } as const;
  if (credential?.kind === 'identityToken') {
    const form = new URLSearchParams({ grant_type: 'refresh_token', client_id: 'tidewaiter', refresh_token: credential.token, scope });
    if (realm.service !== null) form.set('service', realm.service);
    const headers = { accept: 'application/json', 'content-type': 'application/x-www-form-urlencoded' };
    return { ...base, method: 'POST', url: realm.url, headers, authorization: null, body: form.toString() };
  }
  const url = new URL(realm.url);
  if (realm.service !== null) url.searchParams.set('service', realm.service);
  for (const one of scope.split(' ')) url.searchParams.append('scope', one);
  const authorization = credential?.kind === 'basic' ? basicHeader(credential.username, credential.password) : null;
  return { ...base, method: 'GET', url, headers: { accept: 'application/json' }, authorization, body: null };
}

/** Reads `token` or `access_token`, and how long it is good for. */
export function readToken(place: Place, reply: Reply, depth: number): Outcome<Token> {
  const json = readJson(reply.body, { depth });
  const value = json.ok ? (text(property(json.value, 'token')) ?? text(property(json.value, 'access_token'))) : null;
  // Only what may stand in a header.
  if (!json.ok || value === null || !/^[\x21-\x7e]{1,16384}$/.test(value)) {
    return bad('RESPONSE_INVALID', `the token realm of ${place.registry} answered with no usable token`);
  }
  const seconds = property(json.value, 'expires_in');
  const lifetime = typeof seconds === 'number' && Number.isFinite(seconds) && seconds > 0 ? seconds : usualSeconds;
  return good({ value, lifetime: Math.min(lifetime, 86_400) * 1000 });
}

/** RFC 7617, in UTF-8. */
export function basicHeader(username: string, password: string): string {
  return `Basic ${Buffer.from(`${username}:${password}`, 'utf8').toString('base64')}`;
}
