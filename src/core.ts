/** The line as a configuration wants it: everything between a decoded request and an answer, without listeners. */
import { createHash, X509Certificate } from 'node:crypto';
import { createLine } from './admission/admit.ts';
import type { ComparedEvent, Line, LineEvent } from './admission/line.ts';
import { createModes } from './admission/mode.ts';
import type { ClusterApi } from './cluster/api.ts';
import type { LoadedConfig, Settings } from './config/index.ts';
import { type CredentialKind, createKeychain, credentialKinds, type KeychainEntry } from './credentials/index.ts';
import type { EvidenceSource, Gatherer } from './domain/evidence.ts';
import type { Facts } from './domain/facts.ts';
import { bad, type Fault, type FaultCode, good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import { compileMirrors } from './domain/mirror.ts';
import type { RecordKeeper } from './domain/record.ts';
import type { Keychain } from './domain/registry.ts';
import type { Resolver } from './domain/resolved.ts';
import { createGatherer } from './evidence/gather.ts';
import { type OpenedExceptions, openExceptions } from './exceptionSources.ts';
import { createContentReader } from './images/content.ts';
import { createResolver } from './images/resolve.ts';
import { createPolicies, type FetchOutcome, findOpa, type PolicyRoom } from './policy/index.ts';
import { openPolicySources, type PolicySources } from './policySources.ts';
import { openPullRights } from './pullRights.ts';
import { type BreakerEvent, createOutbound, createRegistry, type RegistryClient, type RequestEvent } from './registry/index.ts';
import { createScans } from './scanSources.ts';
import { createLayouts, createProving, createTrustRoots, type Signer, type SignerKind, type SignerParts, signerKinds } from './signatures/index.ts';

/** What a core shares with the cores before and after it. */
export interface CoreParts {
  readonly log: Log;
  readonly facts: Facts;
  readonly keeper: RecordKeeper;
  readonly newId: () => string;
  /** How to reach the cluster that Pods are judged for; at the desk there is none. */
  readonly cluster?: (config: LoadedConfig) => Promise<Outcome<ClusterApi>>;
  /** What is around the Pods that are judged; at the desk nothing is known of it. */
  readonly surroundings?: Surroundings;
  readonly onLine?: (event: LineEvent) => void;
  readonly onCompared?: (event: ComparedEvent) => void;
  /** Given where policies last, and not for one look: then they are kept on disk, and candidates judge too. */
  readonly onFetched?: (outcome: FetchOutcome) => void;
  readonly onRegistry?: (event: RequestEvent) => void;
  readonly onBreaker?: (event: BreakerEvent) => void;
}

export interface Surroundings {
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | null;
  /** Of the nodes; null while they are not known. */
  platforms(): readonly string[] | null;
}

export interface Core {
  readonly config: LoadedConfig;
  readonly line: Line;
  readonly resolver: Resolver;
  readonly gatherer: Gatherer;
  readonly signers: readonly Signer[];
  readonly sources: readonly EvidenceSource[];
  readonly policies: PolicyRoom;
  readonly exceptions: OpenedExceptions;
  close(): Promise<void>;
}

const assembledImages = 2_000;

/** Builds the line. CONFIG_INVALID for what only shows when it is used: a key that is no key, an unusable CA. */
export async function buildCore(config: LoadedConfig, parts: CoreParts): Promise<Outcome<Core>> {
  const { settings } = config;
  const mirrors = compileMirrors(settings.mirrors, settings.region);
  if (!mirrors.ok) return mirrors;
  const keychain = await openKeychain(config);
  if (!keychain.ok) return keychain;
  const rights = await openPullRights(config, { configured: keychain.value, mirrors: mirrors.value, connect: parts.cluster ?? null });
  if (!rights.ok) return rights;
  const registry = await openRegistry(config, rights.value ?? keychain.value, parts);
  if (!registry.ok) return registry;
  const undo: (() => Promise<void> | void)[] = [() => registry.value.close()];
  const giveUp = async (why: Fault): Promise<Outcome<Core>> => {
    for (const close of undo) await close();
    return { ok: false, fault: why };
  };

  const facts = scopeFacts(parts.facts, settings);
  const proving = createProving();
  undo.push(() => proving.close());
  const outbound = createOutbound();
  undo.push(() => outbound.close());
  const signers = await createSigners(config, { registry: registry.value, outbound: outbound.ask, facts, proving }, parts.log);
  if (!signers.ok) return giveUp(signers.fault);
  const scans = await createScans(config, { mirrors: mirrors.value, signers: signers.value, registry: registry.value, log: parts.log });
  if (!scans.ok) return giveUp(scans.fault);
  undo.push(() => scans.value.close());
  const places = await openPolicySources(config, { registry: registry.value, signers: signers.value });
  if (!places.ok) return giveUp(places.fault);
  undo.push(() => places.value.close());
  const policies = await openPolicies(config, places.value, parts);
  if (!policies.ok) return giveUp(policies.fault);
  undo.push(() => policies.value.close());

  const exceptions = await openExceptions(config, { connect: parts.cluster ?? null, log: parts.log });
  if (!exceptions.ok) return giveUp(exceptions.fault);
  undo.push(() => exceptions.value.close());

  const sources: readonly EvidenceSource[] = [...signers.value, ...scans.value.sources];
  const { evidence } = settings;
  const resolver = createResolver(registry.value, mirrors.value, facts, evidence, registry.value);
  const gatherer = createGatherer(sources, createContentReader(registry.value), facts, { ...evidence, assembled: assembledImages }, registry.value.isScarce);
  const line = createLine({
    rights: rights.value,
    resolver,
    gatherer,
    policies: policies.value,
    rules: { faults: new Map(faultEffects(settings)), revoked: new Set(settings.revoked.digests) },
    exceptions: exceptions.value.room,
    modes: createModes(settings.mode),
    keeper: parts.keeper,
    recordRequired: settings.audit.required,
    configRevision: config.revision,
    clock: Date.now,
    timer: () => performance.now(),
    newId: parts.newId,
    observe: parts.onLine ?? (() => {}),
    compared: parts.onCompared ?? (() => {}),
    unexpected: (error) => parts.log.error({ err: error }, 'something failed that never should; please report it'),
    platforms: () => settings.platforms ?? parts.surroundings?.platforms() ?? ['linux/amd64'],
    namespaceLabels: (namespace) => parts.surroundings?.namespaceLabels(namespace) ?? null,
  });
  const close = async (): Promise<void> => {
    for (const end of undo.toReversed()) await end();
  };
  return good({ config, line, resolver, gatherer, signers: signers.value, sources, policies: policies.value, exceptions: exceptions.value, close });
}

/** Facts of the registries that this configuration lists, as it lists them: a registry that is struck off the list is forgotten with its facts. */
function scopeFacts(facts: Facts, { registries }: Settings): Facts {
  const scope = createHash('sha256').update(JSON.stringify(registries)).digest('hex').slice(0, 16);
  return {
    know: (key, lifetime, ask, deadline) => facts.know(`${scope} ${key}`, lifetime, ask, deadline),
    learn: (key, value) => facts.learn(`${scope} ${key}`, value),
  };
}

/** The configuration's own credentials. */
async function openKeychain(config: LoadedConfig): Promise<Outcome<Keychain>> {
  const chains: KeychainEntry[] = [];
  for (const { host, credentials } of config.settings.registries ?? []) {
    if (credentials === null) {
      // Named here, so that it does not get those of a wider rule.
      chains.push({ host, keychain: null });
      continue;
    }
    const kind: CredentialKind = credentialKinds[credentials.kind];
    const keychain = await kind.create(credentials, { file: config.file });
    if (!keychain.ok) return bad(keychain.fault.code, `the credentials of registry ${host}: ${keychain.fault.message}`, { cause: keychain.fault.cause });
    chains.push({ host, keychain: keychain.value });
  }
  return good(createKeychain(chains));
}

/** A client with the configuration's own credentials, for what is kept in a registry rather than judged. */
export async function openOwnRegistry(config: LoadedConfig): Promise<Outcome<RegistryClient>> {
  const keychain = await openKeychain(config);
  return keychain.ok ? openRegistry(config, keychain.value, {}) : keychain;
}

async function openRegistry(config: LoadedConfig, keychain: Keychain, parts: Pick<CoreParts, 'onRegistry' | 'onBreaker'>): Promise<Outcome<RegistryClient>> {
  const listed = config.settings.registries;
  const hosts = [];
  for (const { host, endpoint, plainHTTP, caFile, alsoHosts } of listed ?? []) {
    const ca = caFile === null ? good(null) : await config.file(caFile);
    if (!ca.ok) return ca;
    if (ca.value !== null && !holdsCertificates(ca.value))
      return bad('CONFIG_INVALID', `the caFile of registry ${host} holds no PEM certificate, or one that can not be read`);
    hosts.push({ host, endpoint, plainHTTP, ca: ca.value === null ? null : Buffer.from(ca.value).toString('utf8'), alsoHosts });
  }
  return good(
    createRegistry({
      hosts: listed === null ? null : hosts,
      keychain,
      ...(parts.onRegistry === undefined ? {} : { onRequest: parts.onRegistry }),
      ...(parts.onBreaker === undefined ? {} : { onBreaker: parts.onBreaker }),
    }),
  );
}

/** Node takes any text for authorities, and then trusts nobody: that would look like an outage of the registry. */
function holdsCertificates(pem: Uint8Array): boolean {
  const blocks =
    Buffer.from(pem)
      .toString('latin1')
      .match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  try {
    return blocks.length > 0 && blocks.every((block) => new X509Certificate(block).raw.length > 0);
  } catch {
    return false;
  }
}

type SharedParts = Pick<SignerParts, 'registry' | 'outbound' | 'facts' | 'proving'>;

async function createSigners(config: LoadedConfig, shared: SharedParts, log: Log): Promise<Outcome<readonly Signer[]>> {
  const layouts = createLayouts(shared.registry);
  const trustRoots = createTrustRoots({ file: config.file, directory: config.resolvePath('state/tuf'), log, clock: Date.now });
  const signers: Signer[] = [];
  for (const entry of config.settings.signers) {
    const kind: SignerKind = signerKinds[entry.kind];
    const signer = await kind.create(entry, { ...shared, file: config.file, layouts, trustRoots, revoked: config.settings.revoked });
    if (!signer.ok) return bad('CONFIG_INVALID', `signer ${entry.name}: ${signer.fault.message}`, { cause: signer.fault.cause });
    signers.push(signer.value);
  }
  return good(signers);
}

function openPolicies(config: LoadedConfig, { source, candidate }: PolicySources, { log, onFetched }: CoreParts): Promise<Outcome<PolicyRoom>> {
  const { audit, policy } = config.settings;
  return createPolicies({
    source,
    ...(onFetched === undefined ? {} : { candidate, candidateModes: policy.candidateModes, state: config.resolvePath(policy.state), fetched: onFetched }),
    opa: findOpa,
    required: policy.required,
    modes: policy.modes,
    data: policy.data,
    timeout: policy.timeout,
    recordedAnnotations: audit.annotations,
    log: (level, message, details) => log[level](details ?? {}, message),
  });
}

function faultEffects(settings: Settings): [FaultCode, 'deny' | 'warn' | 'ignore'][] {
  return Object.entries(settings.policy.faults).flatMap(([code, effect]) => (effect === undefined ? [] : [[code as FaultCode, effect]]));
}
