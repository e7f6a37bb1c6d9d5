import { createHash } from 'node:crypto';
import { constants, mkdtempSync, rmSync } from 'node:fs';
import { access, mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { noFinds, type PlatformImage, type Scan, type Subject } from '../domain/evidence.ts';
import { bad, fault, good, type Outcome } from '../domain/fault.ts';
import { formatReference } from '../domain/image.ts';
import { duration } from './duration.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { runTrivy } from './runTrivy.ts';
import { evaluate, withoutResult } from './scan.ts';
import { ScanQueue } from './scanQueue.ts';
import { decodeTrivyReport, type TrivyReport } from './trivyReport.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy'),
  binary: z.string().min(1).max(4096).default('trivy').describe('The Trivy program: a path, or a name that is looked for in PATH.'),
  server: z
    .string()
    .max(2048)
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be the http or https address of a Trivy server')
    .optional()
    .describe('Address of a Trivy server that holds the database; absent: the program holds its own.'),
  credentials: z
    .strictObject({ tokenFile: z.string().min(1).describe('File that holds the token of the Trivy server, and nothing else.') })
    .optional()
    .describe('What the Trivy server accepts as proof of who asks.'),
  dockerConfig: z.string().min(1).optional().describe('Folder with the config.json by which the program pulls from registries; absent: as nobody.'),
  cacheDirectory: z.string().min(1).optional().describe('Folder of the vulnerability database; absent: one of this process, which is gone with it.'),
  offline: z.boolean().default(false).describe('Use the database as it is, and ask nobody about packages.'),
  databaseRepository: z
    .string()
    .regex(/^[a-z0-9][a-z0-9._:/@-]{1,255}$/, 'must be an image reference in lower case')
    .optional()
    .describe('OCI repository of the vulnerability database, such as registry.corp/trivy-db:2.'),
  timeout: duration([1000, '1s'], [3_600_000, '1h']).prefault('5m').describe('Time after which a scan is ended.'),
  concurrency: z.int().min(1).max(32).default(2).describe('Scans at a time; one where the program keeps a database of its own up to date.'),
  patience: duration([0, '0s'], [20_000, '20s']).prefault('2s').describe('Time that an image may wait for its scan before it is pending.'),
  rescanAfter: duration([60_000, '1m'], [30 * 86_400_000, '30d'])
    .prefault('24h')
    .describe('Age at which the result of an image in use is made anew; it counts until then.'),
});
type Settings = z.infer<typeof settings>;

/** Scans on demand, by a Trivy program in a process of its own: started when an image is first seen, which is at /mutate. */
export const trivy: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    const binary = await findProgram(entry.binary, parts);
    if (!binary.ok) return binary;
    const token = entry.credentials === undefined ? good(null) : await parts.file(entry.credentials.tokenFile);
    if (!token.ok) return token;
    // Made here, empty and ours: the program is run in it, and keeps what it must.
    const home = mkdtempSync(join(tmpdir(), 'tidewaiter-trivy-'));
    const cache = entry.cacheDirectory === undefined ? join(home, 'cache') : parts.resolvePath(entry.cacheDirectory);
    try {
      await mkdir(cache, { recursive: true });
      await mkdir(join(home, 'work'));
    } catch (cause) {
      rmSync(home, { recursive: true, force: true });
      return bad('CONFIG_INVALID', 'the cacheDirectory can not be made', { cause });
    }
    const secret = token.value === null ? null : Buffer.from(token.value).toString('utf8').trim();
    return good(new TrivySource(entry, parts, { binary: binary.value, home, cache, token: secret }));
  },
};

interface Installation {
  readonly binary: string;
  /** A folder of this source alone. */
  readonly home: string;
  readonly cache: string;
  readonly token: string | null;
}

const longestReport = 64 << 20;
const keptReports = 2_000;
const waitingScans = 500;
const retryAfter = 60_000;

class TrivySource implements ScanSource {
  readonly name: string;
  readonly stage = 'scans';
  readonly kind: string;
  readonly trust: string;
  readonly #settings: Settings;
  readonly #parts: ScanParts;
  readonly #place: Installation;
  readonly #queue: ScanQueue<TrivyReport>;

  constructor(entry: Settings, parts: ScanParts, place: Installation) {
    this.name = entry.name;
    this.kind = entry.kind;
    const { server = null, offline, databaseRepository = null } = entry;
    this.trust = createHash('sha256')
      .update(JSON.stringify([entry.kind, place.binary, server, offline, databaseRepository]))
      .digest('hex');
    this.#settings = entry;
    this.#parts = parts;
    this.#place = place;
    // Two programs that bring one database up to date at once would spoil it.
    const alone = server === null && !offline;
    const limits = { concurrency: alone ? 1 : entry.concurrency, waiting: waitingScans, kept: keptReports, rescanAfter: entry.rescanAfter, retryAfter };
    this.#queue = new ScanQueue(limits, parts.clock);
  }

