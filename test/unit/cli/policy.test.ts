import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAudit } from '../../../src/audit/index.ts';
import { good } from '../../../src/domain/fault.ts';
import { inputDocument, inputSchema } from '../../../src/policy/index.ts';
import { sampleQuestions } from '../../../src/policy/sample.ts';
import { installTool } from '../../../tools/install.ts';
import { options as auditOptions, draft } from '../audit/fixtures.ts';
import { answer, openTestDesk, type Ran, type RunOptions, type TestDesk } from './desk.ts';
import { readJunit } from './junit.ts';
import { sarifForm } from './sarif.ts';

let desk: TestDesk;
beforeEach(async () => {
  desk = await openTestDesk();
});
afterEach(() => desk.remove());

async function policy(argv: readonly string[], more: RunOptions = {}): Promise<Ran> {
  return desk.run(['policy', ...argv], { ...more, env: { TIDEWAITER_OPA: await installTool('opa'), ...more.env } });
}

const metadata = '# METADATA\n# title: A title\n# custom:\n#   severity: high\n';
const blue = `${metadata}package policies.blue\n\ndeny contains {"msg": msg, "container": image.container} if {\n\tinput.review.namespace == "blue"\n\tsome image in input.images\n\tmsg := sprintf("%s is not blue", [image.written])\n}\n`;
const blueTest =
  'package policies.blue_test\n\ntest_blue if count(data.policies.blue.deny) == 1 with input as {"review": {"namespace": "blue"}, "images": [{"container": "web", "written": "x"}]}\n\ntest_red if count(data.policies.blue.deny) == 0 with input as {"review": {"namespace": "red"}}\n';
const bad = `${metadata}package policies.bad\n\ndeny contains {"message": "<&\\"]]>"}\n`;

function inputIn(namespace: string): string {
  const [sample] = sampleQuestions;
  if (sample === undefined) throw new Error('there is no sample');
  return inputDocument({ ...sample, review: { ...sample.review, namespace } });
}

describe('policy check', () => {
  it('says what is wrong, where, and what to write; advice alone does not fail, unless it is to', async () => {
    await desk.put('policies/bad.rego', bad);
    await desk.put('policies/plain.rego', 'package policies.plain\n\ndeny contains "x"\n');
    const { code, out } = await policy(['check']);
    expect(out.split('\n').slice(0, 3)).toEqual([
      'policies/bad.rego:7:16: `message` of a finding is not read (did you mean msg?)',
      expect.stringMatching(/^policies\/plain\.rego:1:1: advice: the policy has no METADATA/),
      '1 fault, 1 piece of advice',
    ]);
    expect(code).toBe(1);
    await desk.put('good/plain.rego', 'package policies.plain\n\ndeny contains "x"\n');
    expect(await policy(['check', 'good'])).toMatchObject({ code: 0, out: expect.stringContaining('The policies are good, 1 piece of advice.') });
    expect((await policy(['check', 'good', '--strict'])).code).toBe(1);
  });

  it('is JSON for programs', async () => {
    await desk.put('policies/bad.rego', bad);
    expect(JSON.parse((await policy(['check', '-o', 'json'])).out)).toMatchObject({
      version: 1,
      summary: { files: 1, faults: 1, advice: 0 },
      problems: [{ file: 'policies/bad.rego', line: 7, column: 16, level: 'fault', rule: 'finding', suggestion: 'did you mean msg?' }],
    });
  });

  it('is SARIF by its schema, with places and rules', async () => {
    await desk.put('policies/bad.rego', bad);
    await desk.put('policies/blue.rego', `${blue}\ndeny := true\n`);
    const log = JSON.parse((await policy(['check', '-o', 'sarif'])).out);
    expect(sarifForm.safeParse(log).error).toBeUndefined();
    expect(sarifForm.safeParse({ ...log, version: '2' }).success).toBe(false);
    expect(log.runs[0].results).toContainEqual(
      expect.objectContaining({
        ruleId: 'policy/finding',
        level: 'error',
        locations: [{ physicalLocation: { artifactLocation: { uri: 'policies/bad.rego' }, region: { startLine: 7, startColumn: 16 } } }],
      }),
    );
  });

  it('is JUnit XML: a suite for each file, and a case that passes for one without a fault', async () => {
    await desk.put('policies/bad.rego', bad);
    await desk.put('policies/blue.rego', blue);
    const suites = readJunit((await policy(['check', '-o', 'junit'])).out);
    expect(suites.map(({ name, tests, failures }) => [name, tests, failures])).toEqual([
      ['policies/bad.rego', 1, 1],
      ['policies/blue.rego', 1, 0],
    ]);
  });
});

