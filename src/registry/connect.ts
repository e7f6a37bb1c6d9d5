import { buildConnector } from 'undici';
import { AddressRefused, type AddressScope, allowsAddress, guardedLookup, type Resolve } from './address.ts';
import { addressScope, type CompiledRule } from './reach.ts';

/** Connects only to addresses that the rule allows for the host: checked for literals here, for names after DNS. */
export function guardedConnector(rule: CompiledRule, timeout: number, resolve: Resolve): buildConnector.connector {
  const connectors = new Map<AddressScope, buildConnector.connector>();
  const connectorOf = (scope: AddressScope): buildConnector.connector => {
    const known = connectors.get(scope);
    if (known !== undefined) return known;
    const made = buildConnector({ allowH2: false, timeout, lookup: guardedLookup(scope, resolve), ...(rule.ca === null ? {} : { ca: rule.ca }) });
    connectors.set(scope, made);
    return made;
  };
  return (options, callback) => {
    const { hostname, protocol, port } = options;
    const bracketed = hostname.includes(':') ? `[${hostname}]` : hostname;
    const scope = addressScope(rule, new URL(`${protocol}//${bracketed}${port === '' ? '' : `:${port}`}`));
    if (/^[0-9.]+$|:/.test(hostname) && !allowsAddress(hostname, scope)) return callback(new AddressRefused('an address that may not be connected to'), null);
    connectorOf(scope)(options, callback);
  };
}
