import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import { noFinds, type PlatformImage, type Scan, type Subject } from '../domain/evidence.ts';
import { bad, fault, good, type Outcome } from '../domain/fault.ts';
import { formatReference } from '../domain/image.ts';
import { duration } from './duration.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { evaluate, withoutResult } from './scan.ts';
import { ScanQueue } from './scanQueue.ts';
import { openTrivy, type TrivyProgram } from './trivyProgram.ts';
import { decodeTrivyReport, type TrivyReport } from './trivyReport.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy'),
  binary: z.string().min(1).max(4096).default('trivy').describe('The Trivy program: a path, or a name that is looked for in PATH.'),
  server: z
    .string()
    .max(2048)
    .refine((text) => /^https?:$/.test(URL.parse(text)?.protocol ?? ''), 'must be the http or https address of a Trivy server')
    // It is an argument of the program, which others on the machine can read.
    .refine((text) => (URL.parse(text)?.password ?? '') === '', 'can not hold a password; see credentials')
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
    const program = await openTrivy(entry, parts);
    return program.ok ? good(new TrivySource(entry, parts, program.value)) : program;
  },
};

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
  readonly #program: TrivyProgram;
  readonly #queue: ScanQueue<TrivyReport>;

  constructor(entry: Settings, parts: ScanParts, program: TrivyProgram) {
    this.name = entry.name;
    this.kind = entry.kind;
    const { server = null, offline, databaseRepository = null } = entry;
    this.trust = createHash('sha256')
      .update(JSON.stringify([entry.kind, program.path, server, offline, databaseRepository]))
      .digest('hex');
    this.#settings = entry;
    this.#parts = parts;
    this.#program = program;
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
    const scans = subject.platforms.flatMap((image, i) => {
      const look = looks[i];
      if (look === undefined) return [];
      return look.ok ? look.value : withoutResult({ source: this.name, image, subject }, 'unavailable', look.fault.message);
    });
    const pending = scans.filter(({ state }) => state === 'pending').length;
    const faults = looks.flatMap((look) => (look.ok ? [] : [look.fault]));
    if (pending > 0) faults.push(fault('SCAN_PENDING', `the scan of ${pending} of ${scans.length} platforms is not finished`));
    const [first] = faults;
    const nothingKnown = scans.every(({ state }) => state === 'pending' || state === 'unavailable');
    return first !== undefined && nothingKnown ? { ok: false, fault: first } : good({ ...noFinds, scans, faults });
  }

  close(): void {
    this.#queue.close();
    this.#program.close();
  }

  async #scanOf(image: PlatformImage, subject: Subject, patience: AbortSignal): Promise<Outcome<Scan>> {
    const place = { source: this.name, image, subject };
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
    // Of a report that can't be used nobody knows what it found; a scan that failed found nothing out.
    const state = failed !== null && !failed.transient ? 'invalid' : 'failed';
    return good(withoutResult(place, state, failed?.message ?? 'the scan was ended'));
  }

  /** One scan, by the digest of the platform's own manifest: of an index Trivy would choose a child by itself. */
  async #run(image: PlatformImage, { image: logical, repositories }: Subject, signal: AbortSignal): Promise<Outcome<TrivyReport>> {
    const repository = repositories[0] ?? logical;
    const reference = formatReference({ registry: repository.registry, repository: repository.repository, tag: null, digest: image.digest });
    const output = await this.#program.scan(reference, signal);
    if (!output.ok) {
      this.#parts.log.warn({ scans: this.name, code: output.fault.code }, output.fault.message);
      return output;
    }
    const report = decodeTrivyReport(output.value);
    if (!report.ok || report.value.imageId === image.imageId) return report;
    return bad('SCAN_INVALID', 'the report is about another image than was to be scanned');
  }
}
