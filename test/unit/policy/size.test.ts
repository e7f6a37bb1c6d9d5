import { afterEach, describe, expect, it } from 'vitest';
import type { EvaluatedScan, JudgedImage } from '../../../src/domain/evidence.ts';
import { emptyEvidence, judgedImage } from '../parts.ts';
import { about, cleanUp, never, roomOf } from './fixtures.ts';

afterEach(cleanUp);

/** An image about which much is known. */
function muchKnown(findings: number): JudgedImage {
  const scan: EvaluatedScan = {
    source: 'reports',
    platform: 'linux/amd64',
    digest: `sha256:${'a'.repeat(64)}`,
    state: 'evaluated',
    signer: null,
    scanner: 'trivy',
    scannedAt: '2026-01-01T00:00:00Z',
    databaseUpdatedAt: null,
    endOfLife: false,
    counts: { CRITICAL: 0, HIGH: 0, MEDIUM: 0, LOW: findings, UNKNOWN: 0 },
    findings: Array.from({ length: findings }, (_, i) => ({
      id: `CVE-2026-${i}`,
      package: 'openssl',
      purl: null,
      installed: '3.0.1',
      fixed: null,
      severity: 'LOW',
      severities: {},
      status: 'affected',
      published: null,
      suppressed: null,
    })),
  };
  return judgedImage({ evidence: { ...emptyEvidence, scans: [scan] } });
}

describe('a Pod that names one image many times', () => {
  it('is not judged when all that is known of it would starve the others', async () => {
    const room = await roomOf('deny contains "never" if false');
    const image = muchKnown(2_000);
    const judgement = await room.judge({ ...about('shop'), images: Array.from({ length: 64 }, () => image) }, never);
    expect(judgement.findings).toMatchObject({ ok: false, fault: { code: 'LIMIT_EXCEEDED' } });
    expect(judgement.recorded.length).toBeLessThan(100_000);
  });

  it('is judged as long as that is bearable', async () => {
    const room = await roomOf('deny contains "never" if false');
    expect((await room.judge({ ...about('shop'), images: [muchKnown(2_000)] }, never)).findings).toEqual({ ok: true, value: [] });
  });
});
