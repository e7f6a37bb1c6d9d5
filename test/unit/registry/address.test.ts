import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allowsAddress } from '../../../src/registry/address.ts';

describe('an address', () => {
  const inside = ['10.1.2.3', '172.16.0.1', '192.168.1.1', '100.64.0.1', 'fc00::1', 'fd12::1', '::ffff:10.0.0.1', '64:ff9b::a00:1'];
  const loopback = ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1', '::ffff:7f00:1', '64:ff9b::7f00:1'];
  const never = [
    '169.254.169.254',
    'fe80::1',
    '0.0.0.0',
    '::',
    '224.0.0.1',
    'ff02::1',
    '255.255.255.255',
    '240.0.0.1',
    '::ffff:169.254.169.254',
    '64:ff9b::a9fe:a9fe',
  ];
  const wrapped = ['2002:7f00:1::', '2001:0:1:2:3:4:5:6', '::7f00:1', '::a9fe:a9fe', '64:ff9b:1::1', '192.0.2.1', '198.18.0.1', '2001:db8::1', 'not', '1', ''];
  const open = ['1.1.1.1', '8.8.8.8', '2606:4700::1111', '::ffff:1.1.1.1', '64:ff9b::101:101'];

  it.each([...never, ...wrapped])('%s is never connected to by a name', (address) => {
    for (const scope of ['public', 'private', 'any'] as const) expect(allowsAddress(address, scope)).toBe(false);
  });
  it.each(loopback)('%s is loopback: only for a host listed by name', (address) => {
    expect([allowsAddress(address, 'public'), allowsAddress(address, 'private'), allowsAddress(address, 'any')]).toEqual([false, false, true]);
  });
  it.each(inside)('%s is private: only for a listed host', (address) => {
    expect([allowsAddress(address, 'public'), allowsAddress(address, 'private'), allowsAddress(address, 'any')]).toEqual([false, true, true]);
  });
  it.each(open)('%s is public', (address) => {
    expect(allowsAddress(address, 'public')).toBe(true);
  });
  it('never throws, whatever it is', () => {
    fc.assert(fc.property(fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.ipV4Extended()), (address) => typeof allowsAddress(address, 'public') === 'boolean'));
  });
});