describe('policy test', () => {
  it('passes, names the coverage, and says that the engine agrees', async () => {
    await desk.put('policies/blue.rego', blue);
    await desk.put('policies/blue_test.rego', blueTest);
    const { code, out } = await policy(['test', '--threshold', '100']);
    expect(out).toBe('100 %  policies/blue.rego\n100 %  of the lines of all policies are covered\n2 passed, 0 failed; the engine agrees (2 tests, 2 inputs)\n');
    expect(code).toBe(0);
  });

  it('fails where too little is covered, and says which lines', async () => {
    await desk.put('policies/blue.rego', blue);
    await desk.put('policies/blue_test.rego', blueTest.slice(0, blueTest.indexOf('test_blue')) + blueTest.slice(blueTest.indexOf('test_red')));
    const { code, out } = await policy(['test', '-t', '90%']);
    expect(out).toMatch(/ % {2}policies\/blue\.rego {2}no test runs line [\d, -]+\n/);
    expect(out).toContain('fewer than the 90 % asked for');
    expect(code).toBe(1);
    expect((await policy(['test'])).code).toBe(0);
    expect(await policy(['test', '-t', 'many'])).toMatchObject({ code: 2, err: expect.stringContaining('no number from 0 to 100') });
  });

  it.each([
    ['a test that fails', 'test_no if count(data.policies.blue.deny) == 7 with input as {}', 'policy-test/failed'],
    ['an engine that differs', 'test_x if sprintf("%x", [1.5]) != ""', 'policy-test/differs'],
  ])('of %s is SARIF and JUnit by their forms', async (_what, rule, id) => {
    await desk.put('policies/blue.rego', blue);
    await desk.put('policies/blue_test.rego', `${blueTest}\n${rule}\n`);
    const { code, out } = await policy(['test', '-o', 'sarif']);
    const log = JSON.parse(out);
    expect(sarifForm.safeParse(log).error).toBeUndefined();
    expect(log.runs[0].results).toMatchObject([{ ruleId: id, locations: [{ physicalLocation: { region: { startLine: 7 } } }] }]);
    expect(code).toBe(1);
    const suites = readJunit((await policy(['test', '-o', 'junit'])).out);
    expect(suites.reduce((sum, { failures }) => sum + failures, 0)).toBe(1);
    expect(JSON.parse((await policy(['test', '-o', 'json'])).out).summary).toMatchObject({ skipped: 0, threshold: 0 });
  });
});

describe('--watch', () => {
  it.each(['check', 'test'])('runs %s again after an edit, and ends with 0 on SIGINT', async (command) => {
    await desk.put('policies/blue.rego', blue);
    await desk.put('policies/blue_test.rego', blueTest);
    const rounds: string[] = [];
    const changed = command === 'check' ? /did you mean msg\?/ : /[1-9] failed/;
    const second = Promise.withResolvers<void>();
    const done = policy([command, '--watch'], {
      heard: (text) => {
        rounds.push(text);
        if (rounds.length === 1) void desk.put('policies/blue.rego', blue.replace('== "blue"', '== "green"').replace('"msg"', '"mesg"'));
        if (changed.test(text)) second.resolve();
      },
    });
    await second.promise;
    desk.signals.emit('SIGINT');
    const { code, out, err } = await done;
    expect(code).toBe(0);
    expect(rounds[0]).toMatch(/The policies are good|2 passed/);
    expect(out).not.toContain('\u001b[2J');
    expect(err).toContain('Ctrl-C stops');
    expect(desk.signals.listenerCount('SIGINT')).toBe(0);
  });

  it('clears the screen of a terminal', async () => {
    await desk.put('policies/blue.rego', blue);
    const done = policy(['check', '-w'], { terminal: true, heard: (text) => text.includes('good') && desk.signals.emit('SIGTERM') });
    expect((await done).out.startsWith('\u001b[H\u001b[2J')).toBe(true);
  });
});

