import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decide, type FaultEffect, type Finding, hostPolicy } from '../../../src/domain/decision.ts';
import type { JudgedImage, Stage, StageFault } from '../../../src/domain/evidence.ts';
import { bad, type FaultCode, faultCodes, good, type Outcome } from '../../../src/domain/fault.ts';
import { emptyEvidence, judgedImage } from '../parts.ts';

const strict = { faults: new Map<FaultCode, FaultEffect>(), revoked: new Set<string>() };
const rules = (faults: Partial<Record<FaultCode, FaultEffect>>) => ({
  faults: new Map(Object.entries(faults) as [FaultCode, FaultEffect][]),
  revoked: new Set<string>(),
});

function judged(findings: readonly Finding[] = []): Outcome<readonly Finding[]> {
  return good(findings);
}

function finding(effect: 'deny' | 'warn', more: Partial<Finding> = {}): Finding {
  return { policy: 'signed', id: null, effect, msg: 'no', severity: null, container: 'web', cves: [], remediation: null, code: null, ...more };
}

function stageFault(stage: Stage, code: FaultCode, message = 'registry.corp is down'): StageFault {
  return { stage, source: 'release', code, message, transient: true };
}

function darkImage(dark: readonly Stage[], faults: readonly StageFault[], more: Partial<JudgedImage> = {}): JudgedImage {
  return judgedImage({ evidence: { ...emptyEvidence, dark, faults }, ...more });
}

describe('a Pod is denied', () => {
  it('when a policy denies', () => {
    const decision = decide([judgedImage()], judged([finding('deny')]), strict);
    expect(decision).toMatchObject({ decision: 'deny', findings: [{ policy: 'signed', decisive: true }] });
  });

  it.each(['POLICY_BROKEN', 'POLICY_TIMEOUT', 'DEADLINE_EXCEEDED', 'INTERNAL'] as const)(
    'when the policies could not judge, whatever is mapped: %s',
    (code) => {
      expect(decide([judgedImage()], bad(code, 'no'), rules({ [code]: 'ignore' })).decision).toBe('deny');
      const decision = decide([judgedImage()], bad(code, 'no answer'), strict);
      expect(decision).toMatchObject({ decision: 'deny', findings: [{ policy: hostPolicy, id: 'policies', code, decisive: true }] });
    },
  );

  it.each(['warn', 'ignore'] as const)('when no policies are in force, even where that is mapped to %s', (effect) => {
    expect(decide([], bad('POLICY_BROKEN', 'signed.rego:3: no'), rules({ POLICY_BROKEN: effect })).decision).toBe('deny');
  });

  it.each([
    ['resolve', 'could not be resolved'],
    ['signatures', 'no signature could be looked at'],
    ['scans', 'no scan result could be looked at'],
  ] as const)('when %s is dark, saying so and why', (stage, words) => {
    const decision = decide([darkImage([stage], [stageFault(stage, 'REGISTRY_UNAVAILABLE')])], judged(), strict);
    expect(decision).toMatchObject({ decision: 'deny', findings: [{ id: `dark-${stage}`, code: 'REGISTRY_UNAVAILABLE', container: 'web' }] });
    expect(decision.findings[0]?.msg).toContain(words);
    expect(decision.findings[0]?.msg).toContain('container web, image nginx:1.27');
    expect(decision.findings[0]?.msg).toContain('REGISTRY_UNAVAILABLE: registry.corp is down');
  });

  it('when a stage is dark and nobody knows why', () => {
    expect(decide([darkImage(['scans'], [])], judged(), rules({ INTERNAL: 'ignore' })).decision).toBe('deny');
  });

  it('when a stage is dark for two reasons, of which only one is forgiven', () => {
    const image = darkImage(['scans'], [stageFault('scans', 'REGISTRY_RATE_LIMITED'), stageFault('scans', 'REGISTRY_UNAUTHORIZED')]);
    expect(decide([image], judged(), rules({ REGISTRY_RATE_LIMITED: 'ignore' })).decision).toBe('deny');
  });

  it('when an image has no digest', () => {
    const decision = decide([judgedImage({ pinned: false })], judged(), strict);
    expect(decision).toMatchObject({ decision: 'deny', findings: [{ id: 'unpinned', container: 'web' }] });
    expect(decision.findings[0]?.remediation).not.toBeNull();
  });

  it('when an image has no digest because it could not be resolved, even where that is forgiven', () => {
    const image = darkImage(['resolve'], [stageFault('resolve', 'REGISTRY_UNAVAILABLE')], { pinned: false });
    expect(decide([image], judged(), rules({ REGISTRY_UNAVAILABLE: 'ignore' }))).toMatchObject({ decision: 'deny', findings: [{ id: 'unpinned' }] });
  });

  it('with the true reason alone when an image has no digest because it could not be resolved', () => {
    const image = darkImage(['resolve'], [stageFault('resolve', 'MANIFEST_UNKNOWN', 'there is no such tag')], { pinned: false });
    expect(decide([image], judged(), strict).findings.map(({ id }) => id)).toEqual(['dark-resolve']);
  });

  it('when an image must come from a mirror and does not', () => {
    const decision = decide([judgedImage({ mirrorMissing: 'docker.io' })], judged(), strict);
    expect(decision).toMatchObject({ decision: 'deny', findings: [{ id: 'mirror-required' }] });
  });

  it('by the one bad image among good ones, naming it', () => {
    const container = { container: 'shell', role: 'ephemeralContainer', path: '/spec/ephemeralContainers/0/image', pullPolicy: null, written: 'x' } as const;
    const decision = decide([judgedImage(), judgedImage({ container, pinned: false }), judgedImage()], judged(), strict);
    expect(decision.findings).toMatchObject([{ container: 'shell', msg: expect.stringContaining('ephemeral container shell') }]);
  });
});

