import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseChallenges } from '../../../src/registry/challenge.ts';
import { nextPage } from '../../../src/registry/link.ts';

const seen = (header: string | string[]): unknown => parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe('WWW-Authenticate', () => {
  it.each([
    ['', []],
    ['Basic', [['basic', {}]]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
      [['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:a/b:pull,push' }]],
    ],
    ['BEARER Realm = "x" , Service=y', [['bearer', { realm: 'x', service: 'y' }]]],
    [
      'Basic realm="a, Bearer realm=\\"no\\"", Bearer realm="yes"',
      [
        ['basic', { realm: 'a, Bearer realm="no"' }],
        ['bearer', { realm: 'yes' }],
      ],
    ],
    [
      'Negotiate YWJj==, , Bearer realm=x,',
      [
        ['negotiate', {}],
        ['bearer', { realm: 'x' }],
      ],
    ],
    ['Bearer realm="first",realm="second"', [['bearer', { realm: 'first' }]]],
    ['Bearer realm="never closed', [['bearer', {}]]],
    ['realm="no scheme"', []],
    ['Bearer \u0000 realm=x', [['bearer', {}]]],
  ])('%s', (header, challenges) => {
    expect(seen(header)).toEqual(challenges);
  });

  it('in several headers is one list, and a giant one is ignored', () => {
    expect(seen(['Basic realm=a', 'Bearer realm=b'])).toEqual([
      ['basic', { realm: 'a' }],
      ['bearer', { realm: 'b' }],
    ]);
    expect(seen(`Bearer realm="${'x'.repeat(10_000)}"`)).toEqual([]);
  });

  it('comes back as it was written', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const challenge = fc.tuple(word, fc.dictionary(word, fc.string({ unit: 'grapheme-ascii' }), { minKeys: 1 }));
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const quote = (value: string): string => `"${value.replace(/["\\]/g, '\\$&')}"`;
        const header = challenges.map(
          ([scheme, parameters]) =>
            `${scheme} ${Object.entries(parameters)
              .map(([key, value]) => `${key}=${quote(value)}`)
              .join(', ')}`,
        );
        expect(seen(header.join(', '))).toEqual(challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]));
      }),
    );
  });

  it('never throws or hangs, whatever it is', () => {
    const unit = fc.constantFrom('"', '\\', ',', '=', ' ', '\t', 'a', '/', 'Basic', 'realm');
    fc.assert(fc.property(fc.array(unit, { maxLength: 400 }), (parts) => Array.isArray(parseChallenges(parts.join('')))));
    const started = performance.now();
    for (const part of ['a', '"', ' ,', 'a=', 'a a ', '\t', `${'a='.repeat(3)} `]) parseChallenges(`Bearer ${part.repeat(8_000 / part.length)}`);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe('Link', () => {
  const from = new URL('https://registry.corp/v2/a/referrers/sha256:x?n=1');
  const next = (header: string | string[] | undefined): string | null => {
    const outcome = nextPage(header, from);
    return outcome.ok ? (outcome.value?.href ?? null) : outcome.fault.code;
  };

  it.each([
    [undefined, null],
    ['</v2/a/referrers/sha256:x?n=2>; rel="next"', 'https://registry.corp/v2/a/referrers/sha256:x?n=2'],
    ['</v2/b>; title="a, b"; rel=next', 'https://registry.corp/v2/b'],
    ['</v2/first>; rel="first", </v2/b>; rel="next"', 'https://registry.corp/v2/b'],
    ['<?n=3>; REL=next', 'https://registry.corp/v2/a/referrers/sha256:x?n=3'],
    ['</v2/b>; rel="prev"', null],
    ['</v2/b>', null],
    ['rel="next"', null],
    ['<https://evil.corp/v2/b>; rel="next"', 'RESPONSE_INVALID'],
    ['<http://registry.corp/v2/b>; rel="next"', 'RESPONSE_INVALID'],
    ['<https://registry.corp:8443/v2/b>; rel="next"', 'RESPONSE_INVALID'],
    ['<https://me:you@registry.corp/v2/b>; rel="next"', 'RESPONSE_INVALID'],
    ['</v2/../admin>; rel="next"', 'RESPONSE_INVALID'],
    ['</v2/..%2fadmin>; rel="next"', 'https://registry.corp/v2/..%2fadmin'],
  ])('%s leads to %s', (header, url) => {
    expect(next(header)).toBe(url);
  });

  it('never leads off the host, whatever it is', () => {
    fc.assert(
      fc.property(fc.oneof(fc.webUrl(), fc.string()), (target) => {
        const outcome = nextPage(`<${target}>; rel="next"`, from);
        expect(!outcome.ok || outcome.value === null || outcome.value.origin === from.origin).toBe(true);
      }),
    );
  });
});