  applies(): boolean {
    return true;
  }

  async look(subject: Subject, signal: AbortSignal): ReturnType<ScanSource['look']> {
    if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so they can not be scanned');
    const patience = AbortSignal.any([signal, AbortSignal.timeout(this.#settings.patience)]);
    const looks = await Promise.all(subject.platforms.map((image) => this.#scanOf(image, subject, patience)));
    const scans = looks.flatMap((look) => (look.ok ? [look.value] : []));
    const refused = looks.find((look) => !look.ok);
    if (refused !== undefined && !refused.ok) return refused;
    const pending = scans.filter(({ state }) => state === 'pending').length;
    const wait = fault('SCAN_PENDING', `the scan of ${pending} of ${scans.length} platforms is not finished`);
    if (pending === scans.length) return { ok: false, fault: wait };
    return good({ ...noFinds, scans, faults: pending === 0 ? [] : [wait] });
  }

  close(): void {
    this.#queue.close();
    rmSync(this.#place.home, { recursive: true, force: true });
  }

  async #scanOf(image: PlatformImage, subject: Subject, patience: AbortSignal): Promise<Outcome<Scan>> {
    const place = { source: this.name, platform: image.platform };
    const ask = () => this.#queue.ask(image.digest, (own) => this.#run(image, subject, own));
    let standing = ask();
    if (standing.ok && standing.value.running !== null && standing.value.result === null) {
      await Promise.race([standing.value.running, pause(this.#settings.patience, undefined, { signal: patience, ref: false }).catch(() => {})]);
      standing = ask();
    }
    if (!standing.ok) return standing;
    const { result, failed, running } = standing.value;
    if (result !== null) return good(evaluate(place, result, null, null, this.#parts.clock()));
    if (running !== null) return good(withoutResult(place, 'pending', 'the scan is not finished'));
    return good(withoutResult(place, 'failed', failed?.message ?? 'the scan was ended'));
  }

  /** One scan, by the digest of the platform's own manifest: of an index Trivy would choose a child by itself. */
  async #run(image: PlatformImage, { image: logical, repositories }: Subject, signal: AbortSignal): Promise<Outcome<TrivyReport>> {
    const repository = repositories[0] ?? logical;
    const reference = formatReference({ registry: repository.registry, repository: repository.repository, tag: null, digest: image.digest });
    const { home, binary } = this.#place;
    // What a scan that is killed leaves behind would fill the disk in time.
    const scratch = await mkdtemp(join(home, 'scan-'));
    const run = {
      binary,
      args: this.#args(reference),
      env: this.#env(scratch),
      cwd: join(home, 'work'),
      limit: this.#settings.timeout,
      longest: longestReport,
    };
    const output = await runTrivy(run, signal).finally(() => rm(scratch, { recursive: true, force: true }));
    if (!output.ok) {
      this.#parts.log.warn({ scans: this.name, code: output.fault.code }, output.fault.message);
      return output;
    }
    const report = decodeTrivyReport(output.value);
    if (!report.ok || report.value.imageId === image.imageId) return report;
    return bad('SCAN_INVALID', 'the report is about another image than was to be scanned');
  }

  /** https://github.com/aquasecurity/trivy/blob/v0.74.0/docs/docs/references/configuration/cli/trivy_image.md */
  #args(reference: string): string[] {
    const { server, offline, databaseRepository, timeout } = this.#settings;
    return [
      ...['image', '--quiet', '--format', 'json', '--scanners', 'vuln', '--skip-version-check', '--disable-telemetry'],
      // Never what a container engine beside us holds under this name.
      ...['--image-src', 'remote', '--cache-dir', this.#place.cache, '--cache-backend', 'memory', '--timeout', `${timeout / 1000}s`],
      ...(server === undefined ? [] : ['--server', server]),
      ...(offline ? ['--offline-scan', ...(server === undefined ? ['--skip-db-update', '--skip-java-db-update'] : [])] : []),
      ...(databaseRepository === undefined || server !== undefined ? [] : ['--db-repository', databaseRepository]),
      ...['--', reference],
    ];
  }

  /** Nothing of our own environment, which holds what is none of its business, and may change what it looks for (TRIVY_…). */
  #env(scratch: string): Record<string, string> {
    const { dockerConfig } = this.#settings;
    const { home, token } = this.#place;
    const proxies = ['HTTPS_PROXY', 'HTTP_PROXY', 'NO_PROXY', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
    return {
      HOME: home,
      TMPDIR: scratch,
      PATH: '/usr/bin:/bin',
      DOCKER_CONFIG: dockerConfig === undefined ? home : this.#parts.resolvePath(dockerConfig),
      ...Object.fromEntries(proxies.flatMap((key) => (process.env[key] === undefined ? [] : [[key, process.env[key] ?? '']]))),
      ...(token === null ? {} : { TRIVY_TOKEN: token }),
    };
  }
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
