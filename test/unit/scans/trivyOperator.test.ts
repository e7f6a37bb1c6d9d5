import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Digest } from '../../../src/domain/digest.ts';
import type { PlatformImage } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { type ObjectReader, type ScanSource, scanKinds } from '../../../src/scans/index.ts';
import { OperatorReports } from '../../../src/scans/operatorReports.ts';
import { readVulnerabilityReport } from '../../../src/scans/vulnerabilityReport.ts';
import { vulnerabilityReport } from '../../fakes/vulnerabilityReport.ts';
import { amd64, arm64, digestOf, partsOf, states, subjectOf } from './fixtures.ts';

interface Opened {
  readonly source: ScanSource;
  readonly reader: ObjectReader;
  readonly watched: (string | null)[];
  say(state: Outcome<void>): void;
  closed(): number;
}

async function open(changes: Readonly<Record<string, unknown>> = {}): Promise<Opened> {
  let reader: ObjectReader | null = null;
  let state: Outcome<void> = good(undefined);
  let closed = 0;
  const watched: (string | null)[] = [];
  const settings = scanKinds['trivy-operator'].settings.parse({ name: 'operator', kind: 'trivy-operator', ...changes });
  const created = await scanKinds['trivy-operator'].create(settings, {
    ...partsOf(),
    cluster: {
      async watchReports(namespace, own) {
        watched.push(namespace);
        reader = own;
        return good({
          state: () => state,
          close: () => {
            closed += 1;
          },
        });
      },
    },
  });
  if (!created.ok || reader === null) throw new Error('no source');
  return {
    source: created.value,
    reader,
    watched,
    say(next) {
      state = next;
    },
    closed: () => closed,
  };
}

const look = async (source: ScanSource, ...platforms: readonly PlatformImage[]) => source.look(subjectOf(...platforms), AbortSignal.timeout(1000));

describe('a VulnerabilityReport', () => {
  test('is refused as a source where no cluster is configured', async () => {
    const settings = scanKinds['trivy-operator'].settings.parse({ name: 'operator', kind: 'trivy-operator' });
    expect(await scanKinds['trivy-operator'].create(settings, partsOf())).toMatchObject({
      ok: false,
      fault: { code: 'CONFIG_INVALID', message: expect.stringContaining('cluster.kubeconfig') },
    });
  });

  test.each([
    ['the image ID', amd64.imageId],
    ['the manifest', amd64.digest],
  ])('counts when its digest is that of %s', async (_, digest) => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ digest }));
    expect(await look(source, amd64)).toMatchObject({
      ok: true,
      value: {
        faults: [],
        scans: [
          {
            source: 'operator',
            state: 'evaluated',
            scanner: 'trivy 0.74.0',
            scannedAt: '2026-11-24T10:00:00.000Z',
            endOfLife: false,
            counts: { HIGH: 1 },
            findings: [
              {
                id: 'CVE-2026-0001',
                package: 'openssl',
                installed: '3.0.1',
                fixed: '3.0.2',
                severity: 'HIGH',
                published: '2026-01-01T00:00:00.000Z',
                purl: expect.stringContaining('pkg:deb'),
              },
            ],
          },
        ],
      },
    });
  });

  test('that has the name of the image counts for nothing: without a digest it is inconclusive, with another a mismatch', async () => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ server: 'registry.test', repository: 'acme/app', tag: '1' }));
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 inconclusive']);
    reader.put('shop/web', vulnerabilityReport({ server: 'registry.test', repository: 'acme/app', tag: '1', digest: digestOf('other') }));
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 mismatch']);
    reader.put('shop/web', vulnerabilityReport({ server: 'registry.test', repository: 'acme/app', tag: '2', digest: digestOf('other') }));
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 missing']);
  });

  test('knows Docker Hub by the name that the operator gives it', () => {
    const read = readVulnerabilityReport(vulnerabilityReport({ server: 'index.docker.io', repository: 'library/nginx', tag: '1.27' }));
    expect(read.name).toBe('docker.io/library/nginx:1.27');
  });

  test('on an index is inconclusive, unless the platform of the nodes is configured', async () => {
    const report = vulnerabilityReport({ digest: digestOf('index') });
    const unknown = await open();
    unknown.reader.put('shop/web', report);
    expect(states(await look(unknown.source, amd64, arm64))).toEqual(['linux/amd64 inconclusive', 'linux/arm64 inconclusive']);
    const known = await open({ platform: 'linux/amd64' });
    known.reader.put('shop/web', report);
    expect(states(await look(known.source, amd64, arm64))).toEqual(['linux/amd64 evaluated', 'linux/arm64 inconclusive']);
  });

  test.each([
    ['no platform', null],
    ['another variant', 'linux/amd64/v3'],
  ])('on an index with a child of %s that the scanner may have taken is inconclusive, whatever is configured', async (_what, platform) => {
    const known = await open({ platform: 'linux/amd64' });
    known.reader.put('shop/web', vulnerabilityReport({ digest: digestOf('index') }));
    const child = (digest: Digest, named: string | null) => ({
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest,
      size: 1,
      artifactType: null,
      annotations: {},
      platform: named,
    });
    const subject = subjectOf(amd64, arm64);
    const manifest = { ...subject.manifest, manifests: [child(digestOf('clean'), platform), child(amd64.digest, 'linux/amd64')] };
    const outcome = await known.source.look({ ...subject, manifest, platforms: [amd64] }, new AbortController().signal);
    expect(states(outcome)).toEqual(['linux/amd64 inconclusive']);
  });

  test('of a sibling is about another platform', async () => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ digest: arm64.imageId }));
    expect(states(await look(source, amd64, arm64))).toEqual(['linux/amd64 otherPlatform', 'linux/arm64 evaluated']);
  });

  test('that is newer beats an older one, whatever it found', async () => {
    const { source, reader } = await open();
    reader.put('shop/new', vulnerabilityReport({ digest: amd64.imageId }, { vulnerabilities: [] }));
    reader.put('shop/old', vulnerabilityReport({ digest: amd64.imageId }, { updateTimestamp: '2026-11-20T10:00:00Z' }));
    expect(await look(source, amd64)).toMatchObject({ value: { scans: [{ state: 'evaluated', scannedAt: '2026-11-24T10:00:00.000Z', findings: [] }] } });
  });

  test.each([
    ['from the future', { updateTimestamp: '2027-01-01T00:00:00Z' }, 'invalid'],
    ['without a time', { updateTimestamp: null }, 'invalid'],
    ['not as it should be', { vulnerabilities: 'none' }, 'invalid'],
    ['without findings, of an unknown system', { vulnerabilities: [], os: { family: 'none', name: '' } }, 'inconclusive'],
    ['without findings, of a known system', { vulnerabilities: [] }, 'evaluated'],
  ])('%s is told apart', async (_, changes, state) => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ digest: amd64.imageId }, changes));
    expect(states(await look(source, amd64))).toEqual([`linux/amd64 ${state}`]);
  });

  test('of an end-of-life system says so', async () => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ digest: amd64.imageId }, { os: { family: 'debian', name: '9', eosl: true } }));
    expect(await look(source, amd64)).toMatchObject({ value: { scans: [{ endOfLife: true }] } });
  });

  test('that is deleted is missing', async () => {
    const { source, reader } = await open();
    reader.put('shop/web', vulnerabilityReport({ digest: amd64.imageId }));
    reader.drop('shop/web');
    expect(states(await look(source, amd64))).toEqual(['linux/amd64 missing']);
  });
});

