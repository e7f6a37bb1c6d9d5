/** The line as a configuration wants it: everything between a decoded request and an answer, without listeners. */
import { createHash } from 'node:crypto';
import { createLine, type Line, type LineEvent } from './admission/admit.ts';
import { createModes } from './admission/mode.ts';
import type { LoadedConfig, Settings } from './config/index.ts';
import { createKeychain, credentialKinds, type KeychainEntry } from './credentials/index.ts';
import type { EvidenceSource, Gatherer } from './domain/evidence.ts';
import type { Facts } from './domain/facts.ts';
import { bad, type Fault, type FaultCode, good, type Outcome } from './domain/fault.ts';
import type { Log } from './domain/log.ts';
import { compileMirrors } from './domain/mirror.ts';
import type { RecordKeeper } from './domain/record.ts';
import type { Registry } from './domain/registry.ts';
import type { Resolver } from './domain/resolved.ts';
import { createGatherer } from './evidence/gather.ts';
import { createContentReader } from './images/content.ts';
import { createResolver } from './images/resolve.ts';
import { createPolicies, findOpa, type PolicyRoom } from './policy/index.ts';
import { createRegistry, type RequestEvent } from './registry/index.ts';
import { type ScanKind, type ScanSource, scanKinds } from './scans/index.ts';
import { createLayouts, type Signer, signerKinds } from './signatures/index.ts';

/** What a core shares with the cores before and after it. */
export interface CoreParts {
  readonly log: Log;
  readonly facts: Facts;
  readonly keeper: RecordKeeper;
  readonly newId: () => string;
  readonly onLine?: (event: LineEvent) => void;
  readonly onRegistry?: (event: RequestEvent) => void;
}

export interface Core {
  readonly config: LoadedConfig;
  readonly line: Line;
  readonly resolver: Resolver;
  readonly gatherer: Gatherer;
  readonly signers: readonly Signer[];
  readonly sources: readonly EvidenceSource[];
  readonly policies: PolicyRoom;
  close(): Promise<void>;
}

const assembledImages = 2_000;

/** Builds the line. CONFIG_INVALID for what only shows when it is used: a key that is no key, an unusable CA. */
export async function buildCore(config: LoadedConfig, parts: CoreParts): Promise<Outcome<Core>> {
  const { settings } = config;
  const mirrors = compileMirrors(settings.mirrors);
  if (!mirrors.ok) return mirrors;
  const registry = await openRegistry(config, parts);
  if (!registry.ok) return registry;
  const undo: (() => Promise<void> | void)[] = [() => registry.value.close()];
  const giveUp = async (why: Fault): Promise<Outcome<Core>> => {
    for (const close of undo) await close();
    return { ok: false, fault: why };
  };

  const signers = await createSigners(config, registry.value);
  if (!signers.ok) return giveUp(signers.fault);
  const scans = await createScans(config, signers.value, parts.log);
  if (!scans.ok) return giveUp(scans.fault);
  undo.push(() => {
    for (const source of scans.value) source.close();
  });
  const policies = await openPolicies(settings, config, parts.log);
  if (!policies.ok) return giveUp(policies.fault);
  undo.push(() => policies.value.close());

  const sources: readonly EvidenceSource[] = [...signers.value, ...scans.value];
  const { evidence } = settings;
  const facts = scopeFacts(parts.facts, settings);
  const resolver = createResolver(registry.value, mirrors.value, facts, evidence);
  const gatherer = createGatherer(sources, createContentReader(registry.value, settings.platforms), facts, { ...evidence, assembled: assembledImages });
  const line = createLine({
    resolver,
    gatherer,
    policies: policies.value,
    rules: { faults: new Map(faultEffects(settings)) },
    modes: createModes(settings.mode),
    keeper: parts.keeper,
    recordRequired: settings.audit.required,
    configRevision: config.revision,
    clock: Date.now,
    timer: () => performance.now(),
    newId: parts.newId,
    observe: parts.onLine ?? (() => {}),
    unexpected: (error) => parts.log.error({ err: error }, 'something failed that never should; please report it'),
    namespaceLabels: () => null,
  });
  const close = async (): Promise<void> => {
    for (const end of undo.toReversed()) await end();
  };
  return good({ config, line, resolver, gatherer, signers: signers.value, sources, policies: policies.value, close });
}

/** Facts of the registries that this configuration lists, as it lists them: a registry that is struck off the list is forgotten with its facts. */
function scopeFacts(facts: Facts, { registries }: Settings): Facts {
  const scope = createHash('sha256').update(JSON.stringify(registries)).digest('hex').slice(0, 16);
  return {
    know: (key, lifetime, ask, deadline) => facts.know(`${scope} ${key}`, lifetime, ask, deadline),
    learn: (key, value) => facts.learn(`${scope} ${key}`, value),
  };
}

