import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import canonicalize from 'canonicalize';
import { bad, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';
import { type ConfigFault, formatPath, type Path } from './fault.ts';
import { type ReferredFile, readBounded, referredFiles, resolveFrom } from './files.ts';
import { defaultSettings, inOrder, type ParsedConfig, parseConfig } from './parse.ts';
import { inspectReferents } from './referents.ts';
import type { Settings } from './schema/index.ts';

/** Where to look for a configuration. */
export interface LoadRequest {
  /** `--config FILE`; comes before all else. */
  readonly file?: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
}

/** A valid configuration, in force as long as nobody loads another. */
export interface LoadedConfig {
  /** Every default applied; durations in milliseconds. */
  readonly settings: Settings;
  /** Path of the file, or null: the defaults. */
  readonly source: string | null;
  /** Hex SHA-256 over the settings and the keys and CAs they refer to. */
  readonly revision: string;
  /** Changes with anything that was read, secrets included; for this process only, never shown. */
  readonly fingerprint: string;
  /** Absolute paths of all that was read. */
  readonly files: readonly string[];
  /** Content of a file, relative to the configuration's folder, of at most 1 MiB. */
  file(path: string): Promise<Outcome<Uint8Array>>;
  resolvePath(path: string): string;
  /** What only shows when it is used, as far as that can be said without starting anything. */
  inspect(): Promise<readonly ConfigFault[]>;
  /** A fault at a path of the document: at the nearest part of it that was written. */
  blame(path: Path, message: string): ConfigFault;
  /** Loads what is there now from the same place. */
  reload(): Promise<LoadOutcome>;
}

export type LoadOutcome = { readonly ok: true; readonly config: LoadedConfig } | { readonly ok: false; readonly faults: readonly ConfigFault[] };

/** Finds, reads and checks the configuration, with every file it refers to. */
export async function loadConfig(request: LoadRequest): Promise<LoadOutcome> {
  const named = request.file ?? (request.env['TIDEWAITER_CONFIG'] || undefined);
  const found = named ?? ((await exists(join(request.cwd, 'tidewaiter.yaml'))) ? 'tidewaiter.yaml' : null);
  if (found === null) {
    const settings = await placePolicies(defaultSettings(), request.cwd, request.env);
    return good(await assemble(settings, null, request.cwd, [], '', request, blameIn(null, null)));
  }
  const source = resolve(request.cwd, found);
  const bytes = await readBounded(source);
  if (!bytes.ok) return { ok: false, faults: [placeless(found, bytes.fault.message)] };
  const text = decode(bytes.value);
  if (text === null) return { ok: false, faults: [placeless(found, 'it is not UTF-8 text')] };
  const parsed = parseConfig(text, found);
  const folder = dirname(source);
  const read = await readReferred(parsed, folder, found);
  const faults = inOrder([...parsed.faults, ...read.faults]);
  if (parsed.settings === null || faults.length > 0) return { ok: false, faults };
  const settings = await placePolicies(parsed.settings, folder, request.env);
  return good(await assemble(settings, source, folder, read.files, text, request, blameIn(found, parsed)));
}

const mostFiles = 1000;

interface ReadFile extends ReferredFile {
  readonly absolute: string;
  readonly bytes: Uint8Array;
}

function good(config: LoadedConfig): LoadOutcome {
  return { ok: true, config };
}

function placeless(file: string, message: string): ConfigFault {
  return { path: '', message, file, line: null, column: null };
}

/** @param parsed null: there is no file, only the defaults */
function blameIn(file: string | null, parsed: ParsedConfig | null): LoadedConfig['blame'] {
  return (path, message) => {
    const { line, column } = parsed?.locate(path) ?? { line: null, column: null };
    return { path: formatPath(path), message, file, line, column };
  };
}

/** Reads what the document refers to, be the document right or not: a missing key file is a fault like any other. */
async function readReferred(
  { document, faults: known, locate }: ParsedConfig,
  folder: string,
  name: string,
): Promise<{ files: ReadFile[]; faults: ConfigFault[] }> {
  const files: ReadFile[] = [];
  const faults: ConfigFault[] = [];
  const blamed = new Set(known.map(({ path }) => path));
  for (const referred of referredFiles(document)
    .filter(({ path }) => !blamed.has(formatPath(path)))
    .slice(0, mostFiles)) {
    const absolute = resolveFrom(folder, referred.file);
    const bytes = await readBounded(absolute);
    if (bytes.ok) {
      files.push({ ...referred, absolute, bytes: bytes.value });
      continue;
    }
    const { line, column } = locate(referred.path);
    faults.push({ path: formatPath(referred.path), message: `${safeText(referred.file, 200)}: ${bytes.fault.message}`, file: name, line, column });
  }
  return { files, faults };
}

/** Fills in what depends on the surroundings: where the policies are, and whether this is a Pod. */
async function placePolicies(settings: Settings, folder: string, env: LoadRequest['env']): Promise<Settings> {
  const inPod = (env['KUBERNETES_SERVICE_HOST'] ?? '') !== '';
  const cluster = settings.cluster ?? (inPod ? { kubeconfig: null, pullSecrets: false } : null);
  const { policy } = settings;
  if (policy.directory !== null || policy.bundle !== null) return { ...settings, cluster };
  const beside = join(folder, 'policies');
  const shipped = await shippedPolicies();
  const directory = (await exists(beside)) || shipped === null ? 'policies' : shipped;
  return { ...settings, cluster, policy: { ...policy, directory } };
}

/** The policies that come with the program: at the top of the sources, or beside the bundle. */
async function shippedPolicies(): Promise<string | null> {
  const here = dirname(fileURLToPath(import.meta.url));
  const fromSources = here.endsWith(join('src', 'config'));
  const shipped = fromSources ? join(here, '..', '..', 'policies') : join(here, 'policies');
  return (await exists(shipped)) ? shipped : null;
}

async function assemble(
  settings: Settings,
  source: string | null,
  folder: string,
  files: readonly ReadFile[],
  text: string,
  request: LoadRequest,
  blame: LoadedConfig['blame'],
): Promise<LoadedConfig> {
  const hashes = files.map(({ path, bytes, trust }) => ({ path: formatPath(path), hash: sha256(bytes), trust }));
  // Policies have a revision of their own, and the place where the program is installed decides nothing.
  const { directory: _, bundle: __, candidate: ___, candidateModes: ____, fetch: _____, state: ______, ...policy } = settings.policy;
  const kept = hashes.filter(({ trust }) => trust).map(({ path, hash }) => [path, hash]);
  const form = { version: 1, settings: { ...settings, policy }, files: kept };
  return {
    settings,
    source,
    revision: sha256(canonicalize(form) ?? ''),
    fingerprint: sha256(JSON.stringify([text, hashes])),
    files: [...new Set([...(source === null ? [] : [source]), ...files.map(({ absolute }) => absolute)])],
    file: async (path) => {
      const read = await readBounded(resolveFrom(folder, path));
      return read.ok ? read : bad('CONFIG_INVALID', `${safeText(path, 200)}: ${read.fault.message}`, { cause: read.fault.cause });
    },
    resolvePath: (path) => resolveFrom(folder, path),
    inspect: async () => inOrder(await inspectReferents({ settings, files, resolvePath: (path) => resolveFrom(folder, path), blame })),
    blame,
    reload: () => loadConfig(request),
  };
}

function sha256(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex');
}

function decode(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