describe('the source', () => {
  test('is unavailable, not empty, while the objects are not known', async () => {
    const { source, say } = await open();
    say(bad('REGISTRY_UNAVAILABLE', 'not listed yet'));
    expect(states(await look(source, amd64))).toEqual(['REGISTRY_UNAVAILABLE']);
  });

  test('watches the namespace it is told, and stops when it is closed', async () => {
    const { source, watched, closed } = await open({ namespace: 'shop' });
    source.close();
    expect([watched, closed()]).toEqual([['shop'], 1]);
    expect((await open()).watched).toEqual([null]);
  });

  test('changes its trust with what the reports say, and with nothing else', async () => {
    const { source, reader } = await open();
    const empty = source.trust;
    const report = vulnerabilityReport({ digest: amd64.imageId });
    reader.put('shop/web', report);
    const one = source.trust;
    expect(one).not.toBe(empty);
    reader.put('shop/web', { ...report, metadata: { resourceVersion: '9', labels: { seen: 'again' } } });
    expect(source.trust).toBe(one);
    reader.put('shop/api', vulnerabilityReport({ digest: arm64.imageId }));
    expect(source.trust).not.toBe(one);
    reader.drop('shop/api');
    expect(source.trust).toBe(one);
    reader.put('shop/web', vulnerabilityReport({ digest: amd64.imageId }, { updateTimestamp: '2026-11-24T11:00:00Z' }));
    expect(source.trust).not.toBe(one);
    reader.drop('shop/web');
    expect(source.trust).toBe(empty);
  });
});

describe('many reports', () => {
  test('beyond a bound are left out, and that is a fault', () => {
    const few = new OperatorReports({ reports: 2, findings: 100 });
    for (const name of ['a', 'b', 'c']) few.put(`shop/${name}`, vulnerabilityReport({ digest: digestOf(name) }));
    expect(few.fault).toMatchObject({ code: 'LIMIT_EXCEEDED' });
    expect([few.about(digestOf('a')).length, few.about(digestOf('c')).length]).toEqual([1, 0]);
    few.drop('shop/c');
    expect(few.fault).toBeNull();
    const small = new OperatorReports({ reports: 100, findings: 1 });
    small.put('shop/a', vulnerabilityReport({ digest: digestOf('a') }));
    small.put('shop/b', vulnerabilityReport({ digest: digestOf('b') }));
    expect(small.fault).toMatchObject({ code: 'LIMIT_EXCEEDED' });
  });

  test('leave no trace when they are gone, in whatever order they came and went', () => {
    const step = fc.record({ key: fc.constantFrom('a', 'b', 'c'), time: fc.constantFrom('2026-11-24T10:00:00Z', '2026-11-23T10:00:00Z'), put: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const reports = new OperatorReports();
        const { version } = reports;
        for (const { key, time, put } of steps) {
          if (put) reports.put(key, vulnerabilityReport({ digest: digestOf(key) }, { updateTimestamp: time }));
          else reports.drop(key);
        }
        for (const key of ['a', 'b', 'c']) reports.drop(key);
        return reports.version === version && ['a', 'b', 'c'].every((key) => reports.about(digestOf(key)).length === 0);
      }),
      { numRuns: 50 },
    );
  });

  test('however they are shaped, do not make the reader throw', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        readVulnerabilityReport(value);
        readVulnerabilityReport({ report: value });
        readVulnerabilityReport(vulnerabilityReport({}, { vulnerabilities: value }));
      }),
      { numRuns: 200 },
    );
  });
});