describe('policy eval and explain', () => {
  beforeEach(async () => {
    await desk.put('policies/blue.rego', blue);
    await desk.put('blue.json', inputIn('blue'));
    await desk.put('red.json', inputIn('red'));
  });

  it('eval says what the policies say of an input, and ends with 1 when they deny it', async () => {
    const denied = await policy(['eval', '--input', 'blue.json']);
    expect(denied.out).toBe('DENIED  blue.json\n  deny  [blue, high] app:latest is not blue\n  deny  [blue, high] registry.example/app:1 is not blue\n');
    expect({ code: denied.code, err: denied.err }).toEqual({ code: 1, err: '' });
    expect(await policy(['eval', '-i', '-'], { stdin: inputIn('red') })).toMatchObject({ code: 0, out: 'ALLOWED  standard input\n  nothing to say: blue\n' });
    expect(JSON.parse((await policy(['eval', '-i', 'blue.json', '-o', 'json'])).out)).toMatchObject({
      version: 1,
      decision: 'deny',
      policies: [{ name: 'blue' }],
    });
  });

  it('eval takes the input out of a record, and a record out of a folder, with all that it refers to', async () => {
    const audit = await createAudit(auditOptions(join(desk.folder, 'records')));
    if (!audit.ok) throw new Error(audit.fault.message);
    const input = JSON.stringify({
      ...JSON.parse(inputIn('blue')),
      images: [{ container: 'web', written: 'x', attestations: [{ predicate: { long: 'y'.repeat(3000) } }] }],
    });
    const kept = audit.value.keep(draft({ input }));
    await audit.value.close();
    const byId = await policy(['eval', '--record', kept.id, '--audit', 'records', '--save', 'saved.json']);
    expect(byId).toMatchObject({ code: 1, out: `DENIED  record ${kept.id}\n  deny  [blue, high] x is not blue\n` });
    expect(JSON.parse(await readFile(join(desk.folder, 'saved.json'), 'utf8'))).toEqual(JSON.parse(input));
    await desk.put('record.json', JSON.stringify({ schema: 1, input: JSON.parse(input) }));
    expect((await policy(['eval', '-i', 'record.json'])).code).toBe(1);
    expect(await policy(['eval', '--record', '01K00000000000000000000000', '--audit', 'records'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no record 01K0'),
    });
    expect(await policy(['eval', '--record', kept.id])).toMatchObject({ code: 2, err: expect.stringContaining('AUDIT_UNAVAILABLE') });
  });

  it('eval gathers live, for an image or a manifest, and judges that', async () => {
    const app: RunOptions['app'] = {
      check: async (request) => {
        const checked = answer(request);
        return good(checked === null ? null : { ...checked, input: inputIn(request.namespace) });
      },
    };
    const image = await policy(['eval', '--image', 'nginx:1.27', '-n', 'blue'], { app });
    expect(image).toMatchObject({ code: 1, out: expect.stringMatching(/^DENIED {2}image nginx:1\.27\n/) });
    expect(image.asked).toEqual([]);
    await desk.put('pod.yaml', 'apiVersion: v1\nkind: Pod\nmetadata: { name: a, namespace: red }\nspec: { containers: [{ name: web, image: x }] }\n');
    expect(await policy(['eval', '-m', 'pod.yaml'], { app })).toMatchObject({ code: 0, out: expect.stringMatching(/^ALLOWED {2}v1\/Pod of pod\.yaml/) });
  });

  it.each([
    ['no input', [], /exactly one of --input, --record, --image and --manifest/],
    ['two inputs', ['-i', 'blue.json', '--image', 'x'], /there are 2/],
    ['an input that is not there', ['-i', 'nope.json'], /nope\.json can not be read/],
    ['an input that is no JSON', ['-i', 'policies/blue.rego'], /is no JSON object/],
  ])('eval with %s ends with 2', async (_what, argv, message) => {
    expect(await policy(['eval', ...argv])).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) });
  });

  it('eval says where an input is none that the cluster sends', async () => {
    await desk.put('odd.json', '{"review": {"namespace": "blue", "nmspace": "x"}}');
    expect((await policy(['eval', '-i', 'odd.json'])).err).toMatch(/^note: the cluster sends no such input: review: .*nmspace/);
  });

  it('explain shows each line of a rule with its mark, and why it stopped', async () => {
    const { code, out } = await policy(['explain', '-i', 'red.json']);
    expect(out).toBe(
      [
        'red.json',
        '✓ held   ✗ stopped the rule   ~ held for some, stopped for others   · never reached',
        '',
        'policy blue',
        '  said nothing',
        '',
        '  policies/blue.rego:7  deny: it said nothing',
        '     7  deny contains {"msg": msg, "container": image.container} if {',
        '  ✗  8      input.review.namespace == "blue"    # stopped here',
        '            └ input.review.namespace = "red"',
        '  ·  9      some image in input.images',
        '  · 10      msg := sprintf("%s is not blue", [image.written])',
        '    11  }',
        '',
      ].join('\n'),
    );
    expect(code).toBe(0);
    expect(JSON.parse((await policy(['explain', '-i', 'red.json', '-o', 'json'])).out)).toMatchObject({ version: 1, cut: null, policies: [{ name: 'blue' }] });
  });

  it('explain of a policy that there is not ends with 2', async () => {
    expect(await policy(['explain', '-i', 'red.json', '-p', 'green'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('there is no policy green in policies'),
    });
  });
});

it('policy schema prints what the input looks like', async () => {
  expect(JSON.parse((await policy(['schema'])).out)).toEqual(inputSchema);
});
