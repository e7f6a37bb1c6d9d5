import { chmod, cp, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { buildPolicyBundle, checkPolicies, describeProblem, findOpa, testPolicies } from '../../../src/policy/index.ts';
import { runOpa } from '../../../src/policy/opa.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, folderOf, openRoom, unhurried } from './fixtures.ts';

afterEach(cleanUp);

async function problemsOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const checked = await checkPolicies(await folderOf(files), await installTool('opa'), unhurried);
  if (!checked.ok) throw new Error(checked.fault.message);
  return checked.value.problems.filter(({ advice }) => advice !== true).map(describeProblem);
}

describe('policy check', () => {
  it('finds nothing in the library', async () => {
    expect(await checkPolicies('policies', await installTool('opa'), unhurried)).toMatchObject({ ok: true, value: { problems: [] } });
  });

  it('names every problem with file, line, column and what to do, in order', async () => {
    const problems = await problemsOf({
      'b.rego': 'package policies.b\n\ndeny := true\n',
      'a/a.rego': 'package policies.a\n\ndeny contains "x" if input.review.nmspace == "y"\n\ndeny contains "y" if http.send({}).status_code == 200\n',
    });
    expect(problems).toEqual([
      expect.stringMatching(/^a\/a\.rego:3:\d+: undefined ref: input\.review\.nmspace \(did you mean namespace\?\)$/),
      expect.stringMatching(/^a\/a\.rego:5:\d+: undefined function http\.send.*no builtin of the Wasm engine/),
      'b.rego:3:1: deny is a single value here; it must be a set (write `deny contains msg if { … }`)',
    ]);
  });

  describe('refuses what would not go in force, as the build of a bundle does', () => {
    const conflict = 'f(x) := 1 if x != ""\n\nf(x) := 2 if x != "zz"\n\ndeny contains "x" if f(input.review.namespace) == 3\n';
    const greedy =
      'deny contains "x" if {\n  row := concat("", ["0123456789abcdef" | some _ in numbers.range(1, 10000)])\n  count([concat("", [row, row]) | some _ in numbers.range(1, 1000)]) == 1\n}\n';

    it.each([
      [
        'a mode that there is not',
        '# METADATA\n# custom:\n#   mode: loud\npackage policies.p\n\ndeny contains "x"\n',
        /^p\.rego:3:11: custom\.mode of policy p must be one of enforce/,
      ],
      ['functions that conflict', `package policies.p\n\n${conflict}`, /^p\.rego:5:1: policy p could not be evaluated: var assignment conflict/],
      ['a rule that takes all memory', `package policies.p\n\n${greedy}`, /^p\.rego: policy p could not be evaluated: it ran out of memory/],
      [
        'a finding without msg',
        'package policies.p\n\ndeny contains {"message": "x"}\n',
        /^p\.rego:3:16: `message` of a finding is not read \(did you mean msg\?\)/,
      ],
      ['policies that are all off', '# METADATA\n# custom:\n#   mode: "off"\npackage policies.p\n\ndeny contains "x"\n', /every policy is switched off/],
    ])('%s', async (_, text, expected) => {
      const directory = await folderOf({ 'p.rego': text });
      const opa = await installTool('opa');
      const checked = await checkPolicies(directory, opa, unhurried);
      expect(checked.ok && checked.value.problems.filter(({ advice }) => advice !== true).map(describeProblem)).toEqual([expect.stringMatching(expected)]);
      const built = await buildPolicyBundle(directory, join(directory, 'p.tgz'), opa, unhurried);
      expect(built).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
      const room = await openRoom({ directory });
      expect(room.status()).toMatchObject({ revision: null, fault: { code: 'POLICY_BROKEN' } });
    });
  });

  it('says where there is no policy', async () => {
    const directory = await folderOf({ 'a_test.rego': 'package policies.a_test\n' });
    expect(await checkPolicies(directory, await installTool('opa'), unhurried)).toMatchObject({
      ok: false,
      fault: { message: expect.stringContaining(`there is no policy in ${directory}`) },
    });
  });

  it('looks into tests too, which may make inputs of any shape', async () => {
    const policy = 'package policies.a\n\ndeny contains "x" if input.review.namespace == "y"\n';
    expect(
      await problemsOf({
        'a.rego': policy,
        'a_test.rego': 'package policies.a_test\n\ntest_x if count(data.policies.a.deny) == 1 with input.review as {"namespace": "y"}\n',
      }),
    ).toEqual([]);
    expect(await problemsOf({ 'a.rego': policy, 'a_test.rego': 'package policies.a_test\n\ntest_x if {\n' })).toEqual([
      expect.stringMatching(/^a_test\.rego:\d+:\d+: /),
    ]);
  });

  it('lets a comparison with null pass where null may be', async () => {
    expect(
      await problemsOf({
        'a.rego': 'package policies.a\n\ndeny contains "x" if input.review.owner == null\n\nwarn contains "y" if input.review.name == null\n',
      }),
    ).toEqual([]);
  });

  it('is not led astray by brackets, quotes and comments', async () => {
    const tricky = [
      'package policies.a # deny := true',
      '',
      '# deny := true {',
      'deny contains msg if {',
      '  msg := `',
      'deny := true "{`',
      '}',
      '',
      'deny contains $"{concat(", ", ["}", input.review.namespace])} deny := {1}"',
      '',
      'warn contains "\\"}{" if',
      '  input.review.namespace == "x"',
      '',
    ].join('\n');
    expect(await problemsOf({ 'a.rego': tricky })).toEqual([]);
  });

  it('is POLICY_BROKEN where there is no folder', async () => {
    expect(await checkPolicies('/nowhere', await installTool('opa'), unhurried)).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN' } });
  });
});

