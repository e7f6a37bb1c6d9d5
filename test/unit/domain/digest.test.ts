import { describe, expect, it } from 'vitest';
import { isDigest, parseDigest, splitDigest } from '../../../src/domain/digest.ts';

const sha256 = 'a'.repeat(64);

describe('a digest', () => {
  it.each([
    ['is not empty', ''],
    ['has an algorithm', sha256],
    ['has an algorithm that is not empty', `:${sha256}`],
    ['has an algorithm in lower case', `SHA256:${sha256}`],
    ['has hex digits', 'sha256:'],
    ['has no fewer digits than its algorithm gives', `sha256:${'a'.repeat(63)}`],
    ['has no more digits than its algorithm gives', `sha256:${'a'.repeat(65)}`],
    ['has lower-case digits', `sha256:${'A'.repeat(64)}`],
    ['has only digits', `sha256:${'g'.repeat(64)}`],
    ['has nothing behind it', `sha256:${sha256}\n`],
    ['is not of an algorithm that is registered but weak or rare', `sha384:${'a'.repeat(96)}`],
    ['is not of the name of a property that every object has', `toString:${sha256}`],
    ['is not endless', `sha256:${'a'.repeat(10_000)}`],
  ])('%s', (_, text) => {
    expect(parseDigest(text)).toMatchObject({ ok: false, fault: { code: 'REFERENCE_INVALID' } });
    expect(isDigest(text)).toBe(false);
  });

  it('is refused without a word of it in the message', () => {
    expect(JSON.stringify(parseDigest(`constructor:${sha256}`))).not.toMatch(/constructor|native code/);
  });

  it('is sha256 or sha512', () => {
    const long = `sha512:${'0123456789abcdef'.repeat(8)}`;
    expect(parseDigest(`sha256:${sha256}`)).toEqual({ ok: true, value: `sha256:${sha256}` });
    expect(isDigest(long)).toBe(true);
    if (isDigest(long)) expect(splitDigest(long)).toEqual({ algorithm: 'sha512', hex: '0123456789abcdef'.repeat(8) });
  });
});
