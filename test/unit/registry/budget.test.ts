import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createBudget } from '../../../src/registry/budget.ts';

const rules = { attempts: 3, backoff: 100, longestPause: 600_000 };
const asked = (host: string, repository: string, access = '') => ({ host, repository, access });
const limited = (repository: string, after: number | null, status = 429) => ({ ...asked('hub.test', repository), status, after });

describe('a budget', () => {
  it('pauses the repository that was limited for as long as it was told, and no other', () => {
    const budget = createBudget(rules, () => 1);
    budget.limited(limited('acme/app', 5_000), 0);
    const pause = budget.pause(asked('hub.test', 'acme/app'), 1_000);
    expect(pause).toMatchObject({ left: 4_000, fault: { code: 'REGISTRY_RATE_LIMITED', transient: true } });
    expect(pause?.fault.message).toBe('hub.test answered 429 for acme/app and wants to be left alone: it is not asked for 4 s');
    expect(budget.pause(asked('hub.test', 'acme/other'), 1_000)).toBeNull();
    expect(budget.pause(asked('other.test', 'acme/app'), 1_000)).toBeNull();
    expect(budget.pause(asked('hub.test', 'acme/app'), 5_000)).toBeNull();
  });

  it('pauses the host when a second repository is limited with no answer between', () => {
    const budget = createBudget(rules, () => 1);
    budget.limited(limited('acme/a', 5_000), 0);
    budget.limited(limited('acme/b', 7_000), 0);
    expect(budget.pause(asked('hub.test', 'acme/c'), 0)).toMatchObject({ left: 7_000 });
  });

  it('does not pause those who ask with another right', () => {
    const budget = createBudget(rules, () => 1);
    budget.limited(limited('acme/a', 5_000), 0);
    budget.limited(limited('acme/b', 5_000), 0);
    expect(budget.pause(asked('hub.test', 'acme/a', 'team'), 0)).toBeNull();
  });

  it('does not pause the host while others are answered', () => {
    const budget = createBudget(rules, () => 1);
    budget.limited(limited('acme/a', 5_000), 0);
    budget.answered(asked('hub.test', 'acme/c'));
    budget.limited(limited('acme/b', 5_000), 0);
    expect(budget.pause(asked('hub.test', 'acme/c'), 0)).toBeNull();
  });

  it('calls 503 with a time what it is: unavailable', () => {
    const budget = createBudget(rules, () => 1);
    budget.limited(limited('acme/a', 5_000, 503), 0);
    expect(budget.pause(asked('hub.test', 'acme/a'), 0)).toMatchObject({ fault: { code: 'REGISTRY_UNAVAILABLE' } });
  });

  it('backs off on its own where no time is named, longer each time, once a question has used up its attempts', () => {
    const budget = createBudget(rules, () => 1);
    const pauses = Array.from({ length: 5 }, () => {
      budget.limited(limited('acme/a', null), 0);
      return budget.pause(asked('hub.test', 'acme/a'), 0)?.left ?? 0;
    });
    expect(pauses).toEqual([0, 0, 400, 800, 1_600]);
    budget.answered(asked('hub.test', 'acme/a'));
    budget.limited(limited('acme/a', null), 10_000);
    expect(budget.pause(asked('hub.test', 'acme/a'), 10_000)).toBeNull();
  });

  it('is silenced by no answer for longer than makes sense', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.option(fc.nat(2_000_000_000)), fc.constantFrom('a', 'b', 'c')), { minLength: 1, maxLength: 50 }), (answers) => {
        const budget = createBudget(rules, () => 1);
        for (const [after, repository] of answers) budget.limited(limited(repository, after), 0);
        for (const repository of ['a', 'b', 'c']) expect(budget.pause(asked('hub.test', repository), rules.longestPause)).toBeNull();
      }),
    );
  });
});
