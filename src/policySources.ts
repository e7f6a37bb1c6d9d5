/** Where the configuration has its policies from: a folder, a file, an HTTPS address, a registry. */
import { createHash } from 'node:crypto';
import type { LoadedConfig, Settings } from './config/index.ts';
import { canonicalJson } from './domain/canonical.ts';
import { bad, good, type Outcome } from './domain/fault.ts';
import { parseReference } from './domain/image.ts';
import type { Registry } from './domain/registry.ts';
import { type BundleChecks, createHttpsOrigin, createOciOrigin, readVerificationKey, type SourceOptions } from './policy/index.ts';
import type { Signer } from './signatures/index.ts';

interface SourceNeeds {
  readonly registry: Registry;
  readonly signers: readonly Signer[];
}

export interface PolicySources {
  readonly source: SourceOptions;
  /** null: there is no candidate. */
  readonly candidate: SourceOptions | null;
  close(): Promise<void>;
}

/** Fault: CONFIG_INVALID for keys and addresses that can not be used. Nobody is asked anything yet. */
export async function openPolicySources(config: LoadedConfig, needs: SourceNeeds): Promise<Outcome<PolicySources>> {
  const { policy } = config.settings;
  const checks = await readChecks(config);
  if (!checks.ok) return checks;
  const closing: (() => Promise<void>)[] = [];
  const open = (place: string): Promise<Outcome<SourceOptions>> => openSource(place, config, checks.value, needs, closing);
  const close = async (): Promise<void> => {
    for (const end of closing) await end();
  };
  const source = policy.bundle === null ? good({ directory: config.resolvePath(policy.directory ?? 'policies') }) : await open(policy.bundle);
  const candidate = await openCandidate(policy.candidate, config, open);
  if (source.ok && candidate.ok) return good({ source: source.value, candidate: candidate.value, close });
  await close();
  if (!source.ok) return source;
  return candidate.ok ? bad('INTERNAL', 'the policies could not be opened') : candidate;
}

/** A candidate is a bundle by its address, or by the ending of its file; else a folder. */
async function openCandidate(
  place: string | null,
  config: LoadedConfig,
  open: (place: string) => Promise<Outcome<SourceOptions>>,
): Promise<Outcome<SourceOptions | null>> {
  if (place === null) return good(null);
  return /^(https|oci):\/\/|\.(tar\.gz|tgz)$/.test(place) ? open(place) : good({ directory: config.resolvePath(place) });
}

async function openSource(
  place: string,
  config: LoadedConfig,
  checks: BundleChecks,
  { registry, signers }: SourceNeeds,
  closing: (() => Promise<void>)[],
): Promise<Outcome<SourceOptions>> {
  const { allowOlder, fetch, signers: named } = config.settings.policy;
  const fetched = { checks, every: fetch.every, allowOlder };
  if (place.startsWith('oci://')) {
    const reference = parseReference(place.slice('oci://'.length));
    if (!reference.ok) return bad('CONFIG_INVALID', `policy.bundle: ${reference.fault.message}`);
    const trusted = signers.filter(({ name }) => named.includes(name));
    const trust = await hashTrust(config, named);
    if (!trust.ok) return trust;
    const { revoked } = checks;
    return good({ ...fetched, origin: createOciOrigin({ reference: reference.value, registry, signers: trusted, revoked, trust: trust.value }) });
  }
  if (place.startsWith('https://')) {
    const ca = fetch.caFile === null ? good(null) : await config.file(fetch.caFile);
    if (!ca.ok) return ca;
    const { tokenFile } = fetch;
    const token = tokenFile === null ? null : () => readToken(config, tokenFile);
    const origin = createHttpsOrigin({ url: new URL(place), ca: ca.value === null ? null : Buffer.from(ca.value).toString('utf8'), token });
    closing.push(() => origin.close());
    return good({ ...fetched, origin });
  }
  return good({ bundle: config.resolvePath(place), checks });
}

async function readChecks(config: LoadedConfig): Promise<Outcome<BundleChecks>> {
  const { policy, revoked } = config.settings;
  const digests: ReadonlySet<string> = new Set(revoked.digests);
  if (policy.verification === null) return good({ verification: null, revoked: digests });
  const { keyFile, keyId, scope } = policy.verification;
  const file = await config.file(keyFile);
  if (!file.ok) return file;
  const key = readVerificationKey(Buffer.from(file.value).toString('utf8'));
  if (!key.ok) return bad('CONFIG_INVALID', `policy.verification.keyFile: ${key.fault.message}`, { cause: key.fault.cause });
  return good({ verification: { key: key.value, keyId, scope }, revoked: digests });
}

async function readToken(config: LoadedConfig, path: string): Promise<Outcome<string>> {
  const file = await config.file(path);
  if (!file.ok) return file;
  const token = Buffer.from(file.value).toString('utf8').trim();
  return /^[\x21-\x7e]{1,8192}$/.test(token) ? good(token) : bad('CONFIG_INVALID', 'policy.fetch.tokenFile holds no token: one line of visible characters');
}

/** What a bundle was accepted by: a bundle that was kept on disk counts only under the same. */
async function hashTrust(config: LoadedConfig, named: readonly string[]): Promise<Outcome<string>> {
  const { revoked, signers } = config.settings;
  const trusted = signers.filter(({ name }) => named.includes(name));
  const contents: string[] = [];
  for (const path of trusted.flatMap(filesOf)) {
    const file = await config.file(path);
    if (!file.ok) return file;
    contents.push(createHash('sha256').update(file.value).digest('hex'));
  }
  return good(
    createHash('sha256')
      .update(canonicalJson([trusted, contents, revoked]))
      .digest('hex'),
  );
}

/** Files that a signer's settings name, at any depth. */
function filesOf(settings: Settings['signers'][number]): readonly string[] {
  const found: string[] = [];
  JSON.stringify(settings, (key, value: unknown) => {
    if (typeof value === 'string' && /^file$|File$|^root$/.test(key)) found.push(value);
    return value;
  });
  return found;
}
