import { z } from 'zod';
import { noFinds, type PlatformImage, type Scan, type Subject } from '../domain/evidence.ts';
import { bad, good } from '../domain/fault.ts';
import { repositoryName } from '../domain/image.ts';
import type { ObjectWatch, ScanKind, ScanParts, ScanSource } from './kind.ts';
import { OperatorReports } from './operatorReports.ts';
import { nothingReported } from './sameContent.ts';
import { choose, evaluate, withoutResult } from './scan.ts';
import { trustOf } from './trust.ts';
import type { OperatorReport } from './vulnerabilityReport.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('trivy-operator'),
  namespace: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/, 'must be the name of a namespace')
    .optional()
    .describe('Only VulnerabilityReports of this namespace; absent: of all. Whoever may write them is trusted.'),
  platform: z
    .string()
    .regex(/^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/, 'must be os/architecture or os/architecture/variant, such as linux/amd64')
    .optional()
    .describe('Platform of all nodes: a report on an index is about this child. Absent: such a report is inconclusive.'),
});
type Settings = z.infer<typeof settings>;

/** Results of the Trivy Operator: VulnerabilityReport objects of the cluster. */
export const trivyOperator: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    if (parts.cluster === null) return bad('CONFIG_INVALID', 'VulnerabilityReports are read from a cluster, and none is configured; set cluster.kubeconfig');
    const reports = new OperatorReports();
    const watch = await parts.cluster.watchReports(entry.namespace ?? null, {
      put: (key, object) => reports.put(key, object),
      drop: (key) => reports.drop(key),
    });
    return watch.ok ? good(new OperatorSource(entry, parts, reports, watch.value)) : watch;
  },
};

class OperatorSource implements ScanSource {
  readonly name: string;
  readonly stage = 'scans';
  readonly kind: string;
  readonly #settings: Settings;
  readonly #parts: ScanParts;
  readonly #reports: OperatorReports;
  readonly #watch: ObjectWatch;
  readonly #trust: () => string;

  constructor(entry: Settings, parts: ScanParts, reports: OperatorReports, watch: ObjectWatch) {
    this.name = entry.name;
    this.kind = entry.kind;
    this.#settings = entry;
    this.#parts = parts;
    this.#reports = reports;
    this.#watch = watch;
    this.#trust = trustOf([entry.kind, entry.namespace ?? null, entry.platform ?? null], () => reports.version);
  }

  /** Changes with what the reports say, so that what is kept about them is asked anew. */
  get trust(): string {
    return this.#trust();
  }

  applies(): boolean {
    return true;
  }

  async look(subject: Subject): ReturnType<ScanSource['look']> {
    if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
    const state = this.#watch.state();
    if (!state.ok) return state;
    const { fault } = this.#reports;
    return good({ ...noFinds, scans: subject.platforms.map((image) => this.#scanOf(image, subject)), faults: fault === null ? [] : [fault] });
  }

  close(): void {
    this.#watch.close();
  }

  #scanOf(image: PlatformImage, subject: Subject): Scan {
    const place = { source: this.name, image, subject };
    const now = this.#parts.clock();
    const read = ({ content }: OperatorReport): Scan =>
      content.ok
        ? evaluate(place, { ...content.value, imageId: image.imageId, platform: image.platform, content: nothingReported }, null, null, now)
        : withoutResult(place, 'invalid', `the report can't be used: ${content.fault.message}`);
    const scans = [image.imageId, image.digest].flatMap((digest) => this.#reports.about(digest).map(read));
    if (image.digest !== subject.image.digest) {
      const onIndex = this.#reports.about(subject.image.digest);
      if (this.#coveredBy(image, subject)) scans.push(...onIndex.map(read));
      else if (onIndex.length > 0)
        scans.push(withoutResult(place, 'inconclusive', 'the report is about the index, and does not say which platform was scanned'));
    }
    const siblings = subject.platforms.filter(({ imageId }) => imageId !== image.imageId);
    if (siblings.some((sibling) => [sibling.imageId, sibling.digest].some((digest) => this.#reports.about(digest).length > 0))) {
      scans.push(withoutResult(place, 'otherPlatform', 'the reports found are about other platforms of the image'));
    }
    const { fault } = this.#reports;
    if (fault !== null) scans.push(withoutResult(place, 'unavailable', `not all reports could be looked at: ${fault.message}`));
    if (scans.length === 0) scans.push(...this.#namesakes(subject).map(([state, reason]) => withoutResult(place, state, reason)));
    return choose(withoutResult(place, 'missing', `no VulnerabilityReport is about the image ID ${image.imageId}`), scans);
  }

  /** Whether a scan of the index can only have been a scan of this child. */
  #coveredBy(image: PlatformImage, { manifest }: Subject): boolean {
    const children = manifest.manifests.filter(({ platform }) => platform !== 'unknown/unknown');
    if (this.#settings.platform !== undefined) {
      // The scanner takes the first child that fits: one without a platform, or of another variant, may come before this one.
      const fits = ({ platform }: { readonly platform: string | null }): boolean => platform === null || familyOf(platform) === familyOf(image.platform);
      return this.#settings.platform === image.platform && children.every((child) => child.digest === image.digest || !fits(child));
    }
    return children.length === 1 && children[0]?.digest === image.digest;
  }

  /** Reports that have this name, but are not known to be about this content. A name is never enough. */
  #namesakes({ image }: Subject): readonly (readonly ['inconclusive' | 'mismatch', string])[] {
    const names = this.#parts.places(image).map((repository) => `${repositoryName(repository)}:${image.tag ?? ''}`);
    return names
      .flatMap((name) => this.#reports.named(name))
      .map(({ digest }) =>
        digest === null
          ? ['inconclusive', 'a report has the name of this image, but no digest: nobody knows what was scanned']
          : ['mismatch', `a report has the name of this image, but is about ${digest}, which is other content`],
      );
  }
}

/** Operating system and architecture, without variant and features. */
function familyOf(platform: string): string {
  return platform
    .replace(/\([^)]*\)/g, '')
    .split('/')
    .slice(0, 2)
    .join('/')
    .toLowerCase();
}
