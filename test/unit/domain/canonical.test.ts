import canonicalize from 'canonicalize';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalJson, canonicalText, type Renderable, Rendered } from '../../../src/domain/canonical.ts';

const value = fc.letrec<{ value: Renderable }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.string({ unit: 'binary' }),
    fc.array(tie('value')),
    fc.dictionary(fc.string({ unit: 'binary' }), tie('value')),
  ),
})).value;

describe('the canonical form', () => {
  test('is that of RFC 8785, as another implementation has it', () => {
    fc.assert(
      fc.property(value, (document) => {
        expect(canonicalText(document)).toBe(canonicalize(document));
      }),
    );
  });

  test('stays itself when it is read and written again', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (document) => {
        const text = canonicalJson(document);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  test('is the same whether its parts were rendered before or not', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), value), (document) => {
        const parts = Object.fromEntries(Object.entries(document).map(([key, part]) => [key, new Rendered(canonicalText(part))]));
        expect(canonicalText(parts)).toBe(canonicalText(document));
      }),
    );
  });

  test('sorts keys by UTF-16 code units: RFC 8785, section 3.2.3', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const sorted = Object.keys(JSON.parse(canonicalText(Object.fromEntries(keys.map((key) => [key, 0])))));
    expect(sorted).toEqual(['1', '\r', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33']);
  });

  test('replaces halves of surrogate pairs, in keys as well, which it has no form for', () => {
    expect(canonicalJson({ 'b\ud800': 'a\udc00', a: 1 })).toBe('{"a":1,"b\ufffd":"a\ufffd"}');
    expect(canonicalJson({ '\ud800': 1, '\udc00': 2 })).toBe('{"\ufffd":2}');
  });

  test('leaves out what has no value, and writes null for numbers JSON has no word for', () => {
    expect(canonicalText({ a: undefined, b: Number.NaN })).toBe('{"b":null}');
  });

  test('takes a name like __proto__ for a name', () => {
    expect(canonicalText(JSON.parse('{"__proto__":1,"a":2}'))).toBe('{"__proto__":1,"a":2}');
  });

  test('can be had of hostile nesting', () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(canonicalJson(JSON.parse(deep))).toBe(`${'['.repeat(513)}null${']'.repeat(513)}`);
  });
});
