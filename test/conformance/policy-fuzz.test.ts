import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/domain/canonical.ts';
import type { Finding } from '../../src/domain/decision.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { Engine } from '../../src/policy/engine.ts';
import { readFindings } from '../../src/policy/findings.ts';
import type { PolicyFile } from '../../src/policy/snapshot.ts';
import { judgeWithOpa } from '../../src/policy/testing/judgeWithOpa.ts';
import { installTool } from '../../tools/install.ts';

const opa = await installTool('opa');
const signal = new AbortController().signal;

const word = fc.oneof(
  fc.constantFrom('', 'a', 'shop', 'latest', '1', 'nginx:1.27', '%s', '"', '\\', '\u202e', 'é', '😀'),
  fc.string({ unit: 'binary-ascii', maxLength: 6 }),
);
const quoted = word.map((text) => JSON.stringify(text));
const number = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constantFrom(0.5, 1e21, 9007199254740991, -0.1)).map(String);
const text = fc.oneof(
  quoted,
  fc.constantFrom(
    'input.review.namespace',
    'input.review.operation',
    'image.written',
    'image.container',
    'data.config.word',
    'sprintf("%v", [image])',
    'concat("-", sort({image.written, "z"}))',
  ),
);
const whole = fc.oneof(
  number,
  fc.constantFrom('count(input.images)', 'count(image.signatures)', 'to_number(image.written)', 'count(image.written)', 'indexof(image.written, "a")'),
);
const anything = fc.oneof(
  text,
  whole,
  fc.constantFrom(
    'null',
    'true',
    'image',
    'input.review.owner',
    'image.reference.tag',
    'image.reference.digest',
    'input.review.labels',
    '[]',
    'set()',
    'data.config',
  ),
);
const verb = fc.constantFrom('%s', '%d', '%v', '%q', '%x', '%5.2f', '%t', '%%', '%', '%[1]v', '%08d', '%T', '%e');
const format = fc.array(fc.oneof(verb, word), { maxLength: 4 }).map((parts) => JSON.stringify(parts.join('')));
const comparison = fc.constantFrom('==', '!=', '<', '>=');

const condition = fc.oneof(
  fc.tuple(anything, comparison, anything).map((parts) => parts.join(' ')),
  fc.tuple(fc.constantFrom('startswith', 'contains', 'endswith'), text, text).map(([name, a, b]) => `${name}(${a}, ${b})`),
  fc.tuple(text, text).map(([a, b]) => `not ${a} == ${b}`),
  fc.tuple(anything).map(([a]) => `f(${a}) == 1`),
  fc.tuple(anything).map(([a]) => `some x in [${a}, "x"]; x != "y"`),
  fc.tuple(whole).map(([a]) => `every n in numbers.range(0, 3) { n != ${a} }`),
  fc.tuple(format, fc.array(anything, { maxLength: 3 })).map(([f, args]) => `sprintf(${f}, [${args.join(', ')}]) != ""`),
  fc.constantFrom(
    'time.parse_rfc3339_ns(input.now) > 0',
    'semver.compare(image.written, "1.0.0") > 0',
    'units.parse(image.written) > 1',
    'regex.match("^[a-z]+$", image.written)',
    'object.get(image, "pinned", 1) == true',
    'rule == 1',
  ),
);

const finding = fc.oneof(
  { weight: 3, arbitrary: text },
  { weight: 3, arbitrary: fc.tuple(text, text).map(([msg, id]) => `{"msg": ${msg}, "id": ${id}}`) },
  { weight: 2, arbitrary: fc.tuple(format, fc.array(anything, { maxLength: 3 })).map(([f, args]) => `sprintf(${f}, [${args.join(', ')}])`) },
  anything,
  anything.map((value) => `{"msg": ${value}, "cves": ${value}}`),
  anything.map((value) => `{"mesg": ${value}}`),
);

const rule = fc
  .tuple(fc.constantFrom('deny', 'deny', 'warn'), finding, fc.array(condition, { maxLength: 3 }))
  .map(([name, said, conditions]) => `${name} contains ${said} if {\n\t${['some image in input.images', ...conditions].join('\n\t')}\n}`);

/** `f` and `rule` may come to two values at once: then evaluating them is an error, in opa as in the engine. */
const policy = fc
  .tuple(fc.array(rule, { minLength: 1, maxLength: 3 }), condition, condition)
  .map(([rules, one, two]) =>
    [
      ...rules,
      'f(x) := 1 if x != null',
      'f(x) := 2 if x == ""',
      `rule := 1 if {\n\tsome image in input.images\n\t${one}\n}`,
      `rule := 2 if {\n\tsome image in input.images\n\t${two}\n}`,
    ].join('\n\n'),
  );

