import { LRUCache } from 'lru-cache';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type Repository, repositoryName } from '../domain/image.ts';
import type { Access, Keychain } from '../domain/registry.ts';
import { type Challenge, parseChallenges } from './challenge.ts';
import { createFlights } from './flights.ts';
import type { RegistryLimits } from './limits.ts';
import type { Place } from './reach.ts';
import { type AskedAs, askedAs, unauthorized, unexpectedStatus } from './statusFault.ts';
import { askForToken, basicHeader, type Realm, readRealm, readToken } from './token.ts';
import type { Ask, Reply } from './transport.ts';

/** What a request is authorised by. */
export interface Authorization {
  /** Null: nothing is known to be needed. */
  readonly header: string | null;
  readonly as: AskedAs;
}

/** Who asks what, and with whose right. */
export interface Claim {
  readonly place: Place;
  readonly repository: Repository;
  readonly access: Access;
  /** Whether something of ours is to be written there. */
  readonly push: boolean;
}

export interface Authorizer {
  /** What is known before the registry is asked: a token still good, or one for a new repository of a registry that wants tokens. */
  begin(claim: Claim, signal: AbortSignal): Promise<Outcome<Authorization>>;
  /** What a 401 asks for. `spent` was refused and is not given out again. Faults: REGISTRY_UNAUTHORIZED and those of the realm. */
  answer(claim: Claim, refused: Reply, spent: Authorization, signal: AbortSignal): Promise<Outcome<Authorization>>;
}

/** What a registry was last seen to ask for. */
type Demand = { readonly scheme: 'basic' } | { readonly scheme: 'bearer'; readonly realm: Realm };

const anonymous: Authorization = { header: null, as: 'anonymously' };

export interface AuthorizerParts {
  readonly keychain: Keychain;
  readonly limits: RegistryLimits;
  clock(): number;
  /** Sends with retries; every status is a reply but those that are faults in themselves. */
  send(ask: Ask, what: string, signal: AbortSignal): Promise<Outcome<Reply>>;
}

/** https://distribution.github.io/distribution/spec/auth/token/ */
export function createAuthorizer({ keychain, limits, clock, send }: AuthorizerParts): Authorizer {
  const tokens = new LRUCache<string, { readonly authorization: Authorization; readonly until: number }>({ max: 2_000 });
  const demands = new LRUCache<string, Demand>({ max: 500 });
  const flights = createFlights<Authorization>(limits.flight);

  const obtain = async (claim: Claim, demand: Demand, key: string, signal: AbortSignal): Promise<Outcome<Authorization>> => {
    const { place, repository, access } = claim;
    const found = await keychain.credential(repository.registry, repository.repository, access, signal);
    if (!found.ok) return found;
    const credential = found.value;
    const as = askedAs(credential);
    if (credential?.kind === 'bearer') return good({ header: `Bearer ${credential.token}`, as });
    if (demand.scheme === 'basic') {
      // An identity token is worth nothing to a registry that makes no tokens.
      return good(credential?.kind === 'basic' ? { header: basicHeader(credential.username, credential.password), as } : anonymous);
    }
    const { scope: asked } = demand.realm;
    // The registry was asked for less than is needed in the end.
    const scope = asked === null || (claim.push && asked.startsWith('repository:')) ? usualScope(claim) : asked;
    const began = clock();
    const ask = askForToken(
      { place, repository: repository.repository, access: access.key, party: access.party ?? '' },
      demand.realm,
      scope,
      credential,
      limits.tokenBytes,
    );
    const reply = await send(ask, `a token for ${repositoryName(repository)}`, signal);
    if (!reply.ok) return reply;
    const { status } = reply.value;
    if (status !== 200) {
      const who = `the token realm of ${place.registry}`;
      if (status === 401 || status === 403) return { ok: false, fault: unauthorized(who, status, repositoryName(repository), as) };
      return { ok: false, fault: unexpectedStatus(who, status, repositoryName(repository)) };
    }
    const token = readToken(place, reply.value, limits.depth);
    if (!token.ok) return token;
    const authorization = { header: `Bearer ${token.value.value}`, as };
    // Given up a tenth early, so that it does not run out on the way.
    tokens.set(key, { authorization, until: began + token.value.lifetime * 0.9 });
    return good(authorization);
  };

  return {
    async begin(claim, signal) {
      const key = keyOf(claim);
      const held = tokens.get(key);
      if (held !== undefined && held.until > clock()) return good(held.authorization);
      const demand = demands.get(demandKey(claim));
      if (demand === undefined) return good(anonymous);
      const { place } = claim;
      return await flights.join(key, `a token of ${place.registry}`, signal, (own) => obtain(claim, forRepository(demand), key, own));
    },

    async answer(claim, refused, spent, signal) {
      const key = keyOf(claim);
      const { place, repository } = claim;
      const held = tokens.get(key);
      // Another request may have renewed it in the meantime.
      if (held !== undefined && held.until > clock() && held.authorization.header !== spent.header) return good(held.authorization);
      tokens.delete(key);
      const demand = readDemand(parseChallenges(refused.headers['www-authenticate']), place);
      if (demand === null) return { ok: false, fault: unauthorized(place.registry, 401, repositoryName(repository), spent.as) };
      if (!demand.ok) return demand;
      demands.set(demandKey(claim), demand.value);
      const renewed = await flights.join(key, `a token of ${place.registry}`, signal, (own) => obtain(claim, demand.value, key, own));
      if (renewed.ok && renewed.value.header === spent.header) {
        return { ok: false, fault: unauthorized(place.registry, 401, repositoryName(repository), renewed.value.as) };
      }
      return renewed;
    },
  };
}

/** Bearer before Basic: a token can do less than a password. Null where there is neither. */
function readDemand(challenges: readonly Challenge[], place: Place): Outcome<Demand> | null {
  const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm'));
  if (bearer !== undefined) {
    const realm = readRealm(bearer, place);
    return realm.ok ? good({ scheme: 'bearer', realm: realm.value }) : realm;
  }
  return challenges.some(({ scheme }) => scheme === 'basic') ? good({ scheme: 'basic' }) : null;
}

/** The demand a registry would make for another repository: the same realm, and the usual scope where it uses that. */
function forRepository(demand: Demand): Demand {
  if (demand.scheme === 'basic') return demand;
  const usual = demand.realm.scope?.startsWith('repository:') === true;
  return usual ? { ...demand, realm: { ...demand.realm, scope: null } } : demand;
}

/** https://distribution.github.io/distribution/spec/auth/scope/ */
function usualScope({ repository, push }: Claim): string {
  return `repository:${repository.repository}:${push ? 'pull,push' : 'pull'}`;
}

function keyOf({ place, repository, access, push }: Claim): string {
  return JSON.stringify([place.registry, repository.repository, access.key, push]);
}

function demandKey({ place, access }: Claim): string {
  return JSON.stringify([place.registry, access.key]);
}

/** 401 after everything was tried. */
export function stillRefused(claim: Claim, status: number, as: AskedAs): Outcome<never> {
  const fault = unauthorized(claim.place.registry, status, repositoryName(claim.repository), as);
  return bad(fault.code, fault.message);
}
