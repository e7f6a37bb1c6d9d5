import { describe, expect, it } from 'vitest';
import { deadlineIn } from '../../../src/domain/deadline.ts';
import { type EvidenceSource, type Finds, noFinds, type PlatformImage, type Scan } from '../../../src/domain/evidence.ts';
import { bad, fault, good, type Outcome } from '../../../src/domain/fault.ts';
import { ownAccess } from '../../../src/domain/registry.ts';
import { createFacts } from '../../../src/evidence/cache.ts';
import { type ContentReader, createGatherer } from '../../../src/evidence/gather.ts';
import { digestOf, manifestOf, signatureBy } from '../parts.ts';

const image = { registry: 'docker.io', repository: 'library/nginx', tag: '1.27', digest: digestOf('nginx') };
const platform: PlatformImage = {
  platform: 'linux/amd64',
  digest: digestOf('nginx'),
  imageId: digestOf('nginx/config'),
  created: null,
  user: null,
  labels: {},
  annotations: {},
  rootfs: null,
};
const scan: Scan = {
  source: 'reports',
  platform: 'linux/amd64',
  digest: digestOf('nginx'),
  state: 'evaluated',
  signer: null,
  scanner: 'trivy',
  scannedAt: '2026-01-01T00:00:00Z',
  databaseUpdatedAt: null,
  endOfLife: false,
  counts: { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: 0, UNKNOWN: 0 },
  findings: [],
};

interface Answers {
  looked: number;
  answer: Outcome<Finds>;
}

function source(name: string, stage: 'signatures' | 'scans', answers: Answers, more: Partial<EvidenceSource> = {}): EvidenceSource {
  return {
    name,
    stage,
    kind: 'literal',
    trust: 'key-1',
    applies: () => true,
    async look() {
      answers.looked += 1;
      return answers.answer;
    },
    ...more,
  };
}

function setUp() {
  const time = { now: 1_000_000, scarce: false };
  const release: Answers = { looked: 0, answer: good({ ...noFinds, signatures: [signatureBy('release')] }) };
  const reports: Answers = { looked: 0, answer: good({ ...noFinds, scans: [scan] }) };
  const content = { manifest: good(manifestOf('nginx')) as Awaited<ReturnType<ContentReader['manifest']>> };
  const reader: ContentReader = { manifest: async () => content.manifest, platforms: async () => good([platform]) };
  const facts = createFacts({ entries: 100, askFor: 1_000, lastKnownGoodFor: 86_400_000, asking: 50 }, () => time.now);
  const settings = { absentFor: 10_000, refreshAfter: 600_000, assembled: 10 };
  const gatherer = (sources: readonly EvidenceSource[]) => {
    const { gather } = createGatherer(sources, reader, facts, settings, () => time.scarce);
    return async () => gather(image, [image], ['linux/amd64'], ownAccess, deadlineIn(2_000, Date.now()));
  };
  return { time, release, reports, content, gatherer, gather: gatherer([source('release', 'signatures', release), source('reports', 'scans', reports)]) };
}

