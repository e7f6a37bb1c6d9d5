import { afterEach, describe, expect, it } from 'vitest';
import { checkPolicies, describeProblem } from '../../../src/policy/index.ts';
import { installTool } from '../../../tools/install.ts';
import { cleanUp, folderOf, unhurried } from './fixtures.ts';

afterEach(cleanUp);

async function told(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const checked = await checkPolicies(await folderOf(files), await installTool('opa'), unhurried);
  if (!checked.ok) throw new Error(checked.fault.message);
  return checked.value.problems.map(describeProblem);
}

/** What is said of each of many policies that are looked at in one go, by the name of their file. */
function toldOfAll(texts: readonly string[], more: Readonly<Record<string, string>> = {}): () => Promise<(text: string) => readonly string[]> {
  let all: Promise<readonly string[]> | null = null;
  const fileOf = (text: string): string => `p${texts.indexOf(text)}`;
  const named = (text: string): string => text.replace('package policies.p\n', `package policies.${fileOf(text)}\n`);
  return async () => {
    all ??= told({ ...Object.fromEntries(texts.map((text) => [`${fileOf(text)}.rego`, named(text)])), ...more });
    const lines = await all;
    return (text) =>
      lines.filter((line) => line.startsWith(`${fileOf(text)}.rego`)).map((line) => line.replace(/^p\d+\.rego/, 'p.rego').replace(/policy p\d+/, 'policy p'));
  };
}

const metadata = '# METADATA\n# title: A title\n# custom:\n#   severity: high\n#   remediation: Do this.\n';
const policyOf = (rules: string): string => `${metadata}package policies.p\n\n${rules}\n`;
/** The first line of the rules of `policyOf`. */
const line = 8;

