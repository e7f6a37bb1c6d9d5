import { constants, mkdtempSync, rmSync } from 'node:fs';
import { access, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { ScanParts } from './kind.ts';
import { runTrivy } from './runTrivy.ts';

/** How Trivy is to be run. Paths are as the configuration has them. */
export interface TrivyOptions {
  readonly binary: string;
  readonly server?: string | undefined;
  readonly credentials?: { readonly tokenFile: string } | undefined;
  readonly dockerConfig?: string | undefined;
  readonly cacheDirectory?: string | undefined;
  readonly offline: boolean;
  readonly databaseRepository?: string | undefined;
  /** Milliseconds of one scan. */
  readonly timeout: number;
}

export interface TrivyProgram {
  /** Absolute path. */
  readonly path: string;
  /** What Trivy says of an image, as JSON. */
  scan(reference: string, signal: AbortSignal): Promise<Outcome<unknown>>;
  /** Removes what it kept for itself. */
  close(): void;
}

const longestReport = 64 << 20;

/** Finds Trivy and makes it a place to work in. Fault: CONFIG_INVALID. */
export async function openTrivy(options: TrivyOptions, parts: Pick<ScanParts, 'file' | 'resolvePath'>): Promise<Outcome<TrivyProgram>> {
  const binary = await findProgram(options.binary, parts);
  if (!binary.ok) return binary;
  const file = options.credentials === undefined ? good(null) : await parts.file(options.credentials.tokenFile);
  if (!file.ok) return file;
  const token = file.value === null ? null : Buffer.from(file.value).toString('utf8').trim();
  // Made here, and ours alone: what is written is gone with us.
  const home = mkdtempSync(join(tmpdir(), 'tidewaiter-trivy-'));
  // A scan that was killed a moment ago may still be writing there.
  const close = (): void => rmSync(home, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  const cache = options.cacheDirectory === undefined ? join(home, 'cache') : parts.resolvePath(options.cacheDirectory);
  const work = join(home, 'work');
  try {
    await mkdir(cache, { recursive: true });
    await mkdir(work);
  } catch (cause) {
    close();
    return bad('CONFIG_INVALID', 'the cacheDirectory can not be made', { cause });
  }
  const dockerConfig = options.dockerConfig === undefined ? home : parts.resolvePath(options.dockerConfig);
  const lasting = { HOME: home, PATH: '/usr/bin:/bin', DOCKER_CONFIG: dockerConfig, ...passedOn(), ...(token === null ? {} : { TRIVY_TOKEN: token }) };
  return good({
    path: binary.value,
    async scan(reference, signal) {
      // What a scan that is killed leaves behind would fill the disk in time.
      const scratch = await mkdtemp(join(home, 'scan-'));
      const env = { ...lasting, TMPDIR: scratch };
      const run = { binary: binary.value, args: argumentsOf(options, cache, reference), env, cwd: work, limit: options.timeout, longest: longestReport };
      return runTrivy(run, signal).finally(() => rm(scratch, { recursive: true, force: true }));
    },
    close,
  });
}

/** https://github.com/aquasecurity/trivy/blob/v0.74.0/docs/docs/references/configuration/cli/trivy_image.md */
function argumentsOf({ server, offline, databaseRepository, timeout }: TrivyOptions, cache: string, reference: string): string[] {
  return [
    ...['image', '--quiet', '--format', 'json', '--scanners', 'vuln', '--skip-version-check', '--disable-telemetry'],
    // Never what a container engine beside us holds under this name.
    ...['--image-src', 'remote', '--cache-dir', cache, '--cache-backend', 'memory', '--timeout', `${timeout / 1000}s`],
    ...(server === undefined ? [] : ['--server', server]),
    ...(offline ? ['--offline-scan', ...(server === undefined ? ['--skip-db-update', '--skip-java-db-update'] : [])] : []),
    ...(databaseRepository === undefined || server !== undefined ? [] : ['--db-repository', databaseRepository]),
    ...['--', reference],
  ];
}

/** All of our environment that Trivy gets: the rest is none of its business, and may change what it looks for (TRIVY_…). */
function passedOn(): Record<string, string> {
  const names = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name] ?? '']])));
}

/** A program by path, or by name in PATH. */
async function findProgram(name: string, { resolvePath }: Pick<ScanParts, 'resolvePath'>): Promise<Outcome<string>> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute);
  const candidates = name.includes('/') ? [resolvePath(name)] : folders.map((folder) => join(folder, name));
  for (const path of candidates) {
    try {
      await access(path, constants.X_OK);
      if ((await stat(path)).isFile()) return good(path);
    } catch {
      // The next one.
    }
  }
  return bad('CONFIG_INVALID', 'the binary of this scan source is not there, or can not be run; install Trivy, or name its path');
}
