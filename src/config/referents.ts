import { createPrivateKey, createPublicKey, X509Certificate } from 'node:crypto';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { property } from '../domain/json.ts';
import { suggest } from '../domain/suggest.ts';
import { safeText } from '../domain/text.ts';
import type { ConfigFault, Path } from './fault.ts';
import type { ReferredFile } from './files.ts';
import type { Settings } from './schema/index.ts';

/** A configuration, with what it refers to as it was read. */
export interface Referring {
  readonly settings: Settings;
  readonly files: readonly (ReferredFile & { readonly bytes: Uint8Array })[];
  resolvePath(path: string): string;
  blame(path: Path, message: string): ConfigFault;
}

/**
 * What only shows when a configuration is used: keys and certificates that are none, folders that are not there, names of policies
 * that nobody wrote. Starts nothing and asks nobody.
 */
export async function inspectReferents(config: Referring): Promise<readonly ConfigFault[]> {
  return [
    ...contentFaults(config),
    ...clusterFaults(config),
    ...(await folderFaults(config)),
    ...(await policyFaults(config)),
    ...(await candidateFaults(config)),
  ];
}

function contentFaults({ files, blame }: Referring): ConfigFault[] {
  return files.flatMap(({ path, file, bytes }) => {
    const wrong = faultOfContent(path, Buffer.from(bytes).toString('latin1'));
    return wrong === null ? [] : [blame(path, `${safeText(file, 200)}: ${wrong}`)];
  });
}

/** Bytes of the keys that stored facts and exceptions are sealed with. */
const shortestSecret = 32;

function faultOfContent(path: Path, content: string): string | null {
  const key = String(path.at(-1));
  if (/^(cert|ca|clientCA)File$/.test(key)) return holdsCertificates(content) ? null : 'it holds no PEM certificate, or one that can not be read';
  if (key === 'pathSecretFile')
    return /^[A-Za-z0-9_-]{16,128}$/.test(content.trim()) ? null : 'it must hold 16 to 128 letters, digits, - or _, and nothing else';
  if (key !== 'keyFile' && key !== 'previousKeyFile') return null;
  if (path[0] === 'server') return isReadable(() => createPrivateKey(content)) ? null : 'it holds no private key in PEM, or one that can not be read';
  if (path[0] === 'evidence' || path[0] === 'exceptions') return content.length >= shortestSecret ? null : `it must hold at least ${shortestSecret} bytes`;
  if (path[0] !== 'signers' && path[0] !== 'policy') return null;
  if (content.includes('PRIVATE KEY')) return 'this is a private key; only the public one is needed here';
  const isPublic = content.includes('-----BEGIN PUBLIC KEY-----') && isReadable(() => createPublicKey(content));
  return isPublic ? null : 'it holds no public key in PEM (-----BEGIN PUBLIC KEY-----), or one that can not be read';
}

function holdsCertificates(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every((block) => isReadable(() => new X509Certificate(block)));
}

function isReadable(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch {
    return false;
  }
}

function clusterFaults({ settings: { server, cluster, exceptions }, blame }: Referring): ConfigFault[] {
  if (cluster !== null) return [];
  const needing: Path[] = [
    ...(server.tls.kind === 'secret' ? [['server', 'tls', 'secret']] : []),
    ...(exceptions?.seal == null ? [] : [['exceptions', 'seal']]),
  ];
  return needing.map((path) => blame(path, 'needs a cluster, and there is none here: a Pod has its own; elsewhere give cluster.kubeconfig'));
}

/** Folders that scan sources and VEX sources read: whichever kind has a `path`. */
async function folderFaults({ settings, resolvePath, blame }: Referring): Promise<ConfigFault[]> {
  const named: { path: Path; folder: unknown }[] = (['scans', 'vex'] as const).flatMap((section) =>
    settings[section].map((entry, i) => ({ path: [section, i, 'path'], folder: property(entry, 'path') })),
  );
  named.push({ path: ['exceptions', 'directory'], folder: settings.exceptions?.directory });
  const faults: ConfigFault[] = [];
  for (const { path, folder } of named) {
    if (typeof folder !== 'string') continue;
    const wrong = await faultOfPlace(resolvePath(folder), 'folder');
    if (wrong !== null) faults.push(blame(path, `${safeText(folder, 200)}: ${wrong}`));
  }
  return faults;
}

async function faultOfPlace(path: string, what: 'folder' | 'file'): Promise<string | null> {
  const found = await stat(path).catch(() => null);
  if (found === null) return `there is no such ${what}`;
  return (what === 'folder' ? found.isDirectory() : found.isFile()) ? null : `it is no ${what}`;
}

/** What is fetched shows when it is used. */
function isFetched(place: string): boolean {
  return /^(https|oci):\/\//.test(place);
}

async function candidateFaults({ settings: { policy }, resolvePath, blame }: Referring): Promise<ConfigFault[]> {
  const { candidate } = policy;
  if (candidate === null || isFetched(candidate)) return [];
  const wrong = await faultOfPlace(resolvePath(candidate), /\.(tar\.gz|tgz)$/.test(candidate) ? 'file' : 'folder');
  return wrong === null ? [] : [blame(['policy', 'candidate'], `${safeText(candidate, 200)}: ${wrong}`)];
}

async function policyFaults({ settings: { policy }, resolvePath, blame }: Referring): Promise<ConfigFault[]> {
  const key = policy.bundle === null ? 'directory' : 'bundle';
  const place = policy.bundle ?? policy.directory ?? 'policies';
  if (isFetched(place)) return [];
  const wrong = await faultOfPlace(resolvePath(place), key === 'bundle' ? 'file' : 'folder');
  if (wrong !== null) return [blame(['policy', key], `${safeText(place, 200)}: ${wrong}`)];
  if (key === 'bundle') return [];
  const names = await policyNames(resolvePath(place));
  if (names.length === 0) return [blame(['policy', key], `${safeText(place, 200)}: there is no policy in it: no file has a package policies.NAME`)];
  const unknown = (name: string, path: Path): ConfigFault[] => {
    if (names.includes(name)) return [];
    const near = suggest(name, names);
    return [
      blame(path, `there is no policy ${safeText(name, 60)}${near === null ? `; there are ${safeText(names.join(', '), 300)}` : `; did you mean ${near}?`}`),
    ];
  };
  return [
    ...policy.required.flatMap((name, i) => unknown(name, ['policy', 'required', i])),
    ...Object.keys(policy.modes).flatMap((name) => unknown(name, ['policy', 'modes', name])),
  ];
}

const mostFiles = 2000;
const longestPolicy = 1024 * 1024;

/** Names of the policies that the files of a folder declare; a look, without opa. Empty when it can't be read. */
async function policyNames(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { recursive: true }).catch(() => []);
  const files = entries.filter((file) => file.endsWith('.rego') && !file.endsWith('_test.rego') && !/(^|\/)\./.test(file));
  const names = new Set<string>();
  for (const file of files.slice(0, mostFiles)) {
    const path = join(directory, file);
    const found = await stat(path).catch(() => null);
    if (!found?.isFile() || found.size > longestPolicy) continue;
    const name = /^package\s+policies\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:#|;|$)/m.exec(await readFile(path, 'utf8').catch(() => ''))?.[1];
    if (name !== undefined) names.add(name);
  }
  return [...names].sort();
}
