import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { auditSettings } from '../../../src/config/schema/audit.ts';
import { formatSize, parseSize } from '../../../src/config/size.ts';

describe('a size', () => {
  it.each(['', 'Gi', '1 Gi', '-1', '1.5Gi', '1G', '1gi', '1e9', '٣Mi', '9007199254740993', '99999Ti', '1GiB'])('is not %j', (text) => {
    expect(parseSize(text)).toBeNull();
  });

  it.each([
    ['0', 0],
    ['1073741824', 1_073_741_824],
    ['16Ki', 16_384],
    ['512Mi', 536_870_912],
    ['1Gi', 1_073_741_824],
    ['2Ti', 2_199_023_255_552],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it('is read back from how it is written', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        if (bytes < 1e15) expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});

describe('audit.maxBytes', () => {
  it('is 1Gi unless it is set, in words or as a number', () => {
    expect(auditSettings.parse({}).maxBytes).toBe(1 << 30);
    expect(auditSettings.parse({ maxBytes: '512Mi' }).maxBytes).toBe(512 << 20);
    expect(auditSettings.parse({ maxBytes: 67_108_864 }).maxBytes).toBe(64 << 20);
  });

  it.each(['63Mi', '1', 1000, '2048Ti', '1GB', -1, 1.5, true])('can not be %j', (maxBytes) => {
    expect(auditSettings.safeParse({ maxBytes }).success).toBe(false);
  });
});
