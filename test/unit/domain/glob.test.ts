import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyGlob, glob } from '../../../src/domain/glob.ts';

describe('a glob does not match', () => {
  it.each([
    ['a part of a name', 'acme', 'acme/app'],
    ['the end of a name', 'app', 'acme/app'],
    ['across a slash with one star', 'registry.corp/*', 'registry.corp/acme/app'],
    ['a dot that stands for itself', 'registry.corp/*', 'registryxcorp/app'],
    ['by a question mark', 'ap?', 'app'],
    ['by brackets', 'ap[p]', 'app'],
    ['by braces', '{app}', 'app'],
    ['in another case', 'Acme', 'acme'],
    ['a longer host', 'registry.corp/**', 'registry.corp.evil.example/app'],
    ['a name before it', 'acme/*', 'evil/acme/app'],
    ['a line break behind it', 'acme/app', 'acme/app\n'],
    ['nothing', '', 'a'],
    ['a segment that is missing', 'a/*/c', 'a/c'],
  ])('%s', (_, pattern, text) => {
    expect(glob(pattern)(text)).toBe(false);
  });

  it('when there is none', () => {
    expect(anyGlob([])('anything')).toBe(false);
  });
});

describe('a glob matches', () => {
  it.each([
    ['itself', 'docker.io/library/nginx', 'docker.io/library/nginx'],
    ['within a segment', 'registry.corp/*', 'registry.corp/app'],
    ['an empty run', 'app*', 'app'],
    ['across segments', 'registry.corp/**', 'registry.corp/acme/app'],
    ['in the middle', 'a/*/c', 'a/b/c'],
    ['several times', 'dev-*-*', 'dev-eu-1'],
    ['deep in the middle', 'a/**/z', 'a/b/c/z'],
    ['after a false start', '**/b*c', 'a/b/bc'],
    ['when the star has to take more', '*ab', 'aab'],
    ['with more than two stars as with two', 'a***z', 'a/b/z'],
    ['everything', '**', 'a/b\n/c'],
    ['characters beyond the basic plane', '😀*', '😀😁'],
    ['characters that mean something elsewhere', 'a.b+c(d)[e]^$|\\*', 'a.b+c(d)[e]^$|\\x'],
  ])('%s', (_, pattern, text) => {
    expect(glob(pattern)(text)).toBe(true);
  });

  it('when one of several does', () => {
    expect(anyGlob(['a', 'b*'])('bc')).toBe(true);
  });
});

describe('for any pattern', () => {
  const letters = fc.constantFrom('a', 'b', '/');
  const patterns = fc.array(fc.oneof(letters, fc.constantFrom('*', '**')), { maxLength: 8 }).map((parts) => parts.join(''));
  const texts = fc.array(letters, { maxLength: 10 }).map((parts) => parts.join(''));

  /** The definition, written down without a thought for time. */
  const expected = (pattern: string, text: string): boolean => {
    const stars = /^\*+/.exec(pattern)?.[0].length ?? 0;
    if (stars > 0) {
      const rest = pattern.slice(stars);
      const ends = Array.from({ length: text.length + 1 }, (_, i) => i).filter((i) => stars > 1 || !text.slice(0, i).includes('/'));
      return ends.some((i) => expected(rest, text.slice(i)));
    }
    if (pattern === '') return text === '';
    return text[0] === pattern[0] && expected(pattern.slice(1), text.slice(1));
  };

  it('it says what the definition says', () => {
    fc.assert(
      fc.property(patterns, texts, (pattern, text) => glob(pattern)(text) === expected(pattern, text)),
      { numRuns: 5_000 },
    );
  });

  it('many wildcards on a long text cost no more than a moment', () => {
    const hostile = glob(`${'**a'.repeat(40)}b`);
    const started = performance.now();
    expect(hostile('a'.repeat(2_000))).toBe(false);
    expect(glob(`${'*a'.repeat(40)}b`)('a'.repeat(2_000))).toBe(false);
    expect(performance.now() - started).toBeLessThan(2_000);
  });
});
