import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Keyring, type KeyringStore, keyringPath, type StoredKeyring } from '../domain/certificate.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { safeText } from '../domain/text.ts';

const schema = z.object({ ca: z.string(), caKey: z.string(), cert: z.string(), key: z.string(), path: z.string().regex(keyringPath) });

/** The authority's certificate, for those who call the webhook: `curl --cacert`. Written for people, never read. */
const authorityFile = 'ca.crt';

/**
 * Keeps a keyring in a directory, one file a generation. A generation is written beside its place and linked into it: link(2) fails
 * where the name exists, so of several processes one wins, and a reader never sees half a file.
 */
export function keyringDirectory(directory: string): KeyringStore {
  const where = safeText(directory);
  return {
    read: () => attempt(`the certificates in ${where} could not be read`, () => readLatest(directory)),
    replace: (version, keyring) => attempt(`the certificates in ${where} could not be written`, () => writeNext(directory, Number(version) + 1, keyring)),
  };
}

async function readLatest(directory: string): Promise<StoredKeyring> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const latest = Math.max(0, ...(await generations(directory)));
  const keyring = latest === 0 ? null : await readKeyringFile(join(directory, fileName(latest)));
  return { keyring, version: String(latest) };
}

async function readKeyringFile(path: string): Promise<Keyring | null> {
  try {
    return schema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch {
    // A broken file is replaced by the next generation, not repaired.
    return null;
  }
}

async function writeNext(directory: string, generation: number, keyring: Keyring): Promise<boolean> {
  const scratch = await writeScratch(directory, JSON.stringify(keyring));
  try {
    await link(scratch, join(directory, fileName(generation)));
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await rm(scratch, { force: true });
  }
  await rename(await writeScratch(directory, keyring.ca), join(directory, authorityFile));
  // The one before stays: another process may be about to read it.
  for (const old of await generations(directory)) if (old < generation - 1) await rm(join(directory, fileName(old)), { force: true });
  return true;
}

async function writeScratch(directory: string, content: string): Promise<string> {
  const path = join(directory, `.${randomBytes(8).toString('hex')}`);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}

async function generations(directory: string): Promise<number[]> {
  return (await readdir(directory)).flatMap((name) => /^keyring\.([1-9][0-9]{0,8})\.json$/.exec(name)?.[1] ?? []).map(Number);
}

function fileName(generation: number): string {
  return `keyring.${generation}.json`;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}

async function attempt<T>(what: string, action: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return good(await action());
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? `: ${String(error.code)}` : '';
    return bad('CONFIG_INVALID', `${what}${code}`, { cause: error });
  }
}
