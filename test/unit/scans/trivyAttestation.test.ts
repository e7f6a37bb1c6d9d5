import { describe, expect, test } from 'vitest';
import { type Finds, noFinds, type Subject, type VerifiedAttestation } from '../../../src/domain/evidence.ts';
import { bad, good, type Outcome } from '../../../src/domain/fault.ts';
import { scanKinds } from '../../../src/scans/index.ts';
import { amd64, arm64, attestation, digestOf, partsOf, platform, predicate, report, states, subjectOf, vulnerability } from './fixtures.ts';

const index = digestOf('index');
const s390x = platform('linux/s390x');

async function look(subject: Subject, attached: Readonly<Record<string, Outcome<Finds>>>): Promise<Outcome<Finds>> {
  const settings = scanKinds['trivy-attestation'].settings.parse({ name: 'attested', kind: 'trivy-attestation', signers: ['ci'] });
  const created = await scanKinds['trivy-attestation'].create(settings, partsOf(attached));
  if (!created.ok) throw new Error(created.fault.message);
  return created.value.look(subject, AbortSignal.timeout(1000));
}

function attach(...attestations: readonly VerifiedAttestation[]): Outcome<Finds> {
  return good({ ...noFinds, attestations });
}

describe('a report does not count', () => {
  test('when there is none: missing', async () => {
    expect(states(await look(subjectOf(amd64), {}))).toEqual(['linux/amd64 missing']);
  });

  test('when what is attached is vouched for by nobody that counts: untrusted', async () => {
    const rejected = [{ stage: 'signatures', source: 'ci', layout: 'bundle', code: 'SIGNER_MISMATCH', message: 'another key' }] as const;
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: good({ ...noFinds, rejected }) }))).toEqual(['linux/amd64 untrusted']);
  });

  test('when another signer attested it', async () => {
    const other = attestation(amd64.digest, predicate(report(amd64)), { signer: 'stranger' });
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: attach(other) }))).toEqual(['linux/amd64 missing']);
  });

  test('when its statement names another digest', async () => {
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(digestOf('other'), predicate(report(amd64)))) }))).toEqual([
      'linux/amd64 missing',
    ]);
  });

  test('when the predicate is of another type', async () => {
    const other = attestation(amd64.digest, predicate(report(amd64)), { predicateType: 'https://slsa.dev/provenance/v1' });
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: attach(other) }))).toEqual(['linux/amd64 missing']);
  });

  test('when the predicate is about another image: mismatch, and rejected', async () => {
    const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(report(s390x)))) });
    expect(states(outcome)).toEqual(['linux/amd64 mismatch']);
    expect(outcome).toMatchObject({ value: { rejected: [{ stage: 'scans', source: 'attested', code: 'SCAN_INVALID' }] } });
  });

  test('though name, tag and repository digest are those of the image', async () => {
    const foreign = { ...report(s390x), ArtifactName: `registry.test/acme/app@${amd64.digest}` };
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(foreign))) }))).toEqual(['linux/amd64 mismatch']);
  });

  test("when a sibling's report is on the platform's own manifest: mismatch", async () => {
    const outcome = await look(subjectOf(amd64, arm64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(report(arm64)))) });
    expect(states(outcome)).toEqual(['linux/amd64 mismatch', 'linux/arm64 missing']);
    expect(outcome).toMatchObject({ value: { rejected: [{ code: 'SCAN_INVALID' }] } });
  });

  test('when it is no report: invalid, and rejected', async () => {
    const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate({}))) });
    expect(states(outcome)).toEqual(['linux/amd64 invalid']);
    expect(outcome).toMatchObject({ value: { rejected: [{ code: 'SCAN_INVALID' }] } });
  });

  test('when the predicate or the report comes from the future: invalid', async () => {
    const future = '2026-11-24T20:06:00Z';
    const byPredicate = attestation(amd64.digest, predicate(report(amd64), future));
    const byReport = attestation(amd64.digest, predicate(report(amd64, { CreatedAt: future })));
    for (const one of [byPredicate, byReport]) {
      expect(states(await look(subjectOf(amd64), { [amd64.digest]: attach(one) }))).toEqual(['linux/amd64 invalid']);
    }
  });

  test('when nothing follows from it: inconclusive', async () => {
    const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(report(amd64, { Results: [] })))) });
    expect(states(outcome)).toEqual(['linux/amd64 inconclusive']);
  });
});

