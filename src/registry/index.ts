import type { Keychain, Registry } from '../domain/registry.ts';
import { type Resolve, systemResolve } from './address.ts';
import { createAuthorizer } from './authorize.ts';
import { defaultLimits, type RegistryLimits } from './limits.ts';
import { compileReach, type HostRule } from './reach.ts';
import { createBlobs } from './readBlobs.ts';
import { createManifests } from './readManifests.ts';
import { createReferrers } from './readReferrers.ts';
import { createSend } from './retry.ts';
import { createSession } from './session.ts';
import { createTransport, type RequestEvent } from './transport.ts';

export type { RegistryLimits } from './limits.ts';
export type { HostRule } from './reach.ts';
export type { RequestEvent } from './transport.ts';

export interface RegistryOptions {
  /** Who may be contacted; null: the configuration names nobody, and the well-known public registries are. */
  readonly hosts: readonly HostRule[] | null;
  readonly keychain: Keychain;
  readonly limits?: Partial<RegistryLimits>;
  /** Told of every HTTP exchange, for metrics; must not throw. */
  onRequest?(event: RequestEvent): void;
  /** Milliseconds since the epoch. */
  clock?(): number;
  /** DNS. */
  readonly resolve?: Resolve;
}

/** A client of the OCI distribution protocol, read-only: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export function createRegistry(options: RegistryOptions): Registry & { close(): Promise<void> } {
  const limits: RegistryLimits = { ...defaultLimits, ...options.limits };
  const clock = options.clock ?? Date.now;
  const onRequest = options.onRequest ?? (() => {});
  const transport = createTransport({ limits, resolve: options.resolve ?? systemResolve, onRequest });
  const send = createSend({ transport, limits, clock, jitter: Math.random });
  const authorizer = createAuthorizer({ keychain: options.keychain, limits, clock, send });
  const ask = createSession(compileReach(options.hosts), authorizer, send);
  const manifests = createManifests(ask, limits);
  return {
    ...manifests,
    blob: createBlobs(ask, limits),
    referrers: createReferrers(ask, manifests.manifest, limits),
    close: () => transport.close(),
  };
}
