import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { longestBundle } from './bundle.ts';
import type { BundleOrigin } from './origin.ts';

/** The last good bundle of an origin, for a start at which that can't be reached. */
export interface KeptBundle {
  readonly bytes: Uint8Array;
  readonly version: string | null;
  /** Milliseconds since the epoch. */
  readonly confirmedAt: number;
}

const form = z.strictObject({
  format: z.literal(1),
  origin: z.string(),
  trust: z.string(),
  version: z.string().nullable(),
  /** Hex. */
  sha256: z.string(),
  confirmedAt: z.number(),
});

type Kept = Pick<BundleOrigin, 'name' | 'trust'>;

/** Reads what was kept; null where there is nothing that belongs together and to this origin and its trust. */
export async function readKeptBundle(folder: string, origin: Kept): Promise<KeptBundle | null> {
  const { about, bundle } = placesOf(folder, origin);
  try {
    const read = form.safeParse(JSON.parse(await readFile(about, 'utf8')));
    if (!read.success || read.data.origin !== origin.name || read.data.trust !== origin.trust) return null;
    if ((await stat(bundle(read.data.sha256))).size > longestBundle) return null;
    const bytes = await readFile(bundle(read.data.sha256));
    return sha256(bytes) === read.data.sha256 ? { bytes, version: read.data.version, confirmedAt: read.data.confirmedAt } : null;
  } catch {
    return null;
  }
}

/** Keeps a bundle in the place of the one before. Fault: INTERNAL, when the disk does not take it. */
export async function writeKeptBundle(folder: string, origin: Kept, { bytes, version, confirmedAt }: KeptBundle): Promise<Outcome<void>> {
  const { about, bundle } = placesOf(folder, origin);
  const hash = sha256(bytes);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    // Under its own name, so that a crash between the writes leaves the one before whole.
    const isThere = await stat(bundle(hash)).then(
      () => true,
      () => false,
    );
    if (!isThere) await writeWhole(bundle(hash), bytes);
    const text = JSON.stringify({ format: 1, origin: origin.name, trust: origin.trust, version, sha256: hash, confirmedAt });
    await writeWhole(about, Buffer.from(text));
    if (!isThere) await removeOthers(folder, bundle(hash));
    return good(undefined);
  } catch (cause) {
    return bad('INTERNAL', `nothing can be written to ${folder}`, { cause });
  }
}

function placesOf(folder: string, { name }: Kept): { readonly about: string; bundle(hash: string): string } {
  const base = join(folder, sha256(Buffer.from(name)).slice(0, 24));
  return { about: `${base}.json`, bundle: (hash) => `${base}-${hash}.tar.gz` };
}

/** Bundles of the same origin that came before. */
async function removeOthers(folder: string, kept: string): Promise<void> {
  const name = basename(kept);
  const prefix = name.slice(0, name.indexOf('-') + 1);
  const others = (await readdir(folder)).filter((other) => other.startsWith(prefix) && other !== name);
  await Promise.all(others.map((other) => rm(join(folder, other), { force: true })));
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A reader must never find half of it. */
export async function writeWhole(file: string, bytes: Uint8Array): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  await writeFile(partial, bytes, { mode: 0o600 });
  await rename(partial, file);
}
