import { createHash } from 'node:crypto';
import { type FSWatcher, watch } from 'node:fs';
import { z } from 'zod';
import { noFinds, type PlatformImage, type Scan } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { type FolderContent, ReportFolder } from './reportFolder.ts';
import { choose, evaluate, withoutResult } from './scan.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy-directory'),
  path: z.string().min(1).describe('a folder of Trivy JSON reports (*.json); whoever can write there is trusted'),
});
type Settings = z.infer<typeof settings>;

/** Trivy reports as files: `trivy image --format json --output FOLDER/NAME.json IMAGE`. */
export const trivyDirectory: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    const source = new DirectorySource(entry, parts);
    await source.refresh();
    return good(source);
  },
};

/** Changes come in bursts: a report is written in many pieces. */
const settleFor = 50;
/** For folders whose changes the system does not tell: network file systems, or one that was not there yet. */
const pollEvery = 5_000;

class DirectorySource implements ScanSource {
  readonly name: string;
  readonly stage = 'scans';
  readonly kind: string;
  readonly #path: string;
  readonly #parts: ScanParts;
  readonly #folder: ReportFolder;
  readonly #poll: NodeJS.Timeout;
  #content: Outcome<FolderContent> = bad('REGISTRY_UNAVAILABLE', 'the folder of scan reports was not read yet');
  #hash = '';
  #trust: { readonly hash: string; readonly value: string } | null = null;
  #watcher: FSWatcher | null = null;
  #settle: NodeJS.Timeout | null = null;
  #refreshing: Promise<void> | null = null;
  #again = false;
  #closed = false;

  constructor({ name, kind, path }: Settings, parts: ScanParts) {
    this.name = name;
    this.kind = kind;
    this.#path = parts.resolvePath(path);
    this.#parts = parts;
    this.#folder = new ReportFolder(this.#path, name, parts.log);
    this.#poll = setInterval(() => void this.refresh(), pollEvery);
    this.#poll.unref();
  }

  /** Changes with the folder's content, so that what is kept about it is asked anew; stays while the folder can't be read. */
  get trust(): string {
    // Read for every image that is judged; it seldom changes.
    if (this.#trust?.hash !== this.#hash) {
      const text = JSON.stringify([this.kind, this.#path, this.#hash]);
      this.#trust = { hash: this.#hash, value: createHash('sha256').update(text).digest('hex') };
    }
    return this.#trust.value;
  }

  applies(): boolean {
    return true;
  }

  async look(subject: Parameters<ScanSource['look']>[0]): ReturnType<ScanSource['look']> {
    if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
    if (!this.#content.ok) return this.#content;
    const content = this.#content.value;
    return good({ ...noFinds, scans: subject.platforms.map((image) => this.#scanOf(image, content, subject.platforms)), faults: content.faults });
  }

  /** Reads the folder again, one reading at a time; a change that comes meanwhile leads to one more. */
  refresh(): Promise<void> {
    this.#again = this.#refreshing !== null;
    this.#refreshing ??= this.#readUntilQuiet().finally(() => {
      this.#refreshing = null;
    });
    return this.#refreshing;
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#poll);
    if (this.#settle !== null) clearTimeout(this.#settle);
    this.#watcher?.close();
    this.#watcher = null;
  }

  async #readUntilQuiet(): Promise<void> {
    do {
      this.#again = false;
      // Watched before it is read: what changes in between is seen.
      this.#watch();
      const content = await this.#folder.read();
      const wasGood = this.#content.ok;
      this.#content = content;
      if (content.ok) this.#hash = content.value.hash;
      else if (wasGood) this.#parts.log.warn({ scans: this.name, code: content.fault.code }, content.fault.message);
      if (!content.ok) this.#unwatch();
    } while (this.#again && !this.#closed);
  }

  #watch(): void {
    if (this.#watcher !== null || this.#closed) return;
    try {
      this.#watcher = watch(this.#path, { persistent: false }, () => {
        this.#settle ??= setTimeout(() => {
          this.#settle = null;
          void this.refresh();
        }, settleFor).unref();
      });
      this.#watcher.on('error', () => this.#unwatch());
    } catch {
      // Not there, or no watches left: polling goes on, and tries again.
      this.#watcher = null;
    }
  }

  #unwatch(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #scanOf(image: PlatformImage, content: FolderContent, platforms: readonly PlatformImage[]): Scan {
    const place = { source: this.name, platform: image.platform };
    const now = this.#parts.clock();
    const scans = (content.reports.get(image.imageId) ?? []).map((report) =>
      report.ok ? evaluate(place, report.value, null, null, now) : withoutResult(place, 'invalid', `the report can't be used: ${report.fault.message}`),
    );
    const [fault] = content.faults;
    if (fault !== undefined) scans.push(withoutResult(place, 'unavailable', `not all reports could be looked at: ${fault.message}`));
    if (platforms.some(({ imageId }) => imageId !== image.imageId && content.reports.has(imageId))) {
      scans.push(withoutResult(place, 'otherPlatform', 'the reports found are about other platforms of the image'));
    }
    const hint = content.unusable > 0 ? `; ${content.unusable} files of the folder hold no usable report` : '';
    return choose(withoutResult(place, 'missing', `no report in the folder is about the image ID ${image.imageId}${hint}`), scans);
  }
}
