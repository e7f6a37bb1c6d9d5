import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isScarce, readAllowance } from '../../../src/registry/allowance.ts';

describe('what is left of a rate limit', () => {
  it.each([
    ['Docker Hub', { 'ratelimit-limit': '100;w=21600', 'ratelimit-remaining': '76;w=21600' }, { remaining: 76, limit: 100 }],
    ['GitHub', { 'x-ratelimit-limit': '5000', 'x-ratelimit-remaining': '0' }, { remaining: 0, limit: 5000 }],
    ['the newest draft', { ratelimit: '"default";r=50;t=30', 'ratelimit-policy': '"default";q=100;w=60' }, { remaining: 50, limit: 100 }],
    ['an older draft', { ratelimit: 'limit=100, remaining=3, reset=5' }, { remaining: 3, limit: 100 }],
    ['no limit beside it', { 'ratelimit-remaining': '3' }, { remaining: 3, limit: null }],
    ['a limit of nothing', { 'ratelimit-remaining': '3', 'ratelimit-limit': '0' }, { remaining: 3, limit: null }],
  ])('is read as written by %s', (_, headers, expected) => {
    expect(readAllowance(headers)).toEqual(expected);
  });

  it.each([
    ['nothing', {}],
    ['words', { 'ratelimit-remaining': 'plenty' }],
    ['a negative number', { 'ratelimit-remaining': '-1' }],
    ['a fraction', { 'ratelimit-remaining': '1.5' }],
    ['a number that is too long', { 'ratelimit-remaining': '1'.repeat(40) }],
    ['a limit alone', { 'ratelimit-limit': '100' }],
  ])('is not read from %s', (_, headers) => {
    expect(readAllowance(headers)).toBeNull();
  });

  it('is scarce below a tenth, and where no limit is said below ten', () => {
    expect(
      [
        [10, 100],
        [9, 100],
        [10, null],
        [9, null],
      ].map(([remaining, limit]) => isScarce({ remaining: remaining ?? 0, limit: limit ?? null })),
    ).toEqual([false, true, false, true]);
  });

  it('is a number or nothing, whatever is sent', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom('ratelimit', 'ratelimit-remaining', 'x-ratelimit-limit', 'ratelimit-policy'), fc.string()), (headers) => {
        const read = readAllowance(headers);
        expect(read === null || (Number.isSafeInteger(read.remaining) && read.remaining >= 0)).toBe(true);
      }),
    );
  });
});
