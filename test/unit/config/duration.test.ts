import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../../src/config/duration.ts';

describe('a duration', () => {
  it.each(['', '8', 's', '8 s', '-1s', '1.5h', '8S', '1w', '1e3s', '٣s', '4000d', '9999999999s', '1h 30m', `${'1s'.repeat(30)}`])('is not %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });

  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['8s', 8000],
    ['10m', 600_000],
    ['24h', 86_400_000],
    ['30d', 2_592_000_000],
    ['1h30m', 5_400_000],
  ])('%s is %d milliseconds', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it('is read back from how it is written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 999_999_999 }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });

  it('of any text is a number within bounds, or null', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^([0-9]{1,12}(ms|s|m|h|d|x)?){0,4}$/)), (text) => {
        const read = parseDuration(text);
        expect(read === null || (Number.isInteger(read) && read >= 0)).toBe(true);
      }),
    );
  });
});