const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | null> => fc.option(value, { nil: null });
const image = fc.record({
  container: word,
  written: fc.oneof(word, fc.constantFrom('2.0.0', '10Mi', 'abc')),
  pinned: fc.boolean(),
  reference: maybe(fc.record({ registry: word, repository: word, tag: maybe(word), digest: maybe(word) })),
  signatures: fc.array(fc.record({ signer: word }), { maxLength: 2 }),
});
const input = fc.record({
  version: fc.constant(1),
  now: fc.constantFrom('2026-11-24T20:00:00Z', 'nonsense'),
  review: fc.record({
    namespace: word,
    operation: fc.constantFrom('CREATE', 'UPDATE'),
    labels: fc.dictionary(word, word, { maxKeys: 3 }),
    owner: maybe(fc.record({ kind: word, name: word })),
  }),
  images: fc.array(image, { maxLength: 3 }),
});

const runs = 2;
const inputsEach = 8;

/** One that always denies, and one that always fails. */
const fixed = ['deny contains "always"', 'x := 1 if input.version == 1\n\nx := 2 if input.review.operation != ""\n\ndeny contains "never" if x == 3'];

/** Those of the policies that opa takes, each in a file of its own. */
async function compilable(texts: readonly string[]): Promise<readonly PolicyFile[]> {
  let files = texts.map((rules, i) => ({ path: `p${i}.rego`, content: Buffer.from(`package policies.p${i}\n\n${rules}\n`) }));
  for (let round = 0; round < 12 && files.length > 0; round += 1) {
    const compiled = await compilePolicies(opa, { files, folders: [], hash: '' }, signal);
    if (!compiled.ok) throw new Error(compiled.fault.message);
    if (compiled.value.ok) return files;
    const bad = new Set(compiled.value.problems.map(({ file }) => file));
    const kept = files.filter(({ path }) => !bad.has(path));
    if (kept.length === files.length) throw new Error(JSON.stringify(compiled.value.problems));
    files = kept;
  }
  return [];
}

function messages(findings: readonly Finding[]): string {
  return canonicalJson(findings.map(({ effect, msg }) => `${effect} ${msg}`).sort());
}

describe('generated policies', () => {
  it('say of generated inputs in the engine what they say in opa, and never nothing where opa has something', async () => {
    let judged = 0;
    let spoke = 0;
    let failed = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(policy, { minLength: 20, maxLength: 20 }),
        fc.array(input, { minLength: inputsEach, maxLength: inputsEach }),
        async (texts, inputs) => {
          const files = await compilable([...fixed, ...texts]);
          const compiled = await compilePolicies(opa, { files, folders: [], hash: '' }, signal);
          if (!compiled.ok || !compiled.value.ok) throw new Error('what compiled does not compile');
          const { policies, wasm } = compiled.value.value;
          const config = { word: 'here' };
          const data = new Uint8Array(Buffer.from(JSON.stringify({ config }))).buffer;
          const engine = new Engine({ module: new WebAssembly.Module(wasm), data, policies: policies.map(({ name }) => name), memoryPages: 2048 });
          const documents = inputs.map((one) => canonicalJson(one));
          const fixtures = documents.flatMap((document) => policies.map(({ name }) => ({ policy: name, input: document, config: JSON.stringify(config) })));
          const byOpa = await judgeWithOpa(files, fixtures, opa, signal);
          if (!byOpa.ok) throw new Error(byOpa.fault.message);
          for (const [i, document] of documents.entries()) {
            const results = engine.evaluate(Buffer.from(document), () => {});
            for (const [j, one] of policies.entries()) {
              const theirs = byOpa.value.get(fixtures[i * policies.length + j] ?? { policy: '', input: '', config: null });
              const result = results[j];
              const readable = [{ name: one.name, mode: 'enforce', files: one.files, metadata: one.metadata } as const];
              const ours = readFindings(readable, result === undefined ? [] : [result]);
              const told = `${files.find(({ path }) => path === `${one.name}.rego`)?.content.toString()}\n${document}\n${JSON.stringify(result)}\n${JSON.stringify(theirs)}`;
              judged += 1;
              spoke += ours.length > 0 ? 1 : 0;
              if (theirs === undefined || 'failed' in theirs) {
                failed += 1;
                expect(
                  ours.some(({ effect, msg }) => effect === 'deny' && msg.includes('could not be evaluated')),
                  told,
                ).toBe(true);
              } else if (result !== undefined && 'thrown' in result) {
                // The engine may refuse what opa takes; what it must not do is to be silent.
                expect(result.thrown, told).toMatch(/not supported|longer than/);
                expect(
                  ours.some(({ effect }) => effect === 'deny'),
                  told,
                ).toBe(true);
              } else {
                expect(messages(ours), told).toBe(messages(readFindings(readable, [{ json: JSON.stringify(theirs.value) }])));
              }
            }
          }
        },
      ),
      { numRuns: runs, endOnFailure: true },
    );
    // Beside the fixed ones, generated ones were judged.
    expect(judged).toBeGreaterThan(runs * inputsEach * fixed.length);
    expect(spoke).toBeGreaterThanOrEqual(runs * inputsEach * fixed.length);
    expect(failed).toBeGreaterThanOrEqual(runs * inputsEach);
  }, 120_000);
});
