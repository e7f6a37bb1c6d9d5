import { createHash } from 'node:crypto';
import { z } from 'zod';
import { noFinds, type Scan } from '../domain/evidence.ts';
import { bad, type Fault, good, type Outcome } from '../domain/fault.ts';
import type { ImageReference, Repository } from '../domain/image.ts';
import { createHarborApi, type HarborApi } from './harborApi.ts';
import { harborCredentials, readHarborCredentials } from './harborCredentials.ts';
import type { ScanProgress } from './harborReport.ts';
import type { ScanKind, ScanParts, ScanSource } from './kind.ts';
import { nothingReported } from './sameContent.ts';
import { choose, evaluate, type ScanPlace, withoutResult } from './scan.ts';

const settings = z.strictObject({
  name: z.string().min(1).max(64),
  kind: z.literal('harbor'),
  url: z
    .string()
    .max(2048)
    .refine(isAddress, 'must be the https address of a Harbor, such as https://harbor.corp; http only for a loopback address')
    .describe('Address of Harbor, as its users know it: the images of this registry, and those mirrored there, are asked about.'),
  credentials: harborCredentials.describe('Who asks: a robot account that may read artifacts and their scans.'),
  caFile: z.string().min(1).optional().describe('PEM file of the authorities that Harbor is trusted by; absent: those that Node trusts.'),
});
type Settings = z.infer<typeof settings>;

/** The results of the scanner that a Harbor runs over the images it holds. */
export const harbor: ScanKind<Settings> = {
  settings,
  async create(entry, parts) {
    const authorization = await readHarborCredentials(entry.credentials, parts);
    if (!authorization.ok) return authorization;
    const ca = entry.caFile === undefined ? good(null) : await parts.file(entry.caFile);
    if (!ca.ok) return ca;
    const url = new URL(entry.url);
    const api = createHarborApi({ url, authorization: authorization.value, ca: ca.value === null ? null : Buffer.from(ca.value).toString('utf8') });
    return good(harborSource(entry, url, api, parts));
  },
};

type Target = Pick<ScanPlace, 'image' | 'subject'>;

function harborSource({ name, kind }: Settings, url: URL, api: HarborApi, parts: ScanParts): ScanSource {
  const trust = createHash('sha256')
    .update(JSON.stringify([kind, url.href]))
    .digest('hex');
  const placesThere = (image: ImageReference): readonly Repository[] => parts.places(image).filter(({ registry }) => registry === url.host);
  return {
    name,
    stage: 'scans',
    kind,
    trust,
    applies: (image) => placesThere(image).length > 0,
    close: () => api.close(),
    async look(subject, signal) {
      if (subject.platforms.length === 0) return bad('MANIFEST_INVALID', 'the platforms of the image are not known, so no report can be bound to them');
      const places = placesThere(subject.image);
      // Each platform by its own manifest: what Harbor says of an index is a success as soon as one child was scanned.
      const looks = await Promise.all(subject.platforms.map((image) => lookAt({ image, subject }, places, signal)));
      const faults = looks.flatMap((look) => look.faults);
      const [first] = faults;
      if (first !== undefined && looks.every((look) => look.scans.length === 0)) return { ok: false, fault: first };
      const scans = looks.map(({ image, scans: found, faults: own }) => {
        const place = { source: name, image, subject };
        const unlooked = own.map((fault) => withoutResult(place, 'unavailable', fault.message));
        return choose(withoutResult(place, 'missing', `Harbor at ${url.host} does not hold the manifest ${image.digest}`), [...found, ...unlooked]);
      });
      return good({ ...noFinds, scans, faults });
    },
  };

  async function lookAt({ image, subject }: Target, places: readonly Repository[], signal: AbortSignal) {
    const outcomes = await Promise.all(places.map(({ repository }) => scanIn(repository, { image, subject }, signal)));
    return {
      image,
      scans: outcomes.flatMap((outcome) => (outcome.ok ? [outcome.value] : [])),
      faults: outcomes.flatMap((outcome): Fault[] => (outcome.ok ? [] : [outcome.fault])),
    };
  }

  async function scanIn(repository: string, { image, subject }: Target, signal: AbortSignal): Promise<Outcome<Scan>> {
    const place = { source: name, image, subject };
    const found = await api.artifact(repository, image.digest, signal);
    if (!found.ok) return found;
    if (found.value === null) return good(withoutResult(place, 'missing', `Harbor at ${url.host} does not hold the manifest ${image.digest}`));
    if (found.value.digest !== image.digest) return good(withoutResult(place, 'mismatch', 'Harbor answered about other content than it was asked for'));
    const unfinished = unfinishedScan(found.value);
    if (unfinished !== null) return good(withoutResult(place, ...unfinished));
    const report = await api.report(repository, image.digest, signal);
    if (!report.ok) return report.fault.code === 'SCAN_INVALID' ? good(withoutResult(place, 'invalid', report.fault.message)) : report;
    if (report.value === null) return good(withoutResult(place, 'missing', 'Harbor has no scan report of the image'));
    return good(
      evaluate(
        place,
        { ...report.value, imageId: image.imageId, platform: image.platform, content: nothingReported },
        null,
        found.value.endedAt,
        parts.clock(),
      ),
    );
  }
}

/** Why there is no report to ask for; null when there is. */
function unfinishedScan({ status, complete }: ScanProgress): ['missing' | 'pending' | 'failed' | 'inconclusive', string] | null {
  if (status === null) return ['missing', 'Harbor has not scanned the image'];
  if (status === 'Error' || status === 'Stopped') return ['failed', `the scan in Harbor ended with ${status}`];
  if (status !== 'Success') return ['pending', `the scan in Harbor is not finished (${status})`];
  // Of an image that is one manifest: 100, or not said.
  return complete !== null && complete < 100 ? ['inconclusive', `Harbor has scanned ${complete} % of the image`] : null;
}

/** Credentials go there: in clear text only to this machine itself. */
function isAddress(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(url.hostname));
}
