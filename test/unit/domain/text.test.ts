import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { safeText } from '../../../src/domain/text.ts';

describe('text from outside', () => {
  it.each([
    ['a terminal escape', '\u001b[31mred', '\\u{1b}[31mred'],
    ['a line break that forges a log line', 'a\nb\r\tc', 'a\\u{a}b\\u{d}\\u{9}c'],
    ['a NUL', 'a\u0000', 'a\\u{0}'],
    ['a C1 control', 'a\u009b', 'a\\u{9b}'],
    ['a right-to-left override', 'exe.\u202egpj', 'exe.\\u{202e}gpj'],
    ['a bidirectional isolate', '\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['a zero-width space', 'ad\u200bmin', 'ad\\u{200b}min'],
    ['a byte order mark', '\ufeffx', '\\u{feff}x'],
    ['a letter that shows nothing', 'a\u3164b', 'a\\u{3164}b'],
    ['a line separator', 'a\u2028b\u2029', 'a\\u{2028}b\\u{2029}'],
    ['half of a surrogate pair', 'a\ud83d', 'a\\u{d83d}'],
    ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
  ])('shows %s', (_, text, shown) => {
    expect(safeText(text)).toBe(shown);
  });

  it('is left as it is where it is harmless, in any language', () => {
    const harmless = 'registry.corp/app:1.0 größer 日本語 עברית 😀 <b>"quoted"</b>';
    expect(safeText(harmless)).toBe(harmless);
  });

  it('is cut, visibly', () => {
    expect(safeText('a'.repeat(20), 10)).toBe(`${'a'.repeat(10)}…`);
    expect(safeText('aaaa', 4)).toBe('aaaa');
  });

  it('shows the half that a cut leaves of a character', () => {
    expect(safeText('a😀b', 2)).toBe('a\\u{d83d}…');
  });

  it('comes out without anything that is not to be seen, and bounded', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        const shown = safeText(text, 50);
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/u);
        expect(shown.length).toBeLessThanOrEqual(50 * '\\u{ffff}'.length + 1);
        expect(shown.isWellFormed()).toBe(true);
      }),
    );
  });

  it('made safe twice is as made safe once', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => safeText(safeText(text, 100), 10_000) === safeText(text, 100)));
  });
});
