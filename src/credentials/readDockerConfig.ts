import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, property, text } from '../domain/json.ts';
import type { Credential } from '../domain/registry.ts';
import { safeText } from '../domain/text.ts';

/** One entry of `auths`. */
export interface DockerConfigEntry {
  /** As it is written: host, port, path, globs. */
  readonly key: string;
  readonly credential: Credential;
}

const longestFile = 1024 * 1024;
const mostEntries = 1_000;

/** Where docker keeps the identity token when a helper stores it as a password. */
const tokenUser = '<token>';

/**
 * Reads config.json: https://github.com/docker/cli/blob/v28.0.0/cli/config/types/authconfig.go. Entries without any credential (docker
 * leaves them behind when a helper keeps it) are passed over. Fault: CONFIG_INVALID; it names the entry and never what it holds.
 */
export function readDockerConfig(bytes: Uint8Array): Outcome<readonly DockerConfigEntry[]> {
  const document = parse(bytes);
  return readAuths(bytes, isObject(document) ? (property(document, 'auths') ?? {}) : null);
}

/** Reads .dockercfg, the older form, which is what lies under `auths` in the newer one. */
export function readDockercfg(bytes: Uint8Array): Outcome<readonly DockerConfigEntry[]> {
  return readAuths(bytes, parse(bytes));
}

function readAuths(bytes: Uint8Array, auths: unknown): Outcome<readonly DockerConfigEntry[]> {
  if (bytes.length > longestFile) return bad('CONFIG_INVALID', `the Docker configuration is larger than ${longestFile} bytes`);
  if (!isObject(auths)) return bad('CONFIG_INVALID', 'the Docker configuration is no JSON object with auths');
  const written = Object.entries(auths);
  if (written.length > mostEntries) return bad('CONFIG_INVALID', `the Docker configuration has more than ${mostEntries} auths`);
  const entries: DockerConfigEntry[] = [];
  for (const [key, auth] of written) {
    const credential = readAuth(auth);
    if (credential === 'invalid') return bad('CONFIG_INVALID', `the Docker configuration has an entry that can't be read: ${safeText(key, 200)}`);
    if (credential !== null) entries.push({ key, credential });
  }
  return good(entries);
}

function parse(bytes: Uint8Array): unknown {
  if (bytes.length > longestFile) return null;
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    // What JSON.parse says may quote the file, and with it a password.
    return null;
  }
}

function readAuth(auth: unknown): Credential | null | 'invalid' {
  if (!isObject(auth)) return 'invalid';
  const field = (name: string): string => text(property(auth, name)) ?? '';
  // Only what may stand in a header.
  if (field('registrytoken') !== '') return /^[\x21-\x7e]+$/.test(field('registrytoken')) ? { kind: 'bearer', token: field('registrytoken') } : 'invalid';
  if (field('identitytoken') !== '') return { kind: 'identityToken', token: field('identitytoken') };
  let username = field('username');
  let password = field('password');
  // As docker and the kubelet have it, `auth` beats the fields beside it.
  if (field('auth') !== '') {
    const decoded = decodeAuth(field('auth'));
    if (decoded === null) return 'invalid';
    [username, password] = decoded;
  }
  if (username === '' && password === '') return null;
  if (username === tokenUser) return { kind: 'identityToken', token: password };
  return { kind: 'basic', username, password };
}

/** base64 of `username:password`. */
function decodeAuth(auth: string): readonly [string, string] | null {
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(auth.trim())) return null;
  const decoded = Buffer.from(auth.trim(), 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  // Old versions of docker pad with NUL.
  return colon < 1 ? null : [decoded.slice(0, colon), decoded.slice(colon + 1).replace(/\0+$/, '')];
}