describe('of a finding, policy check says', () => {
  const cases: readonly (readonly [what: string, rules: string, expected: readonly unknown[]])[] = [
    ['a misspelt key, and which is meant', 'deny contains {"mesg": "x"}', [`p.rego:${line}:16: \`mesg\` of a finding is not read (did you mean msg?)`]],
    ['what other programs call it', 'deny contains {"message": "x"}', [`p.rego:${line}:16: \`message\` of a finding is not read (did you mean msg?)`]],
    ['cve for cves', 'deny contains {"msg": "x", "cve": ["CVE-1"]}', [`p.rego:${line}:28: \`cve\` of a finding is not read (did you mean cves?)`]],
    ["a key that is nobody's, as advice", 'deny contains {"msg": "x", "zone": "a"}', [`p.rego:${line}:28: advice: \`zone\` of a finding is not read`]],
    [
      'where the severity belongs',
      'deny contains {"msg": "x", "severity": "HIGH"}',
      [expect.stringMatching(/advice: `severity` of a finding is not read.*custom\.severity/)],
    ],
    ['that msg is missing', 'deny contains {"id": "x"}', [expect.stringMatching(/^p\.rego:8:15: a finding without `msg`.*\(add "msg"/)]],
    ['that it is a number', 'deny contains 5', [expect.stringMatching(/^p\.rego:8:15: a finding is a text or an object with `msg`, and this is a number/)]],
    [
      'that a value has the wrong type',
      'deny contains {"msg": "x", "cves": "CVE-1"}',
      [expect.stringContaining('`cves` of a finding must be a list of texts')],
    ],
    [
      'the same of one that is assigned in the rule, and of one that a function makes',
      'deny contains finding if {\n\tfinding := {"msg": "x", "fix": "y"}\n}\n\ndeny contains f("x")\n\nf(x) := {"text": x}',
      [
        expect.stringMatching(/^p\.rego:9:26: `fix` of a finding is not read \(did you mean remediation\?\)/),
        expect.stringMatching(/^p\.rego:14:10: `text` of a finding is not read \(did you mean msg\?\)/),
      ],
    ],
    [
      'nothing of one whose keys show only when it runs',
      'deny contains object.union({"msg": "x"}, {"id": "y"})\n\nwarn contains {key: "x" | some key in ["msg"]}',
      [],
    ],
    ['nothing of one that is right', 'deny contains {"msg": "x", "id": "a", "container": "c", "cves": ["CVE-1"], "remediation": "y"}', []],
  ];
  const all = toldOfAll(cases.map(([, rules]) => policyOf(rules)));

  it.each(cases)('%s', async (_, rules, expected) => {
    expect((await all())(policyOf(rules))).toEqual(expected);
  });
});

describe('of a format, policy check says', () => {
  const cases: readonly (readonly [what: string, args: string, expected: readonly RegExp[]])[] = [
    ['that the engine has no such form though opa has', '"%x", [1.5]', [/%x of a fraction is not supported: OPA writes %x, the engine stops there/]],
    ['that a width is out of reach', '"%2000d", [1]', [/a width or precision over 1000 is not supported/]],
    ['that there is no such verb', '"%y", [input.review.name]', [/%y does not fit what it is given and writes %!y\(/]],
    ['that a number is no text', '"%s", [5]', [/%s does not fit what it is given and writes %!s\(int/]],
    ['that a percent sign must be doubled', '"100 %", []', [/a lone % .*\(write %% for a percent sign\)/]],
    ['that a value is missing', '"%s %s", [input.review.name]', [/asks for more than the 1 value it is given/]],
    ['that a value is too many', '"%s", ["a", "b"]', [/asks for fewer than the 2 values it is given/]],
    ['that a set has no order in the engine', '"%s", [concat(", ", {name | name := input.review.user.groups[_]})]', [/a set has no order in the engine.*sort/]],
    ['nothing of what is right', '"%s %v %d %5.2f %q %% %*d", ["a", {"b": null}, 1, 1.5, "x", 3, 4]', []],
    ['nothing of what may be right', '"%d %s %x", [count(input.images), input.review.namespace, input.review.name]', []],
    ['nothing of values that come from elsewhere', '"%s %s", input.review.user.groups', []],
  ];
  // Samples must not reach them: what is asked here is what can be read.
  const ofFormat = (args: string): string => policyOf(`deny contains sprintf(${args}) if input.review.namespace == "x"`);
  const all = toldOfAll(cases.map(([, args]) => ofFormat(args)));

  it.each(cases)('%s', async (_, args, expected) => {
    expect((await all())(ofFormat(args))).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});

describe('of METADATA, policy check says', () => {
  const rule = 'package policies.p\n\ndeny contains "x"\n';
  const cases: readonly (readonly [what: string, metadata: string, expected: readonly RegExp[]])[] = [
    ['that they are missing, as advice', '', [/^p\.rego:1:1: advice: the policy has no METADATA/]],
    ['that the word is misspelt', '# metadata\n# title: x\n', [/^p\.rego:1:1: `# metadata` is a comment like any other \(write `# METADATA`\)/]],
    ['that there is no such key', '# METADATA\n# titel: x\n', [/^p\.rego:2:3: METADATA have no key titel, so it is not read \(did you mean title\?\)/]],
    ['what belongs below custom', '# METADATA\n# severity: high\n', [/^p\.rego:2:3: METADATA have no key severity.*\(write it below `custom:`\)/]],
    [
      'what a key of ours is called',
      '# METADATA\n# custom:\n#   sevrity: high\n',
      [/^p\.rego:3:5: advice: custom\.sevrity is not read \(did you mean severity\?\)/],
    ],
    [
      'which severities there are',
      '# METADATA\n# custom:\n#   severity: dire\n',
      [/^p\.rego:3:15: advice: custom\.severity is one of critical, high, medium, low/],
    ],
    ['which modes there are', '# METADATA\n# custom:\n#   mode: wran\n', [/^p\.rego:3:11: custom\.mode .*must be one of enforce, warn, off/]],
    ['that a mode is no boolean', '# METADATA\n# custom:\n#   mode: false\n', [/^p\.rego:3:11: custom\.mode .*must be one of enforce, warn, off/]],
    ["nothing of keys that are the author's own", '# METADATA\n# title: x\n# custom:\n#   ticket: OPS-1\n#   severity: low\n', []],
  ];
  const all = toldOfAll(cases.map(([, text]) => text + rule));

  it.each(cases)('%s', async (_, text, expected) => {
    expect((await all())(text + rule)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });
});

describe('of names, policy check says', () => {
  const cases: readonly (readonly [what: string, rules: string, expected: readonly RegExp[]])[] = [
    ['that nothing asks for a rule', 'deny contains "x"\n\ndenied contains "y"', [/^p\.rego:10:1: nothing asks for the rule denied.*\(did you mean deny\?\)/]],
    ['what becomes of allow', 'deny contains "x"\n\nallow if input.review.namespace == "x"', [/nothing asks for the rule allow.*turn it round/]],
    [
      'which library is to be imported',
      'deny contains "x" if startswith(images.describe(input.images[0]), "a")',
      [/undefined function images\.describe.*\(write `import data\.lib\.images` below the package\)/],
    ],
    ['which builtin is meant', 'deny contains "x" if starts_with("a", "b")', [/undefined function starts_with.*\(did you mean startswith\?\)/]],
    [
      'what to use instead of a builtin',
      'deny contains "x" if io.jwt.decode("a")[0].alg == "b"',
      [/undefined function io\.jwt\.decode.*signatures are verified before the policies/],
    ],
    ['nothing of a helper that the policy uses itself', 'deny contains text if some text in denials\n\ndenials contains "x"', []],
  ];
  const all = toldOfAll(
    cases.map(([, rules]) => policyOf(rules)),
    { 'lib/images.rego': 'package lib.images\n\ndescribe(image) := image.written\n' },
  );

  it.each(cases)('%s', async (_, rules, expected) => {
    expect((await all())(policyOf(rules))).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it('how a variable gets a value', async () => {
    expect(await told({ 'p.rego': policyOf('deny contains "x" if nam == "b"') })).toEqual([
      expect.stringMatching(/var nam is unsafe \(nothing gives nam a value/),
    ]);
  });

  it('where helpers and policies belong', async () => {
    const files = {
      'p.rego': policyOf('deny contains "x"'),
      'lib.rego': 'package lib.x\n\ndeny contains "x"\n',
      'other.rego': 'package admission\n\ndeny contains "x"\n',
      'util.rego': 'package util\n\nf(x) := x\n',
    };
    expect(await told(files)).toEqual([
      expect.stringMatching(/^lib\.rego:3:1: deny in the package lib\.x is never asked for/),
      expect.stringMatching(/^other\.rego:1:1: .*\(write `package policies\.other`\)/),
      expect.stringMatching(/^util\.rego:1:1: the package util is neither.*\(write `package lib\.util`\)/),
    ]);
  });
});

it('advises against what nothing uses', async () => {
  expect(await told({ 'p.rego': policyOf('import data.lib.x\n\ndeny contains "x" if input.review.namespace == "y"'), 'x.rego': 'package lib.x\n' })).toEqual([
    expect.stringMatching(/^p\.rego:8:1: advice: import data\.lib\.x unused/),
  ]);
});

it('looks at what is written even where opa stops at a fault before', async () => {
  expect(await told({ 'p.rego': policyOf('deny contains {"message": "x"} if http.send({}).status_code == 1') })).toEqual([
    expect.stringContaining('`message` of a finding'),
    expect.stringContaining('undefined function http.send'),
  ]);
});
