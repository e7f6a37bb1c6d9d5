import { afterEach, describe, expect, it } from 'vitest';
import { about, cleanUp, findingsOf, folderOf, judge, never, openRoom, roomOf } from './fixtures.ts';

afterEach(cleanUp);

describe('what OPA finds right and nobody would hear of is refused, naming file and line', () => {
  it.each([
    ['deny := true', 'deny := true', 'deny is a single value here'],
    ['a boolean rule', 'deny if input.review.namespace == "x"', 'deny is a single value here'],
    ['a default', 'default deny := false\n\ndeny := true if input.review.namespace == "x"', 'makes deny a single value'],
    ["Gatekeeper's violation", 'violation contains {"msg": "x"}', "Gatekeeper's name"],
    ['the old form of a set', 'deny[msg] := "x" if msg := "y"', 'means an object now'],
    ['a function', 'deny(x) := x', 'deny is a function here'],
    ['a policy that says nothing', 'allow := true', 'neither deny nor warn'],
    ['an unknown field of the input', 'deny contains "x" if input.review.nmspace == "x"', 'did you mean namespace?'],
    [
      'an unknown field of what may be null',
      'deny contains "x" if {\n  some image in input.images\n  image.reference.regstry == "x"\n}',
      'did you mean registry?',
    ],
    [
      'a builtin that Wasm does not have',
      'deny contains "x" if http.send({"url": "http://x", "method": "get"}).status_code == 200',
      'undefined function http.send',
    ],
    ['the clock', 'deny contains "x" if time.now_ns() > 0', 'time.parse_rfc3339_ns(input.now)'],
    ['a builtin whose expressions are not RE2', 'deny contains "x" if regex.split("a", "b")[0] == "c"', 'undefined function regex.split'],
    ['a time zone', 'deny contains "x" if time.weekday([0, "Europe/Paris"]) == "Monday"', 'time.weekday'],
    ['a syntax error', 'deny contains "x" if {', 'p.rego:'],
    ['two values of one rule', 'x := 1 if input.version == 1\n\nx := 2 if input.review.operation != ""\n\ndeny contains "x" if x == 3', 'p.rego'],
  ])('%s', async (_, rules, expected) => {
    const room = await roomOf(rules);
    const { fault, revision } = room.status();
    expect(revision).toBeNull();
    expect(fault?.code).toBe('POLICY_BROKEN');
    expect(fault?.message).toContain('p.rego');
    expect(fault?.message).toContain(expected);
    const judged = await judge(room, about('shop'), never);
    expect(judged).toMatchObject({ ok: false, fault: { code: 'POLICY_BROKEN', message: fault?.message } });
  });

  it('a package elsewhere, and what it should be called', async () => {
    const room = await openRoom({ directory: await folderOf({ 'my-rule.rego': 'package kubernetes.admission\n\ndeny contains "x"\n' }) });
    expect(room.status().fault?.message).toContain('my-rule.rego:1:1: the package kubernetes.admission is neither');
    expect(room.status().fault?.message).toContain('package policies.my_rule');
  });

  it('a policy in a test file', async () => {
    const room = await openRoom({
      directory: await folderOf({ 'a.rego': 'package policies.a\n\ndeny contains "x"\n', 'b_test.rego': 'package policies.b\n\ndeny contains "x"\n' }),
    });
    expect(room.status().fault?.message).toContain('b_test.rego:3:1: a file named _test.rego is never enforced');
  });

  it('an empty folder', async () => {
    const room = await openRoom({ directory: await folderOf({}) });
    expect(await judge(room, about('shop'), never)).toMatchObject({
      ok: false,
      fault: { code: 'POLICY_BROKEN', message: expect.stringContaining('there is no policy') },
    });
  });

  it('data that would take the place of the configuration or of policies', async () => {
    const room = await openRoom({ directory: await folderOf({ 'a.rego': 'package policies.a\n\ndeny contains "x"\n', 'data.json': '{"config": {}}' }) });
    expect(room.status().fault?.message).toContain('data files must not have config');
  });
});

