import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeVulnPredicate } from '../../../src/scans/cosignVuln.ts';
import { predicate } from './fixtures.ts';

test.each([
  ['nothing', null],
  ['no scanner', {}],
  ['no result', { scanner: {} }],
  ['a time that is none', { ...predicate({}), metadata: { scanStartedOn: 'soon' } }],
  ['a time that is no text', { ...predicate({}), metadata: { scanFinishedOn: 7 } }],
])('a predicate with %s is refused', (_name, value) => {
  expect(decodeVulnPredicate(value)).toMatchObject({ ok: false, fault: { code: 'SCAN_INVALID' } });
});

test('whatever comes, decoding answers', () => {
  fc.assert(fc.property(fc.jsonValue(), (value) => typeof decodeVulnPredicate(value).ok === 'boolean'));
});

test('the oldest time counts', () => {
  const metadata = { scanStartedOn: '2026-11-24T10:00:00Z', scanFinishedOn: '2026-11-24T09:00:00+00:00' };
  expect(decodeVulnPredicate({ ...predicate({ a: 1 }), metadata })).toEqual({
    ok: true,
    value: { report: { a: 1 }, scannedAt: Date.parse('2026-11-24T09:00:00Z') },
  });
});

test('a predicate without times claims none', () => {
  expect(decodeVulnPredicate({ scanner: { result: {} } })).toMatchObject({ value: { scannedAt: null } });
});
