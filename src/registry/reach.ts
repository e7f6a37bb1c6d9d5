import { isIP } from 'node:net';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { parseRepository, type Repository } from '../domain/image.ts';
import { findRule, matchesHost } from '../domain/registry.ts';
import { safeText } from '../domain/text.ts';
import type { AddressScope } from './address.ts';
import { publicRegistries } from './wellKnown.ts';

/** A registry that may be contacted. */
export interface HostRule {
  /** Exact with its port, or `*.domain` for every host below it. */
  readonly host: string;
  /** Host whose API is asked instead, where the name that nodes pull by leads elsewhere from here. Absent: the host itself. */
  readonly endpoint?: string | null;
  /** HTTP without TLS, to this host alone. */
  readonly plainHTTP: boolean;
  /** PEM, instead of the system's certificate authorities. */
  readonly ca: string | null;
  /** Token realms, redirects and blob hosts that this registry may send us to. */
  readonly alsoHosts: readonly string[];
}

/** One registry, and how far it may lead. */
export interface Place {
  /** As references name it. */
  readonly registry: string;
  /** `scheme://host[:port]` of its API. */
  readonly origin: string;
  readonly rule: CompiledRule;
}

export interface CompiledRule {
  readonly ca: string | null;
  readonly plainHTTP: boolean;
  /** Host of its API, where the rule names another one. */
  readonly endpoint: string | null;
  /** Hosts that the rule itself means. */
  readonly own: readonly ListedHost[];
  readonly also: readonly ListedHost[];
}

interface ListedHost {
  readonly pattern: string;
  readonly scope: AddressScope;
}

export interface Reach {
  /** The place of a repository's registry. Faults: REFERENCE_INVALID, REGISTRY_NOT_LISTED; nothing was sent. */
  place(repository: Repository): Outcome<Place>;
}

/** Compiles the list of who may be contacted; null: the well-known public registries. */
export function compileReach(hosts: readonly HostRule[] | null): Reach {
  const compiled = hosts === null ? publicRegistries.map((known) => compilePublic(known.host)) : hosts.map(compileRule);
  return {
    place(repository) {
      const name = `${repository.registry}/${repository.repository}`;
      const parsed = parseRepository(name);
      if (!parsed.ok || parsed.value.registry !== repository.registry || parsed.value.repository !== repository.repository) {
        return bad('REFERENCE_INVALID', `${safeText(name, 300)} is no repository of a registry`);
      }
      const { registry } = repository;
      const found = findRule(compiled, registry);
      if (found === null) {
        return bad('REGISTRY_NOT_LISTED', `the registry ${registry} is not among those that may be contacted; list it under registries in the configuration`);
      }
      const { rule } = found;
      const endpoint = `${rule.plainHTTP ? 'http' : 'https'}://${rule.endpoint ?? endpointOf(registry)}`;
      // As URL.origin writes it, so that it can be compared; a port beyond 65535 is the only thing left that makes no URL.
      if (!URL.canParse(endpoint)) return bad('REFERENCE_INVALID', `the registry ${registry} has no valid port`);
      return good({ registry, origin: new URL(endpoint).origin, rule });
    },
  };
}

/** Where a registry that a place belongs to leads. */
export type Derived = 'redirect' | 'realm';

/**
 * Whether a registry may send us to a URL: HTTPS and listed, or the registry itself. A wildcard does not make its hosts each other's
 * token realm, since credentials go there.
 */
export function allowsDerived(place: Place, url: URL, as: Derived): boolean {
  if (url.username !== '' || url.password !== '') return false;
  if (url.origin === place.origin) return true;
  if (url.protocol !== 'https:') return false;
  const listed = as === 'realm' ? place.rule.also : [...place.rule.own, ...place.rule.also];
  return listed.some(({ pattern }) => matchesHost(pattern, url.host));
}

/** Which addresses a host may have, by the rule that led to it. */
export function addressScope(rule: CompiledRule, url: URL): AddressScope {
  const host = url.host;
  const listed = [...rule.own, ...rule.also].filter(({ pattern }) => matchesHost(pattern, host));
  const scopes: readonly AddressScope[] = listed.map(({ scope }) => scope);
  const literal = isIP(url.hostname.replace(/^\[|\]$/g, '')) !== 0;
  if (scopes.includes('any')) return literal ? 'itself' : 'any';
  return scopes.includes('private') ? 'private' : 'public';
}

/** Servers that are no registries: each means itself, over HTTP or HTTPS. */
export function compileListed(hosts: readonly string[]): CompiledRule {
  return { ca: null, plainHTTP: false, endpoint: null, own: hosts.map((host) => listed(canonicalHost(canonicalHost(host, true), false))), also: [] };
}

function listed(pattern: string): ListedHost {
  return { pattern, scope: pattern.startsWith('*.') ? 'private' : 'any' };
}

function compileRule(rule: HostRule): { readonly host: string; readonly rule: CompiledRule } {
  const host = canonicalHost(rule.host, rule.plainHTTP);
  const known = publicRegistries.find((registry) => registry.host === rule.host);
  const endpoint = rule.endpoint ?? null;
  const asked = endpoint === null ? (known?.endpoint ?? null) : canonicalHost(endpoint, rule.plainHTTP);
  return {
    host: rule.host,
    rule: {
      ca: rule.ca,
      plainHTTP: rule.plainHTTP,
      endpoint,
      own: [host, ...(asked === null ? [] : [asked])].map(listed),
      also: [...rule.alsoHosts.map((also) => listed(canonicalHost(also, false))), ...(known?.alsoHosts ?? []).map(open)],
    },
  };
}

function compilePublic(host: string): { readonly host: string; readonly rule: CompiledRule } {
  const known = publicRegistries.find((registry) => registry.host === host);
  const own = [known?.endpoint ?? host].map(open);
  return { host, rule: { ca: null, plainHTTP: false, endpoint: null, own, also: (known?.alsoHosts ?? []).map(open) } };
}

function open(pattern: string): ListedHost {
  return { pattern, scope: 'public' };
}

function endpointOf(registry: string): string {
  return publicRegistries.find(({ host }) => host === registry)?.endpoint ?? registry;
}

/** As URL.host writes it: lower case, without the scheme's own port. */
function canonicalHost(host: string, plain: boolean): string {
  const suffix = plain ? ':80' : ':443';
  const lower = host.toLowerCase();
  return lower.endsWith(suffix) ? lower.slice(0, -suffix.length) : lower;
}
