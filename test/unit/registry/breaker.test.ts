import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { abandonProbe, admit, type BreakerRules, type BreakerState, beginProbe, closed, type Failure, fail } from '../../../src/registry/breaker.ts';

const rules: BreakerRules = { failures: 5, repositories: 3, lasting: 1_000, forgottenAfter: 60_000, firstOpen: 1_000, longestOpen: 30_000 };

const refused = (more: Partial<Failure> = {}): Failure => ({ cause: 'refused', repository: 'acme/app', connection: true, since: 0, ...more });
const answered500 = (repository: string): Failure => ({ cause: '500', repository, connection: false, since: 0 });

/** After failures at given times. */
function stateAfter(failures: readonly (readonly [now: number, failure: Failure])[]): BreakerState {
  return failures.reduce<BreakerState>((state, [now, failure]) => fail(state, failure, false, rules, now, 1), closed);
}

describe('a closed breaker', () => {
  it('stays closed for fewer failures than it takes', () => {
    expect(stateAfter([0, 500, 1_000, 5_000].map((now) => [now, refused({ since: 0 })])).kind).toBe('closed');
  });

  it('stays closed for many failures at one instant', () => {
    expect(stateAfter(Array.from({ length: 100 }, () => [10, refused()])).kind).toBe('closed');
  });

  it('stays closed for a repository that always fails where connections come about', () => {
    expect(stateAfter(Array.from({ length: 100 }, (_, i) => [i * 1_000, answered500('acme/app')])).kind).toBe('closed');
  });

  it('stays closed for two repositories that fail', () => {
    expect(stateAfter(Array.from({ length: 100 }, (_, i) => [i * 1_000, answered500(`acme/${i % 2}`)])).kind).toBe('closed');
  });

  it('stays closed for failures that lie far apart', () => {
    expect(stateAfter(Array.from({ length: 20 }, (_, i) => [i * 60_001, refused({ since: i * 60_001 })])).kind).toBe('closed');
    expect(stateAfter([0, 70_000, 70_000, 70_000, 70_000, 70_000].map((now) => [now, refused({ since: now })])).kind).toBe('closed');
  });

  it('opens where no connection comes about, whatever the repository', () => {
    expect(stateAfter([0, 100, 200, 300, 1_000].map((now) => [now, refused()]))).toMatchObject({ kind: 'open', until: 2_000, cause: 'refused' });
  });

  it('opens where one repository after the other fails', () => {
    expect(stateAfter([0, 100, 200, 300, 1_000].map((now, i) => [now, answered500(`acme/${i}`)])).kind).toBe('open');
  });

  it('counts the time that an exchange took to fail', () => {
    expect(stateAfter(Array.from({ length: 5 }, (_, i) => [10_000, answered500(`acme/${i}`)])).kind).toBe('open');
  });
});

describe('an open breaker', () => {
  const open: BreakerState = { kind: 'open', until: 2_000, openings: 1, cause: 'refused' };

  it('refuses until its time is over, then lets one request find out and has the others wait', () => {
    expect(admit(open, 1_999)).toBe('refuse');
    expect(admit(open, 2_000)).toBe('probe');
    expect(admit(beginProbe(open), 2_000)).toBe('wait');
  });

  it('is not opened for longer by what was sent before', () => {
    expect(fail(open, refused(), false, rules, 1_500, 1)).toBe(open);
    const probing = beginProbe(open);
    expect(fail(probing, refused(), false, rules, 1_500, 1)).toBe(probing);
  });

  it('tries again at once where the probe told nothing', () => {
    expect(admit(abandonProbe(beginProbe(open), 2_500), 2_500)).toBe('probe');
  });

  it('opens for twice as long with each probe that fails, and no longer than the longest', () => {
    let state: BreakerState = open;
    const lengths = Array.from({ length: 8 }, () => {
      state = fail(beginProbe(state), refused({ cause: 'still refused' }), true, rules, 0, 1);
      return state.kind === 'open' ? state.until : 0;
    });
    expect(lengths).toEqual([2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000, 30_000]);
    expect(state).toMatchObject({ cause: 'still refused' });
  });

  it('spreads the time between half of it and all', () => {
    expect(fail(beginProbe(open), refused(), true, rules, 0, 0)).toMatchObject({ until: 1_000 });
  });
});

describe('whatever happens, a breaker', () => {
  type Step = { readonly wait: number; readonly does: 'fail' | 'answer' | 'abandon'; readonly repository: string; readonly connection: boolean };
  const steps = fc.array(
    fc.record<Step>({
      wait: fc.nat(5_000),
      does: fc.constantFrom('fail', 'answer', 'abandon'),
      repository: fc.constantFrom('a', 'b', 'c', 'd'),
      connection: fc.boolean(),
    }),
    { maxLength: 60 },
  );

  /** Runs requests one after the other; tells of each state and what was admitted. */
  function run(list: readonly Step[], jitter: number, see: (state: BreakerState, now: number) => void): void {
    let state: BreakerState = closed;
    let now = 0;
    for (const { wait, does, repository, connection } of list) {
      now += wait;
      const admitted = admit(state, now);
      if (admitted === 'refuse') continue;
      const isProbe = admitted === 'probe';
      if (isProbe) state = beginProbe(state);
      if (does === 'answer') state = closed;
      else if (does === 'fail') state = fail(state, { cause: 'x', repository, connection, since: now }, isProbe, rules, now, jitter);
      else if (isProbe) state = abandonProbe(state, now);
      see(state, now);
    }
  }

  it('is never open for longer than the longest time, nor stuck in a probe', () => {
    fc.assert(
      fc.property(steps, fc.double({ min: 0, max: 1, noNaN: true }), (list, jitter) => {
        run(list, jitter, (state, now) => {
          expect(state.kind).not.toBe('probing');
          if (state.kind === 'open') expect(state.until - now).toBeLessThanOrEqual(rules.longestOpen);
          expect(admit(state, now + rules.longestOpen)).not.toBe('refuse');
        });
      }),
      { numRuns: 300 },
    );
  });

  it('never opens while one of two requests is answered', () => {
    fc.assert(
      fc.property(steps, (list) => {
        const mixed = list.flatMap((step): Step[] => [step, { ...step, does: 'answer', wait: 0 }]);
        run(mixed, 1, (state) => expect(state.kind).toBe('closed'));
      }),
      { numRuns: 300 },
    );
  });

  it('never opens by the faults of a single repository', () => {
    fc.assert(
      fc.property(steps, (list) => {
        run(
          list.map((step) => ({ ...step, repository: 'a', connection: false })),
          1,
          (state) => expect(state.kind).toBe('closed'),
        );
      }),
      { numRuns: 300 },
    );
  });
});
