import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseManifest } from '../../../src/cli/manifests.ts';

const kinds = (text: string): string[] => parseManifest(text, 'f').objects.map(({ kind }) => kind);

describe('a manifest', () => {
  it('may hold many documents, empty ones among them', () => {
    expect(kinds('---\napiVersion: v1\nkind: Pod\n---\n# nothing\n---\napiVersion: apps/v1\nkind: Deployment\n')).toEqual(['v1/Pod', 'apps/v1/Deployment']);
  });

  it('may be JSON', () => {
    expect(kinds('{"apiVersion":"batch/v1","kind":"Job"}')).toEqual(['batch/v1/Job']);
  });

  it('may be a list, whose items a typed list need not name', () => {
    expect(kinds('apiVersion: v1\nkind: List\nitems:\n- { apiVersion: v1, kind: Pod }\n- { apiVersion: v1, kind: Secret }\n')).toEqual(['v1/Pod', 'v1/Secret']);
    expect(kinds('apiVersion: apps/v1\nkind: DeploymentList\nitems: [{ metadata: { name: a } }]\n')).toEqual(['apps/v1/Deployment']);
  });

  it('knows the place of each image, in lists and behind merges too', () => {
    const text = [
      'apiVersion: v1',
      'kind: List',
      'items:',
      '- apiVersion: v1',
      '  kind: Pod',
      '  spec:',
      '    containers:',
      '    - name: a',
      '      image: nginx',
      '    - { name: b, image: redis }',
    ].join('\n');
    const [pod] = parseManifest(text, 'f').objects;
    expect(pod?.position).toEqual({ line: 4, column: 3 });
    expect(pod?.locate('/spec/containers/0/image')).toEqual({ line: 9, column: 14 });
    expect(pod?.locate('/spec/containers/1/image')).toEqual({ line: 10, column: 25 });
    expect(pod?.locate('/spec/initContainers/0/image')).toEqual({ line: 6, column: 3 });
  });

  it.each([
    ['no object', 'just words', 1, /no Kubernetes object/],
    ['an object without kind', 'apiVersion: v1\n', 1, /apiVersion and kind/],
    ['a workload of a group that is gone', 'apiVersion: extensions/v1beta1\nkind: Deployment\n', 1, /judged as apps\/v1\/Deployment/],
    ['YAML that is none', 'apiVersion: v1\nkind: "Pod\n', 3, /./],
    ['a key twice', 'apiVersion: v1\nkind: Pod\nkind: Secret\n', 3, /twice/],
    ['lists in lists without end', `${'{"apiVersion":"v1","kind":"List","items":['.repeat(8)}${']}'.repeat(8)}`, 1, /nested too deep/],
  ])('that holds %s is a fault with its line', (_what, text, line, message) => {
    const { objects, faults } = parseManifest(text, 'f');
    expect(objects).toEqual([]);
    expect(faults[0]).toMatchObject({ file: 'f', line, message: expect.stringMatching(message) });
  });

  it('with one bad document still gives the others', () => {
    const { objects, faults } = parseManifest('apiVersion: v1\nkind: Pod\n---\nnonsense\n', 'f');
    expect([objects.length, faults.length]).toEqual([1, 1]);
  });

  it('with more objects than anybody writes is refused', () => {
    const items = Array.from({ length: 2001 }, () => '{"apiVersion":"v1","kind":"Pod"}').join(',');
    expect(parseManifest(`{"apiVersion":"v1","kind":"List","items":[${items}]}`, 'f')).toMatchObject({
      objects: [],
      faults: [{ message: 'there are more than 2000 objects' }],
    });
  });

  it('of any text is objects and faults, never an exception', () => {
    const parts = fc.array(
      fc.constantFrom(
        'apiVersion: v1\n',
        'kind: Pod\n',
        'kind: List\n',
        'items:\n',
        '- ',
        '---\n',
        '{',
        '}',
        '[',
        ']',
        '&a ',
        '*a',
        '<<: ',
        '\t',
        '"',
        ':',
        '\n',
        '%YAML 1.1\n',
      ),
      {
        maxLength: 40,
      },
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          parts.map((all) => all.join('')),
        ),
        (text) => void parseManifest(text, 'f'),
      ),
      { numRuns: 300 },
    );
  });
});
