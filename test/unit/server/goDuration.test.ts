import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGoDuration } from '../../../src/server/goDuration.ts';

describe('a Go duration', () => {
  it.each(['', 's', '5', '-5s', '+5s', '5 s', '5s ', '0s', '5S', '5d', '1.2.3s', '.s', 'Infinitys', '5s;', '1e3s', '٥s', '9'.repeat(400)])(
    'is not %j',
    (text) => {
      expect(parseGoDuration(text)).toBeNull();
    },
  );

  it.each([
    ['5s', 5000],
    ['500ms', 500],
    ['1m30s', 90_000],
    ['10s', 10_000],
    ['1h', 3_600_000],
    ['1.5s', 1500],
    ['.5s', 500],
    ['1.s', 1000],
    ['2500us', 2.5],
    ['2500µs', 2.5],
    ['1s500ms', 1500],
  ])('%s is %d ms', (text, expected) => {
    expect(parseGoDuration(text)).toBeCloseTo(expected, 6);
  });

  it('is read back as Go prints it', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.nat(59), fc.nat(59), fc.nat(999), (h, m, s, ms) => {
        const text = `${h}h${m}m${s}s${ms}ms`;
        const total = h * 3_600_000 + m * 60_000 + s * 1000 + ms;
        expect(parseGoDuration(text) ?? 0).toBeCloseTo(total, 3);
      }),
    );
  });

  it('is positive and finite, or nothing, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9.nuµmsh]{0,70}$/)), (text) => {
        const parsed = parseGoDuration(text);
        return parsed === null || (parsed > 0 && Number.isFinite(parsed));
      }),
    );
  });
});
