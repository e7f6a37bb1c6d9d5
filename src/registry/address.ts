import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import ipaddr from 'ipaddr.js';

/**
 * Which addresses a host may turn out to have.
 * - `public`: only the open Internet. For hosts that the configuration does not name.
 * - `private`: also those inside an organisation (RFC 1918, unique local, CGNAT). For hosts below a `*.domain` it names.
 * - `any`: also loopback. For a host it names exactly, by name.
 * - `itself`: the address is what the configuration names.
 */
export type AddressScope = 'public' | 'private' | 'any' | 'itself';

/** As dns.lookup with `all`: injected by tests. */
export type Resolve = (hostname: string, done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void) => void;

export const systemResolve: Resolve = (hostname, done) => lookup(hostname, { all: true }, done);

export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';
}

const inside: ReadonlySet<string> = new Set(['private', 'uniqueLocal', 'carrierGradeNat']);

/**
 * Whether an address may be connected to. An IPv4 address in any of the wrappings of IPv6 (mapped, NAT64, 6to4, Teredo) counts as the
 * address it leads to, or is refused. Link-local (where clouds keep their metadata), unspecified, multicast and reserved ones never are.
 */
export function allowsAddress(text: string, scope: AddressScope): boolean {
  if (scope === 'itself') return true;
  if (!ipaddr.isValid(text)) return false;
  const address = ipaddr.process(text);
  const embedded = address instanceof ipaddr.IPv6 ? embeddedIPv4(address) : null;
  if (embedded !== null) return allowsAddress(embedded, scope);
  const range = address.range();
  if (range === 'unicast') return !isCompatible(address);
  if (inside.has(range)) return scope !== 'public';
  return range === 'loopback' && scope === 'any';
}

/** A lookup for net.connect that hides the addresses a host may not have, and fails when it has no other. */
export function guardedLookup(scope: AddressScope, resolve: Resolve): LookupFunction {
  return (hostname, options, done) => {
    resolve(hostname, (error, addresses) => {
      if (error !== null) return done(error, '');
      const wanted = options.family === 4 || options.family === 6 ? addresses.filter(({ family }) => family === options.family) : addresses;
      const allowed = wanted.filter(({ address }) => isIP(address) !== 0 && allowsAddress(address, scope));
      const [first] = allowed;
      if (first === undefined) return done(new AddressRefused('no address that may be connected to'), '');
      if (options.all === true) return done(null, allowed);
      return done(null, first.address, first.family);
    });
  };
}

/** NAT64 well-known prefix 64:ff9b::/96, RFC 6052. */
function embeddedIPv4(address: ipaddr.IPv6): string | null {
  if (address.range() !== 'rfc6052') return null;
  return address.toByteArray().slice(12).join('.');
}

/** IPv4-compatible ::a.b.c.d (RFC 4291, 2.5.5.1): deprecated, and some stacks still route it. */
function isCompatible(address: ipaddr.IPv4 | ipaddr.IPv6): boolean {
  return address instanceof ipaddr.IPv6 && address.parts.slice(0, 6).every((part) => part === 0);
}