describe('what shows only when it runs is a denial that names the file', () => {
  const denied = (text: string) => [expect.objectContaining({ policy: 'p', effect: 'deny', msg: expect.stringContaining(text) })];

  it.each([
    ['a finding without msg', 'deny contains {"message": "x"} if input.review.namespace == "shop"'],
    ['a finding with an empty msg', 'deny contains {"msg": " "} if input.review.namespace == "shop"'],
    ['a number', 'deny contains 5 if input.review.namespace == "shop"'],
    ['a finding whose container is no text', 'deny contains {"msg": "x", "container": 1} if input.review.namespace == "shop"'],
    ['a finding whose cves are no list of texts', 'deny contains {"msg": "x", "cves": "CVE-1"} if input.review.namespace == "shop"'],
    ['a warning without msg', 'warn contains {} if input.review.namespace == "shop"'],
  ])('%s', async (_, rules) => {
    expect(await findingsOf(await roomOf(rules))).toEqual(denied('p.rego: policy p gave a finding that is neither'));
  });

  it('a conflict, again and again, without wearing the engine out', async () => {
    const room = await roomOf('x := 1 if input.review.namespace == "shop"\n\nx := 2 if input.review.operation != ""\n\ndeny contains "x" if x == 3');
    for (let i = 0; i < 600; i += 1) expect(await findingsOf(room)).toEqual(denied('p.rego: policy p could not be evaluated'));
    expect(await findingsOf(room, about('other'))).toEqual([]);
  });

  it('a policy that fails takes no other with it', async () => {
    const room = await openRoom({
      directory: await folderOf({
        'bad.rego': 'package policies.bad\n\nx := 1 if input.review.namespace == "shop"\n\nx := 2 if input.version == 1\n\ndeny contains "x" if x == 3\n',
        'good.rego': 'package policies.good\n\ndeny contains "no"\n',
      }),
    });
    const findings = await findingsOf(room);
    expect(findings.map(({ policy, msg }) => [policy, msg.includes('could not be evaluated')])).toEqual([
      ['bad', true],
      ['good', false],
    ]);
  });
});

describe('the engine', () => {
  it('prints as Go does: %v of null, of an object and of a set, and %q', async () => {
    const room = await roomOf('deny contains sprintf("%v %v %v %q", [null, {"a": 1}, {2, 1}, "x"])');
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['null {"a": 1} {1, 2} "x"']);
  });

  it('hands on data files and data.config', async () => {
    const directory = await folderOf({
      'a.rego': 'package policies.a\n\ndeny contains data.config.word\n\ndeny contains data.words[_]\n',
      'data.yaml': 'words: [file]\n',
    });
    const room = await openRoom({ directory }, { data: { word: 'config' } });
    expect((await findingsOf(room)).map((finding) => finding.msg)).toEqual(['config', 'file']);
  });

  it('gives findings in one order, whatever order sets have', async () => {
    const room = await roomOf('deny contains sprintf("%02d", [i]) if some i in numbers.range(1, 30)\n\nwarn contains "w"');
    const messages = (await findingsOf(room)).map((finding) => finding.msg);
    expect(messages).toEqual([...Array.from({ length: 30 }, (_, i) => String(i + 1).padStart(2, '0')), 'w']);
  });

  it('escapes what a policy repeats from outside', async () => {
    const room = await roomOf('deny contains concat("", ["a", input.review.namespace])');
    const [finding] = await findingsOf(room, about('\u202eevil\n'));
    expect(finding?.msg).toBe('a\\u{202e}evil\\u{a}');
  });

  it('reads METADATA of the package, and of the rule that a finding names by id', async () => {
    const directory = await folderOf({
      'a.rego': `# METADATA
# title: A title
# custom:
#   severity: low
#   remediation: Do this.
package policies.a

# METADATA
# custom:
#   id: special
#   severity: critical
deny contains {"msg": "one", "id": "special"}

deny contains {"msg": "two", "id": "plain", "container": "web", "cves": ["CVE-2", "CVE-1"], "remediation": "Do that."}
`,
    });
    const room = await openRoom({ directory });
    expect(room.status().policies).toMatchObject([{ name: 'a', title: 'A title', severity: 'low', mode: 'enforce', files: ['a.rego'] }]);
    expect(await findingsOf(room)).toEqual([
      { policy: 'a', id: 'special', effect: 'deny', msg: 'one', severity: 'critical', container: null, cves: [], remediation: 'Do this.', code: null },
      {
        policy: 'a',
        id: 'plain',
        effect: 'deny',
        msg: 'two',
        severity: 'low',
        container: 'web',
        cves: ['CVE-1', 'CVE-2'],
        remediation: 'Do that.',
        code: null,
      },
    ]);
  });

  it('answers with the very document it judged', async () => {
    const room = await roomOf('deny contains input.review.namespace');
    const judgement = await room.judge(about('shop'), never);
    expect(JSON.parse(judgement.recorded)).toMatchObject({ version: 1, review: { namespace: 'shop' } });
    expect(judgement.revision).toBe(room.status().revision);
  });
});
