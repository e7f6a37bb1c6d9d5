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

const metadata = '# METADATA\n# title: A title\n# custom:\n#   severity: high\n#   remediation: Do this.\n';
const policy = (rules: string, more: Readonly<Record<string, string>> = {}) => told({ 'p.rego': `${metadata}package policies.p\n\n${rules}\n`, ...more });
/** The first line of the rules of `policy`. */
const line = 8;

describe('of a finding, policy check says', () => {
  it.each([
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
  ])('%s', async (_, rules, expected) => {
    expect(await policy(rules)).toEqual(expected);
  });

  it('the same of one that is assigned in the rule, and of one that a function makes', async () => {
    expect(await policy('deny contains finding if {\n\tfinding := {"msg": "x", "fix": "y"}\n}\n\ndeny contains f("x")\n\nf(x) := {"text": x}')).toEqual([
      expect.stringMatching(/^p\.rego:9:26: `fix` of a finding is not read \(did you mean remediation\?\)/),
      expect.stringMatching(/^p\.rego:14:10: `text` of a finding is not read \(did you mean msg\?\)/),
    ]);
  });

  it('nothing of one whose keys show only when it runs', async () => {
    expect(await policy('deny contains object.union({"msg": "x"}, {"id": "y"})\n\nwarn contains {key: "x" | some key in ["msg"]}')).toEqual([]);
  });
});

describe('of a format, policy check says', () => {
  const format = (args: string) => policy(`deny contains sprintf(${args}) if input.review.namespace == "x"`);

  it.each([
    ['that the engine has no such form though opa has', '"%x", [1.5]', /%x of a fraction is not supported: OPA writes %x, the engine stops there/],
    ['that a width is out of reach', '"%2000d", [1]', /a width or precision over 1000 is not supported/],
    ['that there is no such verb', '"%y", [input.review.name]', /%y does not fit what it is given and writes %!y\(/],
    ['that a number is no text', '"%s", [5]', /%s does not fit what it is given and writes %!s\(int/],
    ['that a percent sign must be doubled', '"100 %", []', /a lone % .*\(write %% for a percent sign\)/],
    ['that a value is missing', '"%s %s", [input.review.name]', /asks for more than the 1 value it is given/],
    ['that a value is too many', '"%s", ["a", "b"]', /asks for fewer than the 2 values it is given/],
  ])('%s', async (_, args, expected) => {
    expect(await format(args)).toEqual([expect.stringMatching(expected)]);
  });

  it('nothing of what is right, whatever the values turn out to be', async () => {
    expect(await format('"%s %v %d %5.2f %q %% %[1]v %*d", ["a", {"b": null}, 1, 1.5, "x", 3, 4]')).toEqual([]);
    expect(await format('"%d %s %x", [count(input.images), input.review.namespace, input.review.name]')).toEqual([]);
  });
});

describe('of METADATA, policy check says', () => {
  it.each([
    ['that they are missing, as advice', 'package policies.p\n\ndeny contains "x"\n', [/^p\.rego:1:1: advice: the policy has no METADATA/]],
    [
      'that the word is misspelt',
      '# metadata\n# title: x\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:1:1: `# metadata` is a comment like any other \(write `# METADATA`\)/],
    ],
    [
      'that there is no such key',
      '# METADATA\n# titel: x\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:2:3: METADATA have no key titel, so it is not read \(did you mean title\?\)/],
    ],
    [
      'what belongs below custom',
      '# METADATA\n# severity: high\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:2:3: METADATA have no key severity.*\(write it below `custom:`\)/],
    ],
    [
      'what a key of ours is called',
      '# METADATA\n# custom:\n#   sevrity: high\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:3:5: advice: custom\.sevrity is not read \(did you mean severity\?\)/],
    ],
    [
      'which modes there are',
      '# METADATA\n# custom:\n#   mode: wran\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:3:11: custom\.mode must be one of enforce, warn, off \(did you mean warn\?\)|^p\.rego:3:11: custom\.mode of policy p/],
    ],
    ['that a mode must not be a boolean', '# METADATA\n# custom:\n#   mode: false\npackage policies.p\n\ndeny contains "x"\n', [/^p\.rego:3:11: custom\.mode/]],
    [
      'which severities there are',
      '# METADATA\n# custom:\n#   severity: dire\npackage policies.p\n\ndeny contains "x"\n',
      [/^p\.rego:3:15: advice: custom\.severity is one of critical, high, medium, low/],
    ],
  ])('%s', async (_, text, expected) => {
    expect(await told({ 'p.rego': text })).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it("nothing of keys that are the author's own", async () => {
    expect(
      await told({ 'p.rego': '# METADATA\n# title: x\n# custom:\n#   ticket: OPS-1\n#   severity: low\npackage policies.p\n\ndeny contains "x"\n' }),
    ).toEqual([]);
  });
});

describe('of names, policy check says', () => {
  it.each([
    ['that nothing asks for a rule', 'deny contains "x"\n\ndenied contains "y"', [/^p\.rego:10:1: nothing asks for the rule denied.*\(did you mean deny\?\)/]],
    ['what becomes of allow', 'deny contains "x"\n\nallow if input.review.namespace == "x"', [/nothing asks for the rule allow.*turn it round/]],
    [
      'which library is to be imported',
      'deny contains "x" if some i in input.images; images.describe(i) == ""',
      [/undefined function images\.describe.*\(write `import data\.lib\.images` below the package\)|images.*import data\.lib\.images/],
    ],
    ['which builtin is meant', 'deny contains "x" if starts_with("a", "b")', [/undefined function starts_with.*\(did you mean startswith\?\)/]],
    [
      'what to use instead of a builtin',
      'deny contains "x" if io.jwt.decode("a")[0].alg == "b"',
      [/undefined function io\.jwt\.decode.*signatures are verified before the policies/],
    ],
    ['how a variable gets a value', 'deny contains "x" if nam == "b"', [/var nam is unsafe \(nothing gives nam a value/]],
  ])('%s', async (_, rules, expected) => {
    const library = { 'lib/images.rego': 'package lib.images\n\ndescribe(image) := image.written\n' };
    expect(await policy(rules, library)).toEqual(expected.map((pattern) => expect.stringMatching(pattern)));
  });

  it('nothing of a helper that the policy uses itself', async () => {
    expect(await policy('deny contains text if some text in denials\n\ndenials contains "x"')).toEqual([]);
  });

  it('where helpers and policies belong', async () => {
    const good = { 'p.rego': `${metadata}package policies.p\n\ndeny contains "x"\n` };
    expect(await told({ ...good, 'util.rego': 'package util\n\nf(x) := x\n' })).toEqual([
      expect.stringMatching(/^util\.rego:1:1: the package util is neither.*\(write `package lib\.util`\)/),
    ]);
    expect(await told({ ...good, 'other.rego': 'package admission\n\ndeny contains "x"\n' })).toEqual([
      expect.stringMatching(/^other\.rego:1:1: .*\(write `package policies\.other`\)/),
    ]);
    expect(await told({ ...good, 'lib.rego': 'package lib.x\n\ndeny contains "x"\n' })).toEqual([
      expect.stringMatching(/^lib\.rego:3:1: deny in the package lib\.x is never asked for/),
    ]);
  });
});

it('looks at what is written even where opa stops at a fault before', async () => {
  expect(await policy('deny contains {"message": "x"} if http.send({}).status_code == 1')).toEqual([
    expect.stringContaining('`message` of a finding'),
    expect.stringContaining('undefined function http.send'),
  ]);
});
