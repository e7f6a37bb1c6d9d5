import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesPattern } from '../../../src/credentials/pattern.ts';

describe('a pattern of a host label', () => {
  // From the tests of Go's path.Match, as far as they are about one segment.
  it.each([
    ['abc', 'abc', true],
    ['*', 'abc', true],
    ['*c', 'abc', true],
    ['a*', 'a', true],
    ['a*', 'abc', true],
    ['a*b*c*d*e*', 'axbxcxdxe', true],
    ['a*b?c*x', 'abxbbxdbxebxczzx', true],
    ['a*b?c*x', 'abxbbxdbxebxczzy', false],
    ['ab[c]', 'abc', true],
    ['ab[b-d]', 'abc', true],
    ['ab[e-g]', 'abc', false],
    ['ab[^c]', 'abc', false],
    ['ab[^b-d]', 'abc', false],
    ['ab[^e-g]', 'abc', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'ab', false],
    ['a?b', 'a☺b', true],
    ['a[^a]b', 'a☺b', true],
    ['[a-ζ]*', 'α', true],
    ['*[a-ζ]', 'A', false],
    ['[\\]a]', ']', true],
    ['[\\-]', '-', true],
    ['[x\\-]', 'x', true],
    ['[x\\-]', 'z', false],
    ['[]a]', ']', false],
    ['[-]', '-', false],
    ['[x-]', 'x', false],
    ['[-x]', 'x', false],
    ['\\', 'a', false],
    ['[a-b-c]', 'a', false],
    ['[', 'a', false],
    ['[^', 'a', false],
    ['[^bc', 'a', false],
    ['a[', 'a', false],
    ['*x', 'xxx', true],
    ['', '', true],
    ['', 'a', false],
    ['**', '', true],
  ])('%s and %s: %s', (pattern, text, matches) => {
    expect(matchesPattern(pattern, text)).toBe(matches);
  });

  it('takes no long time, however many stars it has', () => {
    const started = performance.now();
    expect(matchesPattern('*a'.repeat(127), `${'a'.repeat(253)}b`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(100);
  });

  it('without special characters is equality, and never throws whatever it is', () => {
    fc.assert(fc.property(fc.stringMatching(/^[a-z0-9-]{0,20}$/), fc.string(), (a, b) => matchesPattern(a, b) === (a === b) && matchesPattern(a, a)));
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('[', ']', '^', '-', '\\', '*', '?', 'a') }),
        fc.string(),
        (a, b) => typeof matchesPattern(a, b) === 'boolean',
      ),
    );
  });
});