describe('the policies of policies/README.md', () => {
  it('pass their check and their tests beside the library', async () => {
    const readme = await readFile('policies/README.md', 'utf8');
    const [policy = '', test = '', paint = ''] = [...readme.matchAll(/```rego\n(.*?)```/gs)].map(([, code]) => code);
    const directory = await folderOf({ 'blue.rego': policy, 'blue_test.rego': test, 'paint.rego': paint });
    await cp('policies', directory, { recursive: true });
    expect(await checkPolicies(directory, await installTool('opa'), unhurried)).toMatchObject({ ok: true, value: { problems: [] } });
    const tested = await testPolicies(directory, await installTool('opa'), unhurried);
    expect(tested.ok && tested.value.tests.filter(({ package: name }) => name.includes('blue')).map(({ outcome }) => outcome)).toEqual(['passed', 'passed']);
  }, 60_000);
});

describe('policy test', () => {
  it('passes over the library, and covers it', async () => {
    const tested = await testPolicies('policies', await installTool('opa'), unhurried);
    if (!tested.ok) throw new Error(tested.fault.message);
    expect(tested.value.tests.filter((test) => test.outcome !== 'passed')).toEqual([]);
    expect(tested.value.tests.length).toBeGreaterThan(50);
    expect(tested.value.coverage?.total).toBe(100);
  }, 60_000);

  it('says which test failed and where', async () => {
    const directory = await folderOf({
      'a.rego': 'package policies.a\n\ndeny contains "x"\n',
      'a_test.rego': 'package policies.a_test\n\ntest_bad if data.policies.a.deny == {"y"}\n',
    });
    const tested = await testPolicies(directory, await installTool('opa'), unhurried);
    expect(tested).toMatchObject({ ok: true, value: { coverage: null, tests: [{ name: 'test_bad', outcome: 'failed', file: 'a_test.rego', line: 3 }] } });
  });

  it('is POLICY_BROKEN when a test does not compile', async () => {
    const tested = await testPolicies(await folderOf({ 'a_test.rego': 'package policies.a_test\n\ntest_bad if {\n' }), await installTool('opa'), unhurried);
    expect(tested).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN', message: expect.stringContaining('a_test.rego') } });
  });
});

describe('opa', () => {
  it('is found by TIDEWAITER_OPA, then PATH, then the newest in the tool cache', async () => {
    const folder = await folderOf({ 'named/opa': '', 'path/opa': '', 'cache/opa-v1.9.0/opa': '', 'cache/opa-v1.10.0/opa': '' });
    for (const file of ['named/opa', 'path/opa', 'cache/opa-v1.9.0/opa', 'cache/opa-v1.10.0/opa']) await chmod(join(folder, file), 0o755);
    const cache = { TIDEWAITER_TOOLS: join(folder, 'cache') };
    const onPath = { ...cache, PATH: `/nowhere:${join(folder, 'path')}` };
    expect(await findOpa({ ...onPath, TIDEWAITER_OPA: join(folder, 'named/opa') })).toEqual({ ok: true, value: join(folder, 'named/opa') });
    expect(await findOpa(onPath)).toEqual({ ok: true, value: join(folder, 'path/opa') });
    expect(await findOpa(cache)).toEqual({ ok: true, value: join(folder, 'cache/opa-v1.10.0/opa') });
  });

  it('is a fault that says what to do where there is none, or where TIDEWAITER_OPA is wrong', async () => {
    expect(await findOpa({ TIDEWAITER_TOOLS: '/nowhere' })).toMatchObject({
      ok: false,
      fault: {
        code: 'CONFIG_INVALID',
        message: expect.stringMatching(/TIDEWAITER_OPA.*PATH.*tool cache \(\/nowhere\).*node tools\/install\.ts opa.*tidewaiter policy build/),
      },
    });
    expect(await findOpa({ TIDEWAITER_OPA: '/nowhere/opa' })).toMatchObject({ ok: false, fault: { message: expect.stringContaining('TIDEWAITER_OPA') } });
  });

  it('runs with an empty environment', async () => {
    const run = await runOpa(await installTool('opa'), ['eval', '--format=raw', 'count(opa.runtime().env)'], '/', unhurried);
    expect(run).toMatchObject({ ok: true, value: { code: 0, stdout: expect.stringMatching(/^0\s*$/) } });
  });

  it('that can not be started is a fault', async () => {
    expect(await runOpa('/nowhere/opa', [], '/', unhurried)).toMatchObject({ ok: false, fault: { code: 'INTERNAL' } });
    expect(await runOpa(await installTool('opa'), ['version'], '/', AbortSignal.abort())).toMatchObject({ ok: false });
  });
});
