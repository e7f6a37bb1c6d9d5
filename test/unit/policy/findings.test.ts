import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ReadablePolicy, readFindings, readResults } from '../../../src/policy/findings.ts';
import { noMetadata } from '../../../src/policy/metadata.ts';

const policy: ReadablePolicy = { name: 'p', mode: 'enforce', files: ['a.rego', 'b.rego'], metadata: noMetadata };

function read(json: string): readonly string[] {
  return readFindings([policy], [{ json }]).map(({ effect, msg }) => `${effect} ${msg}`);
}

describe('results that are no sets of findings', () => {
  it.each([
    ['no result at all', 'null', 'gave no result'],
    ['text', '"deny"', 'gave no result'],
    ['nothing defined', '{}', 'gave neither `deny` nor `warn`: it is undefined'],
    ['deny := true', '{"deny":true,"warn":[]}', 'gave a single value as `deny`'],
    ['deny := false', '{"deny":false}', 'gave a single value as `deny`'],
    ['an object', '{"deny":{"msg":"x"}}', 'gave a single value as `deny`'],
    ['violation', '{"violation":[{"msg":"x"}],"deny":[],"warn":[]}', 'has a rule `violation`'],
    ['a list in it', '{"deny":[["x"]]}', 'gave a finding that is neither text nor an object with `msg`'],
    ['null in it', '{"deny":[null]}', 'gave a finding that is neither text nor an object with `msg`'],
  ])('%s is a denial that names the files', (_, json, expected) => {
    const [finding, ...others] = read(json);
    expect(finding).toContain(`deny a.rego, b.rego: policy p ${expected}`);
    expect(others).toEqual([]);
  });

  it('a policy that did not run is a denial, and those that did count', () => {
    const second = { ...policy, name: 'q', files: ['q.rego'] };
    expect(readFindings([policy, second], [{ json: '{"deny":["x"],"warn":[]}' }]).map((finding) => finding.msg)).toEqual(['x', 'q.rego: policy q did not run']);
  });

  it('an answer of the worker that is no list is a denial for every policy', () => {
    expect(readFindings([policy], readResults('{}'))).toMatchObject([{ effect: 'deny' }]);
    expect(readFindings([policy], readResults('[{}]'))).toMatchObject([{ effect: 'deny' }]);
  });

  it('what a policy throws is shown, escaped', () => {
    expect(readFindings([policy], [{ thrown: 'p.rego:3:1: conflict\u001b[31m' }])[0]?.msg).toBe(
      'a.rego, b.rego: policy p could not be evaluated: p.rego:3:1: conflict\\u{1b}[31m',
    );
  });
});

describe('findings', () => {
  it('are never more than can be read, and none is lost silently', () => {
    const many = JSON.stringify({ deny: Array.from({ length: 2000 }, (_, i) => `no ${i}`), warn: [] });
    const found = read(many);
    expect(found.length).toBe(501);
    expect(found.some((text) => text.includes('gave 2000 findings, of which 500 are kept'))).toBe(true);
  });

  it('come in the same order however the sets were ordered', () => {
    const item = fc.record({ msg: fc.constantFrom('a', 'b', 'c'), container: fc.constantFrom('x', 'y'), id: fc.constantFrom('1', '2') });
    fc.assert(
      fc.property(
        fc
          .uniqueArray(item, { selector: (value) => JSON.stringify(value) })
          .chain((items) => fc.tuple(fc.constant(items), fc.shuffledSubarray(items, { minLength: items.length }))),
        ([items, shuffled]) => {
          expect(read(JSON.stringify({ deny: items }))).toEqual(read(JSON.stringify({ deny: shuffled })));
        },
      ),
    );
  });

  it('are read from any JSON without a throw, and a non-empty deny is never lost', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue(), { minLength: 1, maxLength: 5 }), (items) => {
        expect(read(JSON.stringify({ deny: items, warn: [] })).filter((text) => text.startsWith('deny')).length).toBeGreaterThan(0);
      }),
    );
  });
});
