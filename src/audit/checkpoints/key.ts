import { createPrivateKey, createPublicKey, generateKeyPairSync, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bad, good, type Outcome } from '../../domain/fault.ts';
import { describeKey, readVerifyingKey, type Signer, signWith, type VerifyingKey } from './envelope.ts';

/** The keys of this program: the one that signs, and the one before it where that has to introduce it. */
export interface Signers {
  readonly current: Signer;
  /** From the file beside, with `.previous` at its end. */
  readonly previous: Signer | null;
}

/** Where the public key lies, for whoever verifies. */
function publicKeyFile(keyFile: string): string {
  return `${keyFile}.pub`;
}

const previousKeyFile = (keyFile: string): string => `${keyFile}.previous`;

/**
 * Reads the key in a file (PEM, Ed25519 or ECDSA P-256), or makes an Ed25519 one where there is no such file, and puts the public key
 * beside it. Faults: CONFIG_INVALID for a file that is no such key, AUDIT_UNAVAILABLE where none can be made.
 */
export async function openSigners(keyFile: string): Promise<Outcome<Signers>> {
  const made = await makeKey(keyFile);
  if (!made.ok) return made;
  const current = await readSigner(keyFile);
  if (!current.ok) return current;
  if (current.value === null) return bad('AUDIT_UNAVAILABLE', 'the key that signs audit checkpoints was removed while it was read');
  await publish(keyFile, current.value);
  const previous = await readSigner(previousKeyFile(keyFile));
  return previous.ok ? good({ current: current.value, previous: previous.value }) : previous;
}

/** The public key that is published beside a key, or of the key itself; null where there is neither. Fault: CONFIG_INVALID. */
export async function readPublishedKey(keyFile: string): Promise<Outcome<VerifyingKey | null>> {
  const published = await readIfThere(publicKeyFile(keyFile));
  if (!published.ok) return published;
  if (published.value === null) return readSigner(keyFile);
  const key = readVerifyingKey(published.value);
  return key === null ? bad('CONFIG_INVALID', 'the public key beside audit.checkpoints.keyFile is no PEM public key, Ed25519 or ECDSA P-256') : good(key);
}

/** Puts a new key in the place of the one in a file, which stays beside it to introduce the new one. Faults as openSigners. */
export async function rotateKey(keyFile: string): Promise<Outcome<Signers>> {
  const before = await readSigner(keyFile);
  if (!before.ok) return before;
  if (before.value === null) return openSigners(keyFile);
  try {
    const next = `${keyFile}.${randomUUID()}`;
    await writeNew(next, newKeyPem(), 0o600);
    // A process that starts in between finds no key, and makes one that nobody introduces: so the old one stays until the new one is there.
    await unlink(previousKeyFile(keyFile)).catch(() => {});
    await link(keyFile, previousKeyFile(keyFile));
    await rename(next, keyFile);
  } catch (cause) {
    return bad('AUDIT_UNAVAILABLE', 'the key that signs audit checkpoints can not be replaced: its folder can not be written', { cause });
  }
  return openSigners(keyFile);
}

async function makeKey(keyFile: string): Promise<Outcome<void>> {
  const found = await readIfThere(keyFile);
  if (!found.ok) return found;
  if (found.value !== null) return good(undefined);
  const temporary = `${keyFile}.${randomUUID()}`;
  try {
    await mkdir(dirname(keyFile), { recursive: true, mode: 0o700 });
    await writeNew(temporary, newKeyPem(), 0o600);
    // Two processes may start at once: the name goes to one whole key.
    await link(temporary, keyFile).catch(ignoreExisting);
    return good(undefined);
  } catch (cause) {
    return bad('AUDIT_UNAVAILABLE', 'there is no key to sign audit checkpoints with, and none can be made at audit.checkpoints.keyFile', { cause });
  } finally {
    await unlink(temporary).catch(() => {});
  }
}

function newKeyPem(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

async function readSigner(file: string): Promise<Outcome<Signer | null>> {
  const pem = await readIfThere(file);
  if (!pem.ok) return pem;
  if (pem.value === null) return good(null);
  try {
    const secret = createPrivateKey(pem.value);
    const known = describeKey(createPublicKey(secret));
    if (known !== null) return good({ ...known, sign: (bytes) => signWith(secret, bytes) });
  } catch {
    // Nothing of what crypto says of a private key is repeated.
  }
  return bad('CONFIG_INVALID', 'audit.checkpoints.keyFile holds no private key in PEM, Ed25519 or ECDSA P-256');
}

/** Beside a key that lies in a Secret nothing can be written; then `tidewaiter audit key` shows it. */
async function publish(keyFile: string, { pem }: VerifyingKey): Promise<void> {
  const file = publicKeyFile(keyFile);
  if ((await readFile(file, 'utf8').catch(() => '')) === pem) return;
  const temporary = `${file}.${randomUUID()}`;
  try {
    await writeNew(temporary, pem, 0o644);
    await rename(temporary, file);
  } catch {
    await unlink(temporary).catch(() => {});
  }
}

async function writeNew(file: string, content: string, mode: number): Promise<void> {
  const handle = await open(file, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Bytes of a key file at most. */
const longestKey = 16 << 10;

async function readIfThere(file: string): Promise<Outcome<string | null>> {
  try {
    const bytes = await readFile(file);
    return bytes.length > longestKey ? bad('CONFIG_INVALID', 'audit.checkpoints.keyFile is longer than any key') : good(bytes.toString('utf8'));
  } catch (cause) {
    if (isMissing(cause)) return good(null);
    return bad('CONFIG_INVALID', 'audit.checkpoints.keyFile can not be read', { cause });
  }
}

function isMissing(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
}

function ignoreExisting(cause: unknown): void {
  if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
}
