import { bad, good } from '../domain/fault.ts';
import { type Keychain, matchesHost, ownAccess } from '../domain/registry.ts';

/** The credentials of one entry of `registries`. */
export interface KeychainEntry {
  /** `host[:port]` or `*.domain[:port]`. */
  readonly host: string;
  readonly keychain: Keychain;
}

/**
 * The configuration's own credentials: the first entry whose host matches is asked, and no other. It serves the access of the
 * configuration alone: a request with a Pod's right never gets more than that Pod brought, so it needs the keychain of its Pod.
 */
export function createKeychain(entries: readonly KeychainEntry[]): Keychain {
  return {
    async credential(host, repository, access, signal) {
      if (access.key !== ownAccess.key) return bad('REGISTRY_UNAUTHORIZED', `no credentials are held for the right with which ${host} is asked`);
      const entry = entries.find((one) => matchesHost(one.host, host));
      return entry === undefined ? good(null) : await entry.keychain.credential(host, repository, access, signal);
    },
  };
}
