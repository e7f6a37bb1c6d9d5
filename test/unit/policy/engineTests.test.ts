import { afterEach, describe, expect, it } from 'vitest';
import { type RegoTests, testPolicies } from '../../../src/policy/index.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, folderOf, unhurried } from './fixtures.ts';

afterEach(cleanUp);

async function tested(policy: string, tests: string, more: Readonly<Record<string, string>> = {}): Promise<RegoTests> {
  const files = { 'a.rego': `package policies.a\n\n${policy}\n`, 'a_test.rego': `package policies.a_test\n\n${tests}\n`, ...more };
  const run = await testPolicies(await folderOf(files), await installTool('opa'), unhurried);
  if (!run.ok) throw new Error(run.fault.message);
  return run.value;
}

describe('policy test', () => {
  it('runs in the engine what it runs in opa: tests, and whatever they give to a policy', async () => {
    const { engine, coverage, tests } = await tested(
      'deny contains input.review.namespace if data.config.on\n\nwarn contains "w" if input.review.name == "x"',
      [
        'test_off if count(data.policies.a.deny) == 0 with input as {"review": {"namespace": "n"}}',
        'test_on if data.policies.a.deny == {"n"} with input as {"review": {"namespace": "n"}} with data.config.on as true',
        'test_warn if count(data.policies.a.warn) == 1 with input as {"review": {"name": "x"}}',
      ].join('\n\n'),
    );
    expect(tests.map(({ name, outcome }) => [name, outcome])).toEqual([
      ['test_off', 'passed'],
      ['test_on', 'passed'],
      ['test_warn', 'passed'],
    ]);
    expect(engine).toEqual({ tests: 3, fixtures: 3, differences: [] });
    expect(coverage).toEqual({ total: 100, files: [{ file: 'a.rego', share: 100, missed: [] }] });
  });

  it('names the test, the policy and the input where the engine comes to something else', async () => {
    const { engine } = await tested(
      'deny contains sprintf("%x", [input.version]) if input.review.namespace == "x"',
      [
        'test_hex if count(data.policies.a.deny) == 1 with input as {"version": 1.5, "review": {"namespace": "x"}}',
        'test_other if count(data.policies.a.deny) == 0 with input as {"version": 1.5, "review": {"namespace": "y"}}',
      ].join('\n\n'),
    );
    expect(engine?.differences).toEqual([
      {
        what: { test: 'data.policies.a_test.test_hex', file: 'a_test.rego', line: 3 },
        why: expect.stringMatching(/^passed in opa; in the engine: sprintf: %x/),
        unable: false,
      },
      {
        what: { policy: 'a', input: '{"review":{"namespace":"x"},"version":1.5}' },
        why: expect.stringMatching(/^opa judged it; the engine: sprintf: %x/),
        unable: false,
      },
    ]);
  });

  it('does not call it a difference when a test itself uses what only opa has, and says so', async () => {
    const { engine } = await tested('deny contains "x"', 'test_a if crypto.sha256("x") != ""\n\ntest_b if count(data.policies.a.deny) == 1 with input as {}');
    expect(engine?.differences).toEqual([
      { what: expect.objectContaining({ test: 'data.policies.a_test.test_a' }), why: 'the engine has no crypto.sha256, so only opa ran it', unable: true },
    ]);
  });

  it('agrees where both fail on an input, and where a builtin is mocked', async () => {
    const { engine } = await tested(
      'x := 1 if input.review.namespace != ""\n\nx := 2 if input.review.namespace == "both"\n\ndeny contains "x" if x == 3',
      [
        'test_conflict if count(data.policies.a.deny) == 0 with input as {"review": {"namespace": "both"}}',
        'test_one if count(data.policies.a.deny) == 0 with input as {"review": {"namespace": "one"}}',
        'test_mock if http.send({"method": "get", "url": "x"}).status_code == 200 with http.send as {"status_code": 200}',
      ].join('\n\n'),
    );
    expect(engine?.differences).toEqual([]);
  });

  it('compares each case of a test that has several', async () => {
    const { engine, tests } = await tested('deny contains "x"', 'test_cases[name] if {\n\tsome name, value in {"one": 1, "two": 2}\n\tvalue == 1\n}');
    expect(tests).toMatchObject([{ outcome: 'failed', cases: ['one'] }]);
    expect(engine?.differences).toEqual([]);
  });

  it('tells which lines no test runs, and what a failed test printed', async () => {
    const some = await tested(
      'deny contains "x" if {\n\tinput.review.namespace == "x"\n\tinput.review.name == "y"\n}',
      'test_a if count(data.policies.a.deny) == 0 with input as {"review": {"namespace": "z"}}',
    );
    expect(some.coverage?.files).toEqual([
      {
        file: 'a.rego',
        share: expect.any(Number),
        missed: [[3, 5]],
      },
    ]);
    const bad = await tested('deny contains "x"', 'test_a if {\n\tprint("seen", input.a)\n\tcount(data.policies.a.deny) == 2 with input as {"a": 1}\n}');
    expect(bad.tests).toMatchObject([{ outcome: 'failed', printed: expect.stringContaining('seen') }]);
    expect(bad.coverage).toBeNull();
  });

  it('ends a policy that loops in the engine, and names it', async () => {
    const loop =
      'deny contains "x" if {\n\tinput.loop\n\tsome a in numbers.range(1, 400)\n\tsome b in numbers.range(1, 400)\n\tsprintf("%s", [a + b]) == "y"\n}';
    const { engine } = await tested(loop, 'test_a if count(data.policies.a.deny) == 0 with input as {"loop": false}');
    expect(engine).toEqual({ tests: 1, fixtures: 1, differences: [] });
  });
});
