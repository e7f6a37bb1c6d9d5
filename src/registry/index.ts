import type { Repository } from '../domain/image.ts';
import type { Access, ArtifactStore, Keychain, Registry } from '../domain/registry.ts';
import { type Resolve, systemResolve } from './address.ts';
import { createArtifacts } from './artifacts.ts';
import { createAuthorizer } from './authorize.ts';
import { type BreakerEvent, createGate } from './gate.ts';
import { defaultLimits, type RegistryLimits } from './limits.ts';
import { compileReach, type HostRule } from './reach.ts';
import { createBlobs } from './readBlobs.ts';
import { createManifests } from './readManifests.ts';
import { createReferrers } from './readReferrers.ts';
import { createSend } from './retry.ts';
import { createSession } from './session.ts';
import { createTransport, type RequestEvent } from './transport.ts';

export type { BreakerEvent } from './gate.ts';
export type { RegistryLimits } from './limits.ts';
export { createOutbound, type OutboundClient } from './outbound.ts';
export type { HostRule } from './reach.ts';
export type { RequestEvent } from './transport.ts';

export interface RegistryOptions {
  /** Who may be contacted; null: the configuration names nobody, and the well-known public registries are. */
  readonly hosts: readonly HostRule[] | null;
  readonly keychain: Keychain;
  readonly limits?: Partial<RegistryLimits>;
  /** Told of every HTTP exchange, for metrics; must not throw. */
  onRequest?(event: RequestEvent): void;
  /** Told whenever a host is no longer asked, tried, or asked again; must not throw. */
  onBreaker?(event: BreakerEvent): void;
  /** Milliseconds since the epoch. */
  clock?(): number;
  /** DNS. */
  readonly resolve?: Resolve;
  /** From 0 to 1. */
  jitter?(): number;
}

export interface RegistryClient extends Registry {
  readonly artifacts: ArtifactStore;
  /** Whether the registry of a repository is asked at all: false from when it failed again and again until it was seen to answer. */
  isAsked(repository: Repository): boolean;
  /** Whether the registry has said lately that little is left of a rate limit: what can wait should. */
  isScarce(repository: Repository, access: Access): boolean;
  close(): Promise<void>;
}

/** A client of the OCI distribution protocol, read-only but for artifacts of our own: https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md */
export function createRegistry(options: RegistryOptions): RegistryClient {
  const limits: RegistryLimits = { ...defaultLimits, ...options.limits };
  const clock = options.clock ?? Date.now;
  const onRequest = options.onRequest ?? (() => {});
  const jitter = options.jitter ?? Math.random;
  const reach = compileReach(options.hosts);
  const gate = createGate({ breaker: limits.breaker, budget: limits, clock, jitter, onBreaker: options.onBreaker ?? (() => {}) });
  const transport = createTransport({ limits, resolve: options.resolve ?? systemResolve, gate, onRequest });
  const send = createSend({ transport, limits, clock, jitter });
  const authorizer = createAuthorizer({ keychain: options.keychain, limits, clock, send });
  const ask = createSession(reach, authorizer, send);
  const manifests = createManifests(ask, limits);
  const blob = createBlobs(ask, limits);
  return {
    ...manifests,
    blob,
    artifacts: createArtifacts(ask, { ...manifests, blob }, limits),
    referrers: createReferrers(ask, manifests.manifest, limits),
    isAsked(repository) {
      const found = reach.place(repository);
      return !found.ok || gate.isClosed(new URL(found.value.origin).host);
    },
    isScarce(repository, { key }) {
      const found = reach.place(repository);
      return found.ok && gate.isScarce({ host: new URL(found.value.origin).host, access: key });
    },
    close: () => transport.close(),
  };
}
