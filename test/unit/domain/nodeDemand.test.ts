import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import { platformsFor, readNodeDemand } from '../../../src/domain/nodeDemand.ts';

const all = ['linux/amd64', 'linux/arm64', 'windows/amd64'];
const on = (spec: unknown, platforms: readonly string[] = all) => platformsFor(readNodeDemand(spec), platforms);
const require = (...terms: readonly (readonly object[])[]) => ({
  affinity: {
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms.map((matchExpressions) => ({ matchExpressions })) } },
  },
});
const arch = (operator: string, ...values: readonly string[]) => ({ key: 'kubernetes.io/arch', operator, values });

describe('all platforms matter', () => {
  it.each([
    ['no demand', {}],
    ['a demand that is nothing to do with platforms', { nodeSelector: { disk: 'ssd' } }],
    ['a demand that no node meets', { nodeSelector: { 'kubernetes.io/arch': 's390x' } }],
    ['a preference only', { affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } } }],
    ['an empty list of terms', require()],
    ['a term that demands nothing', require([arch('In', 'arm64')], [])],
    ['a term about other labels beside one about platforms', require([arch('In', 'arm64')], [{ key: 'zone', operator: 'In', values: ['a'] }])],
    ['an operator that nobody knows', require([arch('Near', 'arm64')])],
    ['values that are no list', require([{ key: 'kubernetes.io/arch', operator: 'In', values: 'arm64' }])],
    ['more terms than are read', require(...Array.from({ length: 65 }, () => [arch('In', 'arm64')]))],
    ['a spec that is none', 'arm64'],
  ])('for a Pod with %s', (_, spec) => {
    expect(on(spec)).toEqual(all);
  });

  it('where the name of a platform is not as a kubelet would write it', () => {
    expect(on({ nodeSelector: { 'kubernetes.io/arch': 'arm64' } }, ['linux/aarch64', 'linux/amd64'])).toEqual(['linux/aarch64']);
    expect(on(require([arch('In', 'arm64', 'amd64')]), ['linux/aarch64', 'linux/amd64'])).toEqual(['linux/aarch64', 'linux/amd64']);
  });
});

describe('fewer platforms matter', () => {
  it.each([
    ['its node selector', { nodeSelector: { 'kubernetes.io/arch': 'arm64' } }, ['linux/arm64']],
    ['the old label', { nodeSelector: { 'beta.kubernetes.io/os': 'windows' } }, ['windows/amd64']],
    ['its operating system', { os: { name: 'linux' } }, ['linux/amd64', 'linux/arm64']],
    ['required affinity', require([arch('In', 'arm64')]), ['linux/arm64']],
    ['required affinity by exclusion', require([arch('NotIn', 'arm64')]), ['linux/amd64', 'windows/amd64']],
    [
      'one term or another',
      require([arch('In', 'arm64')], [{ key: 'kubernetes.io/os', operator: 'In', values: ['windows'] }]),
      ['linux/arm64', 'windows/amd64'],
    ],
    ['all of a term', require([arch('In', 'amd64'), { key: 'kubernetes.io/os', operator: 'In', values: ['linux'] }]), ['linux/amd64']],
    ['selector and affinity', { nodeSelector: { 'kubernetes.io/os': 'linux' }, ...require([arch('In', 'amd64')]) }, ['linux/amd64']],
  ])('for a Pod bound by %s', (_, spec, expected) => {
    expect(on(spec)).toEqual(expected);
  });

  it('of every variant of an architecture', () => {
    expect(on({ nodeSelector: { 'kubernetes.io/arch': 'arm' } }, ['linux/arm/v7', 'linux/arm/v6', 'linux/arm64'])).toEqual(['linux/arm/v7', 'linux/arm/v6']);
  });
});

test('whatever is demanded, some platform matters, and none that did not before', () => {
  const expression = fc.record({
    key: fc.constantFrom('kubernetes.io/arch', 'kubernetes.io/os', 'zone'),
    operator: fc.constantFrom('In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt'),
    values: fc.array(fc.constantFrom('arm64', 'amd64', 'linux', 'windows', 'x')),
  });
  const terms = fc.array(fc.record({ matchExpressions: fc.oneof(fc.array(expression), fc.jsonValue()) }));
  const spec = terms.map((nodeSelectorTerms) => ({
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } } },
  }));
  fc.assert(
    fc.property(fc.oneof(spec, fc.jsonValue()), (any) => {
      const left = on(any);
      expect(left.length).toBeGreaterThan(0);
      expect(all).toEqual(expect.arrayContaining([...left]));
    }),
  );
});
