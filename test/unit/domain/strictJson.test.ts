import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { knownKeys, lookalikeKey, readJson } from '../../../src/domain/strictJson.ts';

const bounds = { depth: 8, keys: 4, text: 10 };
const read = (source: string, more = {}) => readJson(Buffer.from(source), { ...bounds, ...more });
const codeOf = (source: string): string => {
  const outcome = read(source);
  return outcome.ok ? 'ok' : outcome.fault.code;
};

describe('JSON from outside is refused', () => {
  it.each([
    ['with a key twice', '{"a":1,"a":2}', 'MANIFEST_INVALID'],
    ['with a key twice, deep inside', '[{"b":[{"a":1,"a":1}]}]', 'MANIFEST_INVALID'],
    ['with a key twice, once escaped', '{"a":1,"\\u0061":2}', 'MANIFEST_INVALID'],
    ['with a key twice, behind blanks', '{"a" \n:1,"a"\t\r :2}', 'MANIFEST_INVALID'],
    ['with a key twice, round an object', '{"a":{"b":1,"c":{}},"a":2}', 'MANIFEST_INVALID'],
    ['with too many keys', '{"a":1,"b":1,"c":1,"d":1,"e":1}', 'LIMIT_EXCEEDED'],
    ['with a long text', '["01234567890"]', 'LIMIT_EXCEEDED'],
    ['with a long key', '{"01234567890":1}', 'LIMIT_EXCEEDED'],
    ['too deep', '[[[[[[[[[1]]]]]]]]]', 'LIMIT_EXCEEDED'],
    ['with a text that does not end', '{"a":"', 'RESPONSE_INVALID'],
    ['with a byte order mark', '\ufeff{}', 'RESPONSE_INVALID'],
    ['with two values', '{}{}', 'RESPONSE_INVALID'],
    ['when there is none', '', 'RESPONSE_INVALID'],
  ])('%s', (_name, source, code) => expect(codeOf(source)).toBe(code));
});

describe('JSON from outside is read', () => {
  it('with one key in several objects, and with texts that look like keys', () => {
    expect(read('[{"a":1},{"a":{"a":"a"}},"a","a","\\\\",{"\\"a":1,"\\\\":"\\""}]')).toMatchObject({ ok: true });
  });

  it('as JSON.parse does, whatever it is', () => {
    fc.assert(
      fc.property(fc.json(), (source) => {
        const outcome = readJson(Buffer.from(source), { depth: 100 });
        // Keys of fast-check's objects are unique.
        expect(outcome.ok && outcome.value).toEqual(JSON.parse(source));
      }),
    );
  });

  it('or refused where any object has a key twice, and only there', () => {
    const key = fc.constantFrom('a', 'b', '\\u0061', '\\"', '"'.replace('"', '\\u0022'));
    fc.assert(
      fc.property(fc.array(fc.tuple(key, fc.constantFrom('1', '"a"', '{"a":1}', '[]')), { maxLength: 4 }), (members) => {
        const names = members.map(([name]): unknown => JSON.parse(`"${name}"`));
        const outcome = readJson(Buffer.from(`{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`), { depth: 8 });
        expect(outcome.ok).toBe(new Set(names).size === names.length);
      }),
    );
  });

  it('in linear time: half a megabyte of anything takes no longer than a blink', () => {
    const worst = ['{"a":1},', '"\\\\\\"",', '{},', '[],', '"a" ,', `"${'\\\\'.repeat(50)}",`, '{"a":{"b":{"c":1}}},'];
    for (const piece of worst) {
      const bytes = Buffer.from(`[${piece.repeat((512 * 1024) / piece.length)}0]`);
      const started = performance.now();
      expect(readJson(bytes, { depth: 8 })).toMatchObject({ ok: true });
      expect(performance.now() - started).toBeLessThan(500);
    }
  });
});

describe('a key', () => {
  const known = knownKeys('layers', 'mediaType', 'kind', 'User');
  it.each(['Layers', 'LAYERS', 'layer\u017f', 'mediatype', '\u212aind', 'user'])('%s is taken for a known one by Go', (key) => {
    expect(lookalikeKey({ [key]: 1 }, known)).toContain('which some readers take for');
  });
  it.each(['layers', 'mediaType', 'layer', 'l\u0131yers', 'x', '__proto__'])('%s is not', (key) => expect(lookalikeKey({ [key]: 1 }, known)).toBeNull());
});