describe('what could not be looked at is not missing', () => {
  test('when nothing could be looked at, it is a fault', async () => {
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: bad('REGISTRY_UNAVAILABLE', 'down') }))).toEqual(['REGISTRY_UNAVAILABLE']);
  });

  test('when a part could not, the platforms it may have covered are unavailable', async () => {
    const outcome = await look(subjectOf(amd64, arm64), {
      [index]: bad('REGISTRY_UNAVAILABLE', 'down'),
      [amd64.digest]: attach(attestation(amd64.digest, predicate(report(amd64)))),
    });
    expect(states(outcome)).toEqual(['linux/amd64 evaluated', 'linux/arm64 unavailable']);
    expect(outcome).toMatchObject({ value: { faults: [{ code: 'REGISTRY_UNAVAILABLE' }] } });
  });

  test('nor mismatched, while a good report may be behind the fault', async () => {
    const finds = {
      ...noFinds,
      attestations: [attestation(amd64.digest, predicate(report(s390x)))],
      faults: [{ code: 'LIMIT_EXCEEDED', message: 'many', transient: false }],
    } as const;
    expect(states(await look(subjectOf(amd64), { [amd64.digest]: good(finds) }))).toEqual(['linux/amd64 unavailable']);
  });

  test('an image whose platforms are unknown can not be judged by any report', async () => {
    expect(states(await look(subjectOf(), {}))).toEqual(['MANIFEST_INVALID']);
  });
});

describe('a report counts', () => {
  test('for the image it is about, with its signer', async () => {
    const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(report(amd64)))) });
    expect(outcome).toMatchObject({
      value: { scans: [{ source: 'attested', platform: 'linux/amd64', state: 'evaluated', signer: 'ci', counts: { HIGH: 1 } }], rejected: [] },
    });
  });

  test('on the index for one child only', async () => {
    const outcome = await look(subjectOf(amd64, arm64), { [index]: attach(attestation(index, predicate(report(amd64)))) });
    expect(states(outcome)).toEqual(['linux/amd64 evaluated', 'linux/arm64 otherPlatform']);
    expect(outcome).toMatchObject({ value: { rejected: [] } });
  });

  test('on the index for a child that does not matter here: otherPlatform, not rejected', async () => {
    const outcome = await look(subjectOf(amd64, arm64), { [index]: attach(attestation(index, predicate(report(s390x)))) });
    expect(states(outcome)).toEqual(['linux/amd64 otherPlatform', 'linux/arm64 otherPlatform']);
    expect(outcome).toMatchObject({ value: { rejected: [] } });
  });

  test('on the index not when it claims to be of a platform that is here, with another image ID', async () => {
    const forged = report({ ...amd64, imageId: digestOf('forged') });
    const outcome = await look(subjectOf(amd64, arm64), { [index]: attach(attestation(index, predicate(forged))) });
    expect(states(outcome)).toEqual(['linux/amd64 mismatch', 'linux/arm64 mismatch']);
    expect(outcome).toMatchObject({ value: { rejected: [{ code: 'SCAN_INVALID' }] } });
  });

  test('each for its platform', async () => {
    const outcome = await look(subjectOf(amd64, arm64), {
      [index]: attach(attestation(index, predicate(report(amd64)))),
      [arm64.digest]: attach(attestation(arm64.digest, predicate(report(arm64)))),
    });
    expect(states(outcome)).toEqual(['linux/amd64 evaluated', 'linux/arm64 evaluated']);
  });

  test('the newest of several', async () => {
    const older = report(amd64, { CreatedAt: '2026-11-20T00:00:00Z', Results: [{ Class: 'os-pkgs' }] });
    const newer = report(amd64, { Results: [{ Class: 'os-pkgs', Vulnerabilities: [vulnerability({ Severity: 'CRITICAL' })] }] });
    for (const order of [
      [older, newer],
      [newer, older],
    ]) {
      const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(...order.map((one) => attestation(amd64.digest, predicate(one)))) });
      expect(outcome).toMatchObject({ value: { scans: [{ state: 'evaluated', counts: { CRITICAL: 1 } }] } });
    }
  });

  test('of the same time, the one that found more', async () => {
    const none = report(amd64, { Results: [{ Class: 'os-pkgs' }] });
    for (const order of [
      [none, report(amd64)],
      [report(amd64), none],
    ]) {
      const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(...order.map((one) => attestation(amd64.digest, predicate(one)))) });
      expect(outcome).toMatchObject({ value: { scans: [{ counts: { HIGH: 1 } }] } });
    }
  });

  test('with the older of the two times: converting an old report dates the predicate anew', async () => {
    const old = report(amd64, { CreatedAt: '2026-01-01T00:00:00Z' });
    const outcome = await look(subjectOf(amd64), { [amd64.digest]: attach(attestation(amd64.digest, predicate(old, '2026-11-24T19:00:00Z'))) });
    expect(outcome).toMatchObject({ value: { scans: [{ scannedAt: '2026-01-01T00:00:00.000Z' }] } });
  });
});

test('a report that can not be read counts before one that can: it may be the newer, and the worse', async () => {
  const outcome = await look(subjectOf(amd64), {
    [amd64.digest]: attach(attestation(amd64.digest, predicate({})), attestation(amd64.digest, predicate(report(amd64)))),
  });
  expect(states(outcome)).toEqual(['linux/amd64 invalid']);
});