describe('gathering evidence', () => {
  it('brings together what every source found', async () => {
    expect(await setUp().gather()).toMatchObject({
      platforms: [{ platform: 'linux/amd64' }],
      signatures: [{ signer: 'release' }],
      scans: [{ state: 'evaluated' }],
      faults: [],
      dark: [],
    });
  });

  it('gives the same object while nothing has changed', async () => {
    const { gather } = setUp();
    expect(await gather()).toBe(await gather());
  });

  it('asks a source once for many', async () => {
    const { gather, release } = setUp();
    await Promise.all(Array.from({ length: 8 }, gather));
    expect(release.looked).toBe(1);
  });

  it('calls a stage dark when none of its sources could be looked at', async () => {
    const world = setUp();
    world.release.answer = bad('REGISTRY_UNAVAILABLE', 'down');
    expect(await world.gather()).toMatchObject({ dark: ['signatures'], faults: [{ stage: 'signatures', source: 'release', code: 'REGISTRY_UNAVAILABLE' }] });
  });

  it('does not call a stage dark while one source could be looked at', async () => {
    const world = setUp();
    const other: Answers = { looked: 0, answer: bad('REGISTRY_UNAVAILABLE', 'down') };
    const evidence = await world.gatherer([source('release', 'signatures', world.release), source('other', 'signatures', other)])();
    expect(evidence).toMatchObject({ dark: [], faults: [{ source: 'other' }] });
  });

  it('says unavailable, not missing, for a scan source that could not be looked at', async () => {
    const world = setUp();
    world.reports.answer = bad('REGISTRY_UNAVAILABLE', 'down');
    expect(await world.gather()).toMatchObject({ dark: ['scans'], scans: [{ source: 'reports', platform: 'linux/amd64', state: 'unavailable' }] });
  });

  it('does not believe a result of a source that could be read in part only: what could not be read may be worse', async () => {
    const world = setUp();
    world.reports.answer = good({ ...noFinds, scans: [scan], faults: [fault('REGISTRY_RATE_LIMITED', 'one attestation')] });
    expect(await world.gather()).toMatchObject({ scans: [{ source: 'reports', state: 'unavailable' }], faults: [{ code: 'REGISTRY_RATE_LIMITED' }] });
    world.reports.answer = good({ ...noFinds, scans: [{ ...scan, counts: { ...scan.counts, CRITICAL: 1 } }] });
    expect(await world.gather()).toMatchObject({ scans: [{ state: 'evaluated', counts: { CRITICAL: 1 } }] });
  });

  it('asks nothing ahead of need while the registry allows little more, and again when that is over', async () => {
    const world = setUp();
    await world.gather();
    world.time.scarce = true;
    world.time.now += 700_000;
    await world.gather();
    expect(world.release.looked).toBe(1);
    world.time.scarce = false;
    await world.gather();
    await expect.poll(() => world.release.looked).toBe(2);
  });

  it('asks a scan source anew when other signers count for the image', async () => {
    const world = setUp();
    await world.gather();
    await world.gatherer([source('reports', 'scans', world.reports)])();
    expect(world.reports.looked).toBe(2);
  });

  it('leaves out the faults of a signer that is satisfied', async () => {
    const world = setUp();
    world.release.answer = good({ ...noFinds, signatures: [signatureBy('release')], faults: [fault('LIMIT_EXCEEDED', 'too many')] });
    expect((await world.gather()).faults).toEqual([]);
  });

  it('shows the faults of a signer that found nothing', async () => {
    const world = setUp();
    world.release.answer = good({ ...noFinds, faults: [fault('LIMIT_EXCEEDED', 'too many')] });
    expect((await world.gather()).faults).toMatchObject([{ code: 'LIMIT_EXCEEDED', source: 'release' }]);
  });

  it('names one cause when the image itself can not be read', async () => {
    const world = setUp();
    world.content.manifest = bad('MANIFEST_UNKNOWN', 'no such manifest');
    const evidence = await world.gather();
    expect(evidence.dark).toContain('resolve');
    expect(new Set(evidence.faults.map(({ code }) => code))).toEqual(new Set(['MANIFEST_UNKNOWN']));
  });

  it('looks again soon for a signature that was not there', async () => {
    const world = setUp();
    world.release.answer = good(noFinds);
    await world.gather();
    world.release.answer = good({ ...noFinds, signatures: [signatureBy('release')] });
    world.time.now += 10_001;
    expect((await world.gather()).signatures).toHaveLength(1);
  });

  it.each([
    ['REGISTRY_UNAUTHORIZED', 2],
    ['RESPONSE_INVALID', 2],
    ['SCAN_INVALID', 1],
  ] as const)('looks again soon where something was kept from a scan, and not where it was read: %s', async (code, looks) => {
    const { gather, reports, time } = setUp();
    const rejected = [{ stage: 'scans', source: 'notes', layout: null, code, message: 'no VEX statement counts' }] as const;
    reports.answer = good({ ...noFinds, scans: [scan], rejected });
    await gather();
    time.now += 10_001;
    await gather();
    expect(reports.looked).toBe(looks);
  });

  it('keeps no answer that an outage left incomplete', async () => {
    const world = setUp();
    world.release.answer = good({ ...noFinds, faults: [fault('REGISTRY_UNAVAILABLE', 'referrers')] });
    await world.gather();
    world.release.answer = good({ ...noFinds, signatures: [signatureBy('release')] });
    expect((await world.gather()).signatures).toHaveLength(1);
  });

  it('holds on to a verified signature through an outage, and marks it', async () => {
    const world = setUp();
    await world.gather();
    world.time.now += 3_600_000;
    world.release.answer = bad('REGISTRY_UNAVAILABLE', 'down');
    expect(await world.gather()).toMatchObject({
      signatures: [{ signer: 'release' }],
      lastKnownGood: [{ stage: 'signatures', source: 'release', age: 3600 }],
      dark: [],
    });
  });

  it('lets go of a signature once what it rests on has ended, outage or not', async () => {
    const world = setUp();
    world.release.answer = good({ ...noFinds, signatures: [signatureBy('release')], holdsFor: 7_200_000 });
    await world.gather();
    world.release.answer = bad('REVOCATION_UNAVAILABLE', 'the OCSP responder is down');
    world.time.now += 7_200_000;
    expect(await world.gather()).toMatchObject({ signatures: [{ signer: 'release' }], lastKnownGood: [{ age: 7200 }] });
    world.time.now += 1;
    expect(await world.gather()).toMatchObject({ signatures: [], faults: [{ code: 'REVOCATION_UNAVAILABLE' }], dark: ['signatures'] });
  });

  it('looks again when something about a signature may have changed, and ahead of that', async () => {
    const world = setUp();
    world.release.answer = good({ ...noFinds, signatures: [signatureBy('release')], freshFor: 60_000 });
    await world.gather();
    world.time.now += 30_000;
    await world.gather();
    expect(world.release.looked).toBe(1);
    world.time.now += 30_000;
    await world.gather();
    expect(world.release.looked).toBe(2);
    world.release.answer = bad('REGISTRY_UNAVAILABLE', 'down');
    world.time.now += 3_600_000;
    expect((await world.gather()).signatures).toHaveLength(1);
  });

  it('asks anew when the trust behind a source changes', async () => {
    const world = setUp();
    await world.gather();
    world.release.answer = good(noFinds);
    expect((await world.gatherer([source('release', 'signatures', world.release, { trust: 'key-2' })])()).signatures).toEqual([]);
  });

  it('asks no source that has nothing to say about the image', async () => {
    const world = setUp();
    await world.gatherer([source('release', 'signatures', world.release, { applies: () => false })])();
    expect(world.release.looked).toBe(0);
  });
});
