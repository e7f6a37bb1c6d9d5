import { mkdir, mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createVerifier } from 'sigstore';

export interface TufRepository {
  readonly mirror: string;
  /** The root.json that is trusted from the start; null for the one that comes with the `sigstore` package. */
  readonly firstRoot: Uint8Array | null;
  /** Where its metadata and targets are kept. */
  readonly directory: string;
}

/** Milliseconds for one request; the client asks again once. */
const requestFor = 5_000;
/** Milliseconds for all of them: a mirror that drips must not hold up the next attempt. */
const fetchFor = 60_000;
const longestTarget = 1024 * 1024;

/**
 * Fetches the trusted root from a TUF repository, by the `sigstore` package's own client: walks from the root that is trusted to the
 * newest one, refuses what is expired, rolled back or not signed, and takes from its cache what has not changed.
 * https://theupdateframework.github.io/specification/v1.0.34/#detailed-client-workflow
 *
 * Rejects when it is not to be had.
 */
export async function fetchRoot({ mirror, firstRoot, directory }: TufRepository): Promise<Uint8Array> {
  try {
    await mkdir(join(directory, 'tuf'), { recursive: true });
  } catch {
    // On a disk that can not be written, nothing is remembered, and all is fetched.
    const passing = await mkdtemp(join(tmpdir(), 'tidewaiter-tuf-'));
    await mkdir(join(passing, 'tuf'));
    return fetchInto(passing, mirror, firstRoot).finally(() => rm(passing, { recursive: true, force: true }));
  }
  return fetchInto(directory, mirror, firstRoot);
}

async function fetchInto(directory: string, mirror: string, firstRoot: Uint8Array | null): Promise<Uint8Array> {
  const cache = join(directory, 'tuf');
  const rootPath = join(directory, 'first-root.json');
  if (firstRoot !== null) await writeFile(rootPath, firstRoot);
  const fetched = createVerifier({
    tufMirrorURL: mirror,
    ...(firstRoot === null ? {} : { tufRootPath: rootPath }),
    tufCachePath: cache,
    retry: { retries: 1, minTimeout: 200 },
    timeout: requestFor,
  });
  await Promise.race([fetched, late()]);
  return readTarget(cache);
}

async function late(): Promise<never> {
  await setTimeout(fetchFor, undefined, { ref: false });
  throw new Error('the TUF repository takes too long');
}

/** The target as the client left it: it lies in the one folder below the cache, which is named by the mirror. */
async function readTarget(cache: string): Promise<Uint8Array> {
  const [repository] = await readdir(cache);
  const file = await open(join(cache, repository ?? '', 'targets', 'trusted_root.json'));
  try {
    const { size } = await file.stat();
    if (size > longestTarget) throw new Error('the trusted root is too long');
    return await file.readFile();
  } finally {
    await file.close();
  }
}
