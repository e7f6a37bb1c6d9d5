import { bad, good } from '../domain/fault.ts';
import { findRule, type Keychain, ownAccess } from '../domain/registry.ts';

/** The credentials of one entry of `registries`. */
export interface KeychainEntry {
  /** `host[:port]` or `*.domain[:port]`. */
  readonly host: string;
  /** Null: this registry is asked anonymously, whatever a wildcard above it has. */
  readonly keychain: Keychain | null;
}

/**
 * The configuration's own credentials. The entry that decides how a host is reached is the one that is asked for its credentials, and
 * no other. It serves the access of the configuration alone; the rights of Pods are another keychain's (pullRights.ts).
 */
export function createKeychain(entries: readonly KeychainEntry[]): Keychain {
  return {
    async credential(host, repository, access, signal) {
      if (access.key !== ownAccess.key) return bad('REGISTRY_UNAUTHORIZED', `no credentials are held for the right with which ${host} is asked`);
      const keychain = findRule(entries, host)?.keychain ?? null;
      return keychain === null ? good(null) : await keychain.credential(host, repository, access, signal);
    },
  };
}
