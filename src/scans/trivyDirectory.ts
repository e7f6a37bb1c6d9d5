import { z } from 'zod';
import type { Digest } from '../domain/digest.ts';
import { noFinds, type Scan } from '../domain/evidence.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { FolderContent, FolderUse } from './jsonFolder.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { choose, evaluate, type ScanPlace, withoutResult } from './scan.ts';
import { decodeTrivyReport, readImageId, type TrivyReport } from './trivyReport.ts';
import { trustOf } from './trust.ts';
import { WatchedFolder } from './watchedFolder.ts';

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
    const folder = new WatchedFolder(parts.resolvePath(entry.path), reportFiles(entry.name), parts.log);
    await folder.refresh();
    return good(directorySource(entry, folder, parts));
  },
};

/** A file of the folder, bound to an image if it says of which it is. */
interface FiledReport {
  readonly imageId: Digest | null;
  readonly report: Outcome<TrivyReport>;
}

export function reportFiles(name: string): FolderUse<FiledReport> {
  return {
    label: { scans: name },
    what: `scan report of ${name}`,
    decode: (json) => (json.ok ? { imageId: readImageId(json.value), report: decodeTrivyReport(json.value) } : { imageId: null, report: json }),
    faultOf: ({ report }) => (report.ok ? null : report.fault),
  };
}

function directorySource({ name, kind, path }: Settings, folder: WatchedFolder<FiledReport>, parts: ScanParts): ScanSource {
  const trust = trustOf([kind, parts.resolvePath(path)], () => folder.hash);
  const index = indexOnce();
  return {
    name,
    stage: 'scans',
    kind,
    where: parts.resolvePath(path),
    get trust() {
      return trust();
    },
    applies: () => true,
    close: () => folder.close(),
    async look(subject) {
      if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
      if (!folder.content.ok) return folder.content;
      const content = folder.content.value;
      const reports = index(content);
      return good({
        ...noFinds,
        scans: subject.platforms.map((image) => scanOf({ source: name, image, subject }, content, reports, parts.clock())),
        faults: content.faults,
      });
    },
  };
}

type Index = ReadonlyMap<Digest, readonly Outcome<TrivyReport>[]>;

/** Reports by image ID, made anew only when the folder was. */
function indexOnce(): (content: FolderContent<FiledReport>) => Index {
  let made: { readonly content: FolderContent<FiledReport>; readonly index: Index } | null = null;
  return (content) => {
    if (made?.content === content) return made.index;
    const index = new Map<Digest, Outcome<TrivyReport>[]>();
    for (const { imageId, report } of content.items) {
      if (imageId === null) continue;
      const known = index.get(imageId);
      if (known === undefined) index.set(imageId, [report]);
      else known.push(report);
    }
    made = { content, index };
    return index;
  };
}

function scanOf(place: ScanPlace, { items, faults }: FolderContent<FiledReport>, reports: Index, now: number): Scan {
  const { image, subject } = place;
  const scans = (reports.get(image.imageId) ?? []).map((report) =>
    report.ok ? evaluate(place, report.value, null, null, now) : withoutResult(place, 'invalid', `the report can't be used: ${report.fault.message}`),
  );
  const [fault] = faults;
  if (fault !== undefined) scans.push(withoutResult(place, 'unavailable', `not all reports could be looked at: ${fault.message}`));
  if (subject.platforms.some(({ imageId }) => imageId !== image.imageId && reports.has(imageId))) {
    scans.push(withoutResult(place, 'otherPlatform', 'the reports found are about other platforms of the image'));
  }
  // Files that hold no report that could be bound to an image.
  const unusable = items.filter(({ imageId }) => imageId === null).length;
  const hint = unusable > 0 ? `; ${unusable} files of the folder hold no usable report` : '';
  return choose(withoutResult(place, 'missing', `no report in the folder is about the image ID ${image.imageId}${hint}`), scans);
}
