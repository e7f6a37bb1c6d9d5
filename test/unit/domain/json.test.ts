import { describe, expect, it } from 'vitest';
import { isObject, property, text, textMap } from '../../../src/domain/json.ts';

describe('JSON from outside', () => {
  it('has only its own properties', () => {
    expect(property({}, 'constructor')).toBeUndefined();
    expect(property({}, '__proto__')).toBeUndefined();
    expect(property(JSON.parse('{"__proto__": 1}'), '__proto__')).toBe(1);
  });

  it.each([null, undefined, 1, 'text', ['list']])('has no properties when it is %j', (value) => {
    expect(isObject(value)).toBe(false);
    expect(property(value, 'length')).toBeUndefined();
  });

  it('is text only when it is', () => {
    expect([text('a'), text(1), text(null), text({})]).toEqual(['a', null, null, null]);
  });

  it('gives a map of texts without what is none, and without a way to the prototype', () => {
    expect(textMap({ a: 'x', b: 1, c: null })).toEqual({ a: 'x' });
    const map = textMap(JSON.parse('{"__proto__": "x", "a": "y"}'));
    expect(Object.getPrototypeOf(map)).toBe(Object.prototype);
    expect(Object.keys(map)).toEqual(['__proto__', 'a']);
    expect(textMap('none')).toEqual({});
  });
});