describe('a Pod is allowed', () => {
  it('when nobody objects', () => {
    expect(decide([judgedImage()], judged(), strict)).toEqual({ decision: 'allow', findings: [] });
  });

  it('when policies only warn', () => {
    expect(decide([judgedImage()], judged([finding('warn')]), strict)).toMatchObject({ decision: 'allow', findings: [{ effect: 'warn', decisive: false }] });
  });

  it('when a fault is there but its stage is not dark: another source could be looked at', () => {
    expect(decide([darkImage([], [stageFault('scans', 'REGISTRY_UNAVAILABLE')])], judged(), strict)).toEqual({ decision: 'allow', findings: [] });
  });

  it('with a warning when the faults of a dark stage are mapped to warn', () => {
    const image = darkImage(['scans'], [stageFault('scans', 'REGISTRY_RATE_LIMITED')]);
    expect(decide([image], judged(), rules({ REGISTRY_RATE_LIMITED: 'warn' }))).toMatchObject({
      decision: 'allow',
      findings: [{ id: 'dark-scans', effect: 'warn', decisive: false }],
    });
  });

  it('silently when they are mapped to ignore', () => {
    const image = darkImage(['scans'], [stageFault('scans', 'REGISTRY_RATE_LIMITED')]);
    expect(decide([image], judged(), rules({ REGISTRY_RATE_LIMITED: 'ignore' }))).toEqual({ decision: 'allow', findings: [] });
  });
});

describe('an image that could not be resolved', () => {
  it('is denied for that, and not for what policies say of what nobody could see', () => {
    const image = darkImage(['resolve'], [stageFault('resolve', 'REGISTRY_UNAVAILABLE')], { pinned: false });
    const { findings } = decide([image], judged([finding('deny'), finding('deny', { container: 'other' })]), strict);
    expect(findings.map(({ policy, container, decisive }) => [policy, container, decisive])).toEqual([
      ['tidewaiter', 'web', true],
      ['signed', 'web', false],
      ['signed', 'other', true],
    ]);
  });
});

describe('one cause that darkens several stages', () => {
  it('is said once', () => {
    const image = darkImage(
      ['resolve', 'signatures', 'scans'],
      [stageFault('resolve', 'REGISTRY_UNAVAILABLE'), stageFault('signatures', 'REGISTRY_UNAVAILABLE'), stageFault('scans', 'REGISTRY_UNAVAILABLE')],
    );
    expect(decide([image], judged(), strict).findings.map(({ id }) => id)).toEqual(['dark-resolve']);
  });

  it('leaves the other causes to be said', () => {
    const image = darkImage(
      ['signatures', 'scans'],
      [stageFault('signatures', 'REGISTRY_UNAVAILABLE'), stageFault('scans', 'REGISTRY_UNAVAILABLE'), stageFault('scans', 'SCAN_INVALID', 'no JSON')],
    );
    expect(decide([image], judged(), strict).findings.map(({ msg }) => msg.includes('no JSON'))).toEqual([false, true]);
  });
});

describe('for any faults and rules', () => {
  const stages = ['resolve', 'signatures', 'scans'] as const;
  const codes = fc.constantFrom<FaultCode>('REGISTRY_UNAVAILABLE', 'REGISTRY_RATE_LIMITED', 'DEADLINE_EXCEEDED');
  const faults = fc.array(
    fc.tuple(fc.constantFrom(...stages), codes, fc.constantFrom('a', 'b')).map(([stage, code, message]) => stageFault(stage, code, message)),
    { maxLength: 6 },
  );
  const effects = fc.dictionary(codes, fc.constantFrom<FaultEffect>('deny', 'warn', 'ignore'));

  it('a dark stage denies unless every one of its faults is forgiven', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.constantFrom(...stages)), faults, effects, (dark, all, mapped) => {
        const mapping = rules(mapped);
        const unforgiven = dark.some((stage) => {
          const its = all.filter((f) => f.stage === stage);
          return its.length === 0 || its.some((f) => (mapping.faults.get(f.code) ?? 'deny') === 'deny');
        });
        expect(decide([darkImage(dark, all)], judged(), mapping).decision).toBe(unforgiven ? 'deny' : 'allow');
      }),
      { numRuns: 2_000 },
    );
  });

  it('a decision denies exactly when one of its findings is decisive', () => {
    fc.assert(
      fc.property(faults, fc.boolean(), fc.option(fc.constantFrom(...faultCodes)), (all, pinned, broken) => {
        const decision = decide([darkImage(['scans'], all, { pinned })], broken === null ? judged() : bad(broken, 'broken'), strict);
        expect(decision.decision === 'deny').toBe(decision.findings.some(({ decisive }) => decisive));
      }),
    );
  });
});
