/**
 * What surprises in OPA, its Wasm and their tools, each with the test that holds it. The tests are found by their titles, so that none is
 * renamed or dropped without this list.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { hostBuiltins } from '../../../src/policy/builtins/index.ts';
import { compilePolicies } from '../../../src/policy/compile.ts';
import { Engine } from '../../../src/policy/engine.ts';
import { workersFor } from '../../../src/policy/pool.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, unhurried } from './fixtures.ts';

afterEach(cleanUp);

const here = 'test/unit/policy';
const builtins = 'test/conformance/policy.test.ts';

const traps: readonly (readonly [trap: string, file: string, title: string])[] = [
  [
    'A ConfigMap mount shows each file three times',
    `${here}/reload.test.ts`,
    'of a ConfigMap, which swaps a symbolic link, is seen; and each file counts once',
  ],
  ['Data files are not in the Wasm: where nobody hands them on, deny is empty', `${here}/traps.test.ts`, 'hands on data files and data.config'],
  ['An undefined result is an empty list', `${here}/findings.test.ts`, 'no result at all'],
  [
    'A throw leaks Wasm stack: after some hundred the instance is worn out',
    `${here}/traps.test.ts`,
    'a conflict, again and again, without wearing the engine out',
  ],
  ["The SDK's sprintf is not Go's", `${here}/traps.test.ts`, 'prints as Go does: %v of null, of an object and of a set, and %q'],
  [
    'A form of sprintf passes in opa and fails in the cluster: seen when it is checked',
    `${here}/lint.test.ts`,
    'that the engine has no such form though opa has',
  ],
  ['The same, seen when it is tested', `${here}/engineTests.test.ts`, 'names the test, the policy and the input where the engine comes to something else'],
  ['regex.split is that of JavaScript', `${here}/traps.test.ts`, 'a builtin whose expressions are not RE2'],
  ['A builtin that gives a promise gives {}, which is true', `${here}/trapList.test.ts`, 'no builtin of the host gives a promise'],
  [
    'A Buffer is a slice of a larger one, and the SDK reads from its start',
    `${here}/trapList.test.ts`,
    'an input that is a slice of a larger buffer is read from where it begins',
  ],
  ['What is thrown is text or a plain object, rarely an Error', `${here}/traps.test.ts`, 'a policy that fails takes no other with it'],
  ['Sets come in any order: findings are sorted', `${here}/traps.test.ts`, 'gives findings in one order, whatever order sets have'],
  ['Sets come in any order: a text made of one is refused', `${here}/lint.test.ts`, 'that a set has no order in the engine'],
  ['Big integers lose digits', builtins, 'builtins give in Wasm what they give in opa'],
  [
    'opa check passes what does not run: a set is built and tried before it is in force',
    `${here}/desk.test.ts`,
    'refuses what would not go in force, as the build of a bundle does',
  ],
  ['A builtin that Wasm lacks fails only when it is reached', `${here}/traps.test.ts`, 'a builtin that Wasm does not have'],
  ['Which those are changes with opa', builtins, 'names only what opa compiles into Wasm, and what the host supplies is really asked of it'],
  ['The clock makes a decision that can not be replayed', `${here}/traps.test.ts`, 'the clock'],
  ['A misspelt field of the input is undefined, and denies nothing', `${here}/traps.test.ts`, 'an unknown field of the input'],
  ['So is one of what may be null, into which opa does not look', `${here}/traps.test.ts`, 'an unknown field of what may be null'],
  ['opa check writes its errors to standard error', `${here}/desk.test.ts`, 'names every problem with file, line, column and what to do, in order'],
  ['opa measures coverage only where all tests pass', `${here}/desk.test.ts`, 'says which test failed and where'],
  ['Wasm has no trace', `${here}/explain.test.ts`, 'marks what held, what stopped for some, and what stopped the rule, with the values'],
  [
    'opa has no Wasm engine: its tests say nothing about ours',
    `${here}/engineTests.test.ts`,
    'runs in the engine what it runs in opa: tests, and whatever they give to a policy',
  ],
  ['Several rules share a path, so METADATA need an id', `${here}/traps.test.ts`, 'reads METADATA of the package, and of the rule that a finding names by id'],
  ['Memory never shrinks after a large input', `${here}/limits.test.ts`, 'denies an input that is too large for it, and judges the next'],
  ['A policy may never end', `${here}/limits.test.ts`, 'gets POLICY_TIMEOUT and its name, and the requests beside it go on'],
  ['… or take all memory', `${here}/limits.test.ts`, 'is denied by name under the cap, and the next request is judged'],
  ['… at the webhook too', 'test/integration/runaway.test.ts', 'of namespace %s only the Pod is denied, naming %s'],
  ['deny := true is right in Rego, and no set', `${here}/traps.test.ts`, 'deny := true'],
  ["Gatekeeper's violation is a rule that nobody asks for", `${here}/traps.test.ts`, "Gatekeeper's violation"],
  ['A finding without msg', `${here}/traps.test.ts`, 'a finding without msg'],
  [
    'A policy that did not run looks like one with nothing to say',
    `${here}/findings.test.ts`,
    'a policy that did not run is a denial, and those that did count',
  ],
];

describe('each trap has its test', () => {
  it.each(traps)('%s', async (_, file, title) => {
    const text = (await readFile(join(import.meta.dirname, '../../..', file), 'utf8')).replace(/\s+/g, ' ');
    const starts = ['it(', 'describe(', '])(', '[', '[ '].flatMap((before) => [`${before}'${title}`, `${before}"${title}`]);
    expect(starts.some((start) => text.includes(start))).toBe(true);
  });
});

it('no builtin of the host gives a promise', () => {
  const asynchronous = Object.entries(hostBuiltins).filter(([, builtin]) => builtin.constructor !== Function);
  expect(asynchronous).toEqual([]);
  expect(Object.keys(hostBuiltins).length).toBeGreaterThan(10);
});

it('an input that is a slice of a larger buffer is read from where it begins', async () => {
  const content = Buffer.from('package policies.p\n\ndeny contains input.review.namespace\n');
  const compiled = await compilePolicies(await installTool('opa'), { files: [{ path: 'p.rego', content }], folders: [], hash: '' }, unhurried);
  if (!compiled.ok || !compiled.value.ok) throw new Error('it does not compile');
  const module = new WebAssembly.Module(new Uint8Array(compiled.value.value.wasm));
  const engine = new Engine({ module, data: new Uint8Array(Buffer.from('{}')).buffer, policies: ['p'], memoryPages: 128 });
  const before = Buffer.from('{"review":{"namespace":"wrong"}}');
  const whole = Buffer.concat([before, Buffer.from('{"review":{"namespace":"right"}}'), before]);
  const [result] = engine.evaluate(whole.subarray(before.length, 2 * before.length), () => {});
  expect(result).toEqual({ json: '{"deny":["right"]}' });
});

it('a machine of any size has a thread that judges, and all but one do', () => {
  expect([1, 2, 3, 8, 64].map(workersFor)).toEqual([1, 1, 2, 7, 63]);
});
