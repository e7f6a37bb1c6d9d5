import { afterEach, describe, expect, it } from 'vitest';
import type { Outcome } from '../../../src/domain/fault.ts';
import { type ExplainedLine, type Explanation, evaluatePolicies, explainPolicies, inputDocument, readInputDocument } from '../../../src/policy/index.ts';
import { installTool } from '../../../tools/install.ts';
import { about, cleanUp, folderOf, unhurried } from './fixtures.ts';

afterEach(cleanUp);

const files = {
  'p.rego': `package policies.p

import data.lib.h

deny contains {"msg": msg, "container": image.container} if {
	some image in input.images
	not h.pinned(image)
	image.reference.tag == "latest"
	msg := sprintf("%s in %s", [image.written, data.config.word])
}

deny contains "blue" if input.review.namespace == "blue"
`,
  'lib/h.rego': 'package lib.h\n\npinned(image) if {\n\timage.pinned\n\tcontains(image.admitted, "@")\n}\n',
  'off.rego': '# METADATA\n# custom:\n#   mode: "off"\npackage policies.off\n\ndeny contains "never"\n',
};

async function evaluation(input: string, more: Readonly<Record<string, string>> = files) {
  return { directory: await folderOf(more), opa: await installTool('opa'), input, modes: {}, data: { word: 'here' }, timeout: 5000 };
}

function value<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(outcome.fault.message);
  return outcome.value;
}

function lineOf(explanation: Explanation, number: number, file = 'p.rego'): ExplainedLine | undefined {
  return explanation.policies
    .flatMap(({ rules }) => rules)
    .filter((rule) => rule.file === file)
    .flatMap(({ lines }) => lines)
    .find(({ line }) => line === number);
}

describe('policy eval', () => {
  it('judges in the engine, by the data and the modes of the configuration', async () => {
    const given = await evaluation(inputDocument(about('blue')));
    const { policies } = value(await evaluatePolicies({ ...given, modes: { p: 'warn' } }, unhurried));
    expect(policies.map(({ name, mode, findings }) => [name, mode, findings.map(({ effect, msg, container }) => [effect, msg, container])])).toEqual([
      ['off', 'off', []],
      [
        'p',
        'warn',
        [
          ['warn', 'blue', null],
          ['warn', 'app:latest in here', 'debug'],
        ],
      ],
    ]);
  });

  it('refuses policies that would not go in force', async () => {
    const given = await evaluation('{}', { 'p.rego': 'package policies.p\n\ndeny := true\n' });
    expect(await evaluatePolicies(given, unhurried)).toMatchObject({
      ok: false,
      fault: { code: 'POLICY_BROKEN', message: expect.stringContaining('p.rego:3:1') },
    });
  });

  it('ends a policy that takes too long, and names it', async () => {
    const loop = 'package policies.p\n\ndeny contains "x" if {\n\tsome a in numbers.range(1, 3000)\n\tsome b in numbers.range(1, 3000)\n\ta * b == -1\n}\n';
    const given = await evaluation('{}', { 'p.rego': loop });
    expect(await evaluatePolicies({ ...given, timeout: 100 }, unhurried)).toMatchObject({
      ok: false,
      fault: { code: 'POLICY_TIMEOUT', message: expect.stringContaining('the policy p ') },
    });
  });
});

describe('an input document', () => {
  it('of the cluster departs in nothing', () => {
    expect(readInputDocument(inputDocument(about('shop')))?.departures).toEqual([]);
  });

  it('made by hand says where it departs, and is judged all the same', () => {
    expect(readInputDocument('{"review": {"nmspace": "x"}}')?.departures.join('; ')).toMatch(/review.*nmspace.*and \d+ more$/);
  });

  it('that is no JSON object is none', () => {
    expect([readInputDocument('nonsense'), readInputDocument('[]'), readInputDocument('')]).toEqual([null, null, null]);
  });
});

describe('policy explain', () => {
  it('marks what held, what stopped for some, and what stopped the rule, with the values', async () => {
    const explanation = value(await explainPolicies(await evaluation(inputDocument(about('shop'))), null, unhurried));
    expect(explanation.policies.map(({ name }) => name)).toEqual(['p']);
    expect(lineOf(explanation, 6)).toMatchObject({ mark: 'held' });
    expect(lineOf(explanation, 7)).toMatchObject({ mark: 'partly', reached: 2, stopped: 1, stops: [{ about: 'web', times: 1 }] });
    expect(lineOf(explanation, 8)).toMatchObject({ mark: 'held', reached: 1 });
    expect(lineOf(explanation, 12)).toMatchObject({
      mark: 'stopped',
      stops: [{ about: null, values: [{ name: 'input.review.namespace', value: '"shop"' }], times: 1 }],
    });
    expect(lineOf(explanation, 4, 'lib/h.rego')).toMatchObject({
      mark: 'partly',
      stops: [{ about: 'debug', values: [{ name: 'image.pinned', value: 'false' }] }],
    });
  });

  it('tells an undefined reference from a false one, and marks what was never reached', async () => {
    const input = '{"images": [{"container": "web", "pinned": false, "written": "a"}], "review": {}}';
    const explanation = value(await explainPolicies(await evaluation(input), ['p'], unhurried));
    expect(lineOf(explanation, 8)).toMatchObject({ mark: 'stopped', stops: [{ about: 'web', values: [{ name: 'image.reference.tag', value: null }] }] });
    expect(lineOf(explanation, 9)).toMatchObject({ mark: 'unreached' });
    expect(lineOf(explanation, 12)).toMatchObject({ mark: 'stopped', stops: [{ values: [{ name: 'input.review.namespace', value: null }] }] });
  });

  it('follows a long input with fewer findings, and says so', async () => {
    const image = {
      container: 'web',
      written: 'a',
      scans: [{ findings: Array.from({ length: 3000 }, (_, i) => ({ id: `CVE-${i}`, severity: 'HIGH', title: 'x'.repeat(50) })) }],
    };
    const policy =
      'package policies.p\n\ndeny contains finding.id if {\n\tsome image in input.images\n\tsome scan in image.scans\n\tsome finding in scan.findings\n\tfinding.severity == "LOW"\n}\n';
    const given = await evaluation(JSON.stringify({ images: [image, image, image] }), { 'p.rego': policy });
    const explanation = value(await explainPolicies(given, null, unhurried));
    expect(explanation.cut).toMatch(/^followed with the first \d+ findings of each scan/);
    expect(lineOf(explanation, 7)).toMatchObject({ mark: 'stopped' });
    expect(lineOf(explanation, 7)?.stops.length).toBeLessThanOrEqual(3);
  });
});