async function openRegistry(config: LoadedConfig, parts: CoreParts): Promise<Outcome<Registry & { close(): Promise<void> }>> {
  const listed = config.settings.registries;
  const chains: KeychainEntry[] = [];
  const hosts = [];
  for (const { host, plainHTTP, caFile, alsoHosts, credentials } of listed ?? []) {
    const ca = caFile === null ? good(null) : await config.file(caFile);
    if (!ca.ok) return ca;
    hosts.push({ host, plainHTTP, ca: ca.value === null ? null : Buffer.from(ca.value).toString('utf8'), alsoHosts });
    if (credentials === null) {
      // Named here, so that it does not get those of a wider rule.
      chains.push({ host, keychain: null });
      continue;
    }
    const keychain = await credentialKinds[credentials.kind].create(credentials, { file: config.file });
    if (!keychain.ok) return keychain;
    chains.push({ host, keychain: keychain.value });
  }
  return good(
    createRegistry({
      hosts: listed === null ? null : hosts,
      keychain: createKeychain(chains),
      ...(parts.onRegistry === undefined ? {} : { onRequest: parts.onRegistry }),
    }),
  );
}

async function createSigners(config: LoadedConfig, registry: Registry): Promise<Outcome<readonly Signer[]>> {
  const layouts = createLayouts(registry);
  const signers: Signer[] = [];
  for (const entry of config.settings.signers) {
    const signer = await signerKinds[entry.kind].create(entry, { file: config.file, layouts, revoked: config.settings.revoked });
    if (!signer.ok) return bad('CONFIG_INVALID', `signer ${entry.name}: ${signer.fault.message}`, { cause: signer.fault.cause });
    signers.push(signer.value);
  }
  return good(signers);
}

async function createScans(config: LoadedConfig, signers: readonly Signer[], log: Log): Promise<Outcome<readonly ScanSource[]>> {
  const sources: ScanSource[] = [];
  for (const entry of config.settings.scans) {
    const kind: ScanKind = scanKinds[entry.kind];
    const source = await kind.create(entry, {
      attestations: (names, subject, digest, signal) => attestationsBy(signers, names, subject, digest, signal),
      resolvePath: config.resolvePath,
      clock: Date.now,
      log,
    });
    if (!source.ok) {
      for (const opened of sources) opened.close();
      return bad('CONFIG_INVALID', `scan source ${entry.name}: ${source.fault.message}`, { cause: source.fault.cause });
    }
    sources.push(source.value);
  }
  return good(sources);
}

/** What several signers vouch for; could not look only if none of them could. */
async function attestationsBy(
  signers: readonly Signer[],
  names: readonly string[],
  subject: Parameters<Signer['attestations']>[0],
  digest: Parameters<Signer['attestations']>[1],
  signal: AbortSignal,
): ReturnType<Signer['attestations']> {
  const asked = signers.filter((signer) => names.includes(signer.name) && signer.applies(subject.image));
  const outcomes = await Promise.all(asked.map((signer) => signer.attestations(subject, digest, signal)));
  const first = outcomes.find((outcome) => !outcome.ok);
  if (first !== undefined && outcomes.every((outcome) => !outcome.ok)) return first;
  const found = outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : []));
  return good({
    signatures: [],
    attestations: found.flatMap((finds) => finds.attestations),
    scans: [],
    rejected: found.flatMap((finds) => finds.rejected),
    faults: [...found.flatMap((finds) => finds.faults), ...outcomes.flatMap((outcome) => (outcome.ok ? [] : [outcome.fault]))],
  });
}

function openPolicies(settings: Settings, config: LoadedConfig, log: Log): Promise<Outcome<PolicyRoom>> {
  const { policy } = settings;
  const source = policy.bundle === null ? { directory: config.resolvePath(policy.directory ?? 'policies') } : { bundle: config.resolvePath(policy.bundle) };
  return createPolicies({
    source,
    opa: findOpa,
    required: policy.required,
    modes: policy.modes,
    data: policy.data,
    timeout: policy.timeout,
    recordedAnnotations: settings.audit.annotations,
    log: (level, message, details) => log[level](details ?? {}, message),
  });
}

function faultEffects(settings: Settings): [FaultCode, 'deny' | 'warn' | 'ignore'][] {
  return Object.entries(settings.policy.faults).flatMap(([code, effect]) => (effect === undefined ? [] : [[code as FaultCode, effect]]));
}
