/** A report that has the image's ID says more of what it was made from: nothing of that may speak against the image. */
import { describe, expect, test } from 'vitest';
import type { Finds, Subject } from '../../../src/domain/evidence.ts';
import { noFinds } from '../../../src/domain/evidence.ts';
import type { Outcome } from '../../../src/domain/fault.ts';
import { good } from '../../../src/domain/fault.ts';
import { scanKinds } from '../../../src/scans/index.ts';
import { findDifference, readReportedContent } from '../../../src/scans/sameContent.ts';
import { amd64, arm64, attestation, digestOf, layerOf, partsOf, predicate, report, subjectOf } from './fixtures.ts';

const own = layerOf('linux/amd64');
const foreign = layerOf('evil');

type Metadata = Parameters<typeof readReportedContent>[0];
const difference = (metadata: Metadata, subject = subjectOf(amd64)) => findDifference(readReportedContent(metadata), amd64, subject);

describe('a report is about other content', () => {
  const cases: Readonly<Record<string, Metadata>> = {
    'when it was made from another layer': { Layers: [foreign] },
    'when the layer has another digest, though it is the same unpacked': { Layers: [{ ...own, Digest: foreign.Digest }] },
    'when the layer is another one unpacked': { Layers: [{ ...own, DiffID: foreign.DiffID }] },
    'when it has one layer more': { Layers: [own, foreign] },
    'when its DiffIDs are others': { DiffIDs: [foreign.DiffID] },
    'when its DiffIDs are more': { DiffIDs: [own.DiffID, foreign.DiffID] },
    'when its configuration has other diff_ids': { ImageConfig: { rootfs: { diff_ids: [foreign.DiffID] } } },
    'when one of two lists is another': { DiffIDs: [own.DiffID], ImageConfig: { rootfs: { diff_ids: [foreign.DiffID] } } },
    'when it names another manifest of this repository': { RepoDigests: [`registry.test/acme/app@${digestOf('other')}`] },
    'when it names another manifest here and this one elsewhere': {
      RepoDigests: [`registry.test/acme/app@${digestOf('other')}`, `registry.test/acme/copy@${amd64.digest}`],
    },
  };
  test.each(Object.entries(cases))('%s', (_name, metadata) => expect(difference(metadata)).toMatch(/^the report has the image ID, but /));

  test('when it names layers, and nobody knows those of the image', () => {
    const unread = { ...amd64, rootfs: null };
    for (const metadata of [{ Layers: [own] }, { DiffIDs: [own.DiffID] }]) {
      expect(findDifference(readReportedContent(metadata), unread, subjectOf(unread))).not.toBeNull();
    }
  });

  test('when it names another manifest of the mirror that the image comes from', () => {
    const subject: Subject = { ...subjectOf(amd64), repositories: [{ registry: 'mirror.test', repository: 'hub/acme/app' }] };
    expect(difference({ RepoDigests: [`mirror.test/hub/acme/app@${digestOf('other')}`] }, subject)).not.toBeNull();
  });
});

describe('nothing speaks against a report', () => {
  const cases: Readonly<Record<string, Metadata>> = {
    'that names nothing': {},
    'whose lists are empty': { Layers: [], DiffIDs: [], RepoDigests: [], ImageConfig: { rootfs: { diff_ids: [] } } },
    'that names the same layers': { Layers: [own], DiffIDs: [own.DiffID] },
    'whose layers lay unpacked where it was made': { Layers: [{ DiffID: own.DiffID }] },
    'that names this manifest': { RepoDigests: [`registry.test/acme/app@${amd64.digest}`] },
    'that names this one among several': { RepoDigests: [`registry.test/acme/app@${digestOf('old')}`, `registry.test/acme/app@${amd64.digest}`] },
    'that was made in another repository': { RepoDigests: [`build.test/app@${digestOf('other')}`] },
    'that names no reference': { RepoDigests: ['::', '@', ''] },
    'that names all its layers, and another index they stand in': { Layers: [own], RepoDigests: [`registry.test/acme/app@${digestOf('other')}`] },
  };
  test.each(Object.entries(cases))('%s', (_name, metadata) => expect(difference(metadata)).toBeNull());

  test('that names the index', () => {
    expect(difference({ RepoDigests: [`registry.test/acme/app@${digestOf('index')}`] }, subjectOf(amd64, arm64))).toBeNull();
  });
});

test('an attested report about other content is a mismatch, and rejected', async () => {
  const forged = report(amd64, { Metadata: { ImageID: amd64.imageId, Layers: [{ ...own, Digest: foreign.Digest }] } });
  const attested: Outcome<Finds> = good({ ...noFinds, attestations: [attestation(amd64.digest, predicate(forged))] });
  const kind = scanKinds['trivy-attestation'];
  const source = await kind.create({ name: 'attested', kind: 'trivy-attestation', signers: ['ci'] }, partsOf({ [amd64.digest]: attested }));
  if (!source.ok) throw new Error(source.fault.message);
  expect(await source.value.look(subjectOf(amd64), AbortSignal.timeout(1_000))).toMatchObject({
    value: {
      scans: [{ state: 'mismatch', reason: expect.stringContaining('other layers') }],
      rejected: [{ code: 'SCAN_INVALID', message: expect.stringContaining('other layers') }],
    },
  });
});
