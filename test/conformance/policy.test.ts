import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/domain/canonical.ts';
import { hostBuiltins } from '../../src/policy/builtins/index.ts';
import { nativeBuiltins } from '../../src/policy/capabilities.ts';
import { collectorModules } from '../../src/policy/collector.ts';
import { type CompiledPolicies, compilePolicies } from '../../src/policy/compile.ts';
import { Engine, type EngineSet } from '../../src/policy/engine.ts';
import { inputDocument } from '../../src/policy/input.ts';
import { runOpa } from '../../src/policy/opa.ts';
import { sampleQuestions } from '../../src/policy/sample.ts';
import { readSnapshot, withFolder } from '../../src/policy/snapshot.ts';
import { installTool } from '../../tools/install.ts';
import { policyExamples } from '../../tools/policies/examples.ts';
import { expressions, undefinedExpressions } from './policy-expressions.ts';
import { pods } from './policy-pods.ts';

// The same policies and inputs through the real opa and through the Wasm engine: they must say the same.

let opa = '';
/** Parameters for all of the library, whose rules cover the images that are generated. */
const examples = Object.values(policyExamples);
const config: unknown = JSON.parse(
  JSON.stringify({ ...Object.assign({}, ...examples.map(({ data }) => data)), registries: ['registry.example'] }).replaceAll('registry.corp/acme', '**'),
);
const signal = AbortSignal.timeout(120_000);

beforeAll(async () => {
  opa = await installTool('opa');
}, 180_000);

describe('builtins give in Wasm what they give in opa', () => {
  const lines = [...expressions, ...undefinedExpressions].map(
    (expression, i) => `deny contains {"msg": json.marshal(x), "id": "${String(i).padStart(3, '0')}"} if x := ${expression}`,
  );
  const source = `package policies.table\n\nimport data.lib.given\n\n${lines.join('\n')}\n`;
  const given = 'package lib.given\n\nvalues := input.values\n';
  const input = JSON.stringify({ values: { null: null, object: { b: [1, 2], a: { c: null } }, big: 'BIG', text: 'käse "x"\n' } }).replace(
    '"BIG"',
    '12345678901234567890',
  );
  let wasm: ReadonlyMap<string, string> = new Map();
  let real: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    const files = { 'table.rego': source, 'given.rego': given };
    const compiled = await compile(files, false);
    wasm = byId(JSON.parse(evaluate(compiled, input).get('table') ?? 'null'));
    real = byId((await evalOpa(files, ['table'], input)).get('table'));
  }, 60_000);

  it.each(expressions.map((expression, i) => [expression, String(i).padStart(3, '0')]))('%s', (_, id) => {
    expect(real.get(id ?? '')).toBeDefined();
    expect(wasm.get(id ?? '')).toBe(real.get(id ?? ''));
  });

  it.each(undefinedExpressions.map((expression, i) => [expression, String(expressions.length + i).padStart(3, '0')]))('%s is undefined in both', (_, id) => {
    expect(real.get(id ?? '')).toBeUndefined();
    expect(wasm.get(id ?? '')).toBeUndefined();
  });
});

describe('the library says in Wasm what it says in opa', () => {
  it.each(sampleQuestions.map((question, i) => [i, inputDocument(question)] as const))('sample %i', async (_, input) => {
    const snapshot = await readSnapshot('policies');
    if (!snapshot.ok) throw new Error(snapshot.fault.message);
    const files = Object.fromEntries(snapshot.value.files.map((file) => [file.path, file.content.toString('utf8')]));
    const compiled = await compile(files, true);
    const names = compiled.policies.map((policy) => policy.name);
    const real = await evalOpa(files, names, input);
    const wasm = evaluate(compiled, input);
    for (const name of names) expect(sorted(JSON.parse(wasm.get(name) ?? 'null'))).toEqual(sorted(real.get(name)));
  });

  it('says the same on a used instance as on a fresh one', async () => {
    const snapshot = await readSnapshot('policies');
    if (!snapshot.ok) throw new Error(snapshot.fault.message);
    const compiled = await compilePolicies(opa, snapshot.value, signal);
    if (!compiled.ok || !compiled.value.ok) throw new Error('the library does not compile');
    const used = engineOf(compiled.value.value);
    const inputs = sampleQuestions.map((question) => Buffer.from(inputDocument(question)));
    const fresh = inputs.map((input) => engineOf(compiled.ok && compiled.value.ok ? compiled.value.value : never()).evaluate(input, () => {}));
    for (let i = 0; i < 500; i += 1) {
      const which = i % inputs.length;
      expect(used.evaluate(inputs[which] ?? Buffer.alloc(0), () => {})).toEqual(fresh[which]);
    }
  });
});

describe('generated Pods', () => {
  it('are judged by the library in Wasm as in opa', async () => {
    const snapshot = await readSnapshot('policies');
    if (!snapshot.ok) throw new Error(snapshot.fault.message);
    const files = Object.fromEntries(snapshot.value.files.map((file) => [file.path, file.content.toString('utf8')]));
    const compiled = await compile(files, true);
    const names = compiled.policies.map((policy) => policy.name);
    const generated = fc.sample(pods, { numRuns: 150, seed: 20261124 });
    const inputs = [...generated, ...examples.flatMap(({ passes, denied }) => [passes, denied])].map(inputDocument);
    const real = await evalOpaOnAll(files, names, inputs);
    const engine = engineOf(compiled);
    const denied = new Set<string>();
    for (const [i, input] of inputs.entries()) {
      const results = engine.evaluate(Buffer.from(input), () => {});
      for (const [j, name] of names.entries()) {
        const result = results[j];
        if (result === undefined || 'thrown' in result) throw new Error(`${name}: ${result?.thrown ?? 'no result'} for ${input}`);
        expect(sorted(JSON.parse(result.json)), input).toEqual(sorted(real[i]?.[name]));
        for (const { id } of (JSON.parse(result.json) as { deny: { id: string }[] }).deny) denied.add(`${name} ${id}`);
      }
    }
    // The generator reaches what matters: every denial of those in force, and every policy.
    expect(names.filter((name) => ![...denied].some((each) => each.startsWith(`${name} `)))).toEqual([]);
    expect([...denied].sort()).toEqual(
      expect.arrayContaining([
        'latest latest',
        'pinned not-pinned',
        'registries not-approved',
        'scanned incomplete',
        'scanned severe',
        'scanned unscanned',
        'signed rejected',
        'signed unknown',
        'signed unreadable',
        'signed unresolved',
        'signed unsigned',
      ]),
    );
    expect([...denied].filter((each) => each.endsWith(' parameter'))).toEqual([]);
  }, 60_000);
});

describe('the list of native builtins', () => {
  it('names only what opa compiles into Wasm, and what the host supplies is really asked of it', async () => {
    const capabilities = await runOpa(opa, ['capabilities', '--current'], '/', signal);
    if (!capabilities.ok) throw new Error(capabilities.fault.message);
    const all = JSON.parse(capabilities.value.stdout) as { builtins: { name: string; infix?: string; decl: { args?: unknown[] } }[] };
    const special = new Set(['print', 'trace', 'walk', 'rego.metadata.chain', 'rego.metadata.rule']);
    const callable = all.builtins.filter(({ name, infix }) => infix === undefined && !name.startsWith('internal.') && !special.has(name));
    const wanted = callable.filter(({ name }) => nativeBuiltins.has(name) || Object.hasOwn(hostBuiltins, name));
    const rules = wanted.map(
      ({ name, decl }) => `deny contains ["${name}", x] if x := ${name}(${(decl.args ?? []).map((_, i) => `data.given.a${i}`).join(', ')})`,
    );
    const asked = await withFolder([{ path: 'all.rego', content: `package policies.all\n\n${rules.join('\n')}\n` }], async (folder) => {
      const built = await runOpa(opa, ['build', '-t', 'wasm', '-b', '-e', 'policies/all', '-o', 'b.tar.gz', '.'], folder, signal);
      if (!built.ok || built.value.code !== 0) throw new Error(built.ok ? built.value.stderr : built.fault.message);
      const { readTarGz } = await import('../../src/policy/tar.ts');
      const files = await readTarGz(await readFile(join(folder, 'b.tar.gz')), 64 * 1024 * 1024);
      if (!files.ok) throw new Error(files.fault.message);
      return hostNames(files.value.get('policy.wasm') ?? Buffer.alloc(0));
    });
    expect([...asked].sort()).toEqual(Object.keys(hostBuiltins).sort());
    expect(wanted.length).toBeGreaterThan(80);
  });
});

function never(): never {
  throw new Error('unreachable');
}

async function compile(files: Readonly<Record<string, string>>, typed: boolean): Promise<CompiledPolicies> {
  const sources = Object.entries(files).map(([path, content]) => ({
    path,
    content: Buffer.from(typed ? content : content.replace('values := input.values', untyped)),
  }));
  const compiled = await compilePolicies(opa, { files: sources, folders: [], hash: '' }, signal);
  if (!compiled.ok) throw new Error(compiled.fault.message);
  if (!compiled.value.ok) throw new Error(JSON.stringify(compiled.value.problems));
  return compiled.value.value;
}

/** Reads a member of the input that the schema doesn't have, by a name that isn't known when types are checked. */
const untyped = 'values := object.get(input, concat("", ["val", "ues"]), null)';

function engineOf(compiled: CompiledPolicies): Engine {
  const set: EngineSet = {
    module: new WebAssembly.Module(compiled.wasm),
    data: new Uint8Array(Buffer.from(JSON.stringify({ ...compiled.data, config }))).buffer,
    policies: compiled.policies.map((policy) => policy.name),
    memoryPages: 2048,
  };
  return new Engine(set);
}

function evaluate(compiled: CompiledPolicies, input: string): ReadonlyMap<string, string> {
  const results = engineOf(compiled).evaluate(Buffer.from(input), () => {});
  return new Map(
    compiled.policies.map((policy, i) => {
      const result = results[i];
      if (result === undefined || 'thrown' in result) throw new Error(`${policy.name}: ${result?.thrown ?? 'no result'}`);
      return [policy.name, result.json];
    }),
  );
}

async function evalOpa(files: Readonly<Record<string, string>>, names: readonly string[], input: string): Promise<ReadonlyMap<string, unknown>> {
  const all = [
    ...Object.entries(files).map(([path, content]) => ({ path: `p/${path}`, content })),
    ...collectorModules(names.map((name) => ({ name, files: [] }))).map(({ path, content }) => ({ path: `p/${path}`, content })),
    { path: 'p/data.json', content: JSON.stringify({ config }) },
    { path: 'input.json', content: input },
  ];
  return withFolder(all, async (folder) => {
    const run = await runOpa(opa, ['eval', '-b', 'p', '-i', 'input.json', '--format=json', 'data.tidewaiter.collector'], folder, signal);
    if (!run.ok) throw new Error(run.fault.message);
    const parsed = JSON.parse(run.value.stdout) as { result?: { expressions: { value: Record<string, unknown> }[] }[]; errors?: unknown };
    const value = parsed.result?.[0]?.expressions[0]?.value;
    if (value === undefined) throw new Error(JSON.stringify(parsed.errors));
    return new Map(Object.entries(value));
  });
}

/** The value of the collector for each of many inputs, in one run of opa. */
async function evalOpaOnAll(
  files: Readonly<Record<string, string>>,
  names: readonly string[],
  inputs: readonly string[],
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const all = [
    ...Object.entries(files).map(([path, content]) => ({ path: `p/${path}`, content })),
    ...collectorModules(names.map((name) => ({ name, files: [] }))).map(({ path, content }) => ({ path: `p/${path}`, content })),
    { path: 'p/data.json', content: `{"config": ${JSON.stringify(config)}, "given": [${inputs.join(',')}]}` },
  ];
  return withFolder(all, async (folder) => {
    const query = '[x | some i; given := data.given[i]; x := data.tidewaiter.collector with input as given]';
    const run = await runOpa(opa, ['eval', '-b', 'p', '--format=json', query], folder, signal);
    if (!run.ok) throw new Error(run.fault.message);
    const parsed = JSON.parse(run.value.stdout) as { result?: { expressions: { value: Record<string, unknown>[] }[] }[]; errors?: unknown };
    const value = parsed.result?.[0]?.expressions[0]?.value;
    if (value === undefined) throw new Error(JSON.stringify(parsed.errors));
    return value;
  });
}

function byId(result: unknown): ReadonlyMap<string, string> {
  const { deny } = result as { deny: { id: string; msg: string }[] };
  return new Map(deny.map(({ id, msg }) => [id, comparable(msg)]));
}

/** Members of objects come in any order, and 1.50 is 1.5; the text is kept where JSON.parse would round. */
function comparable(json: string): string {
  return /[0-9]{16}/.test(json) ? json : canonicalJson(JSON.parse(json));
}

function sorted(result: unknown): unknown {
  return Object.fromEntries(Object.entries(result as Record<string, unknown[]>).map(([key, items]) => [key, items.map(canonicalJson).sort()]));
}

/** Names of the builtins that a module asks the host for. */
function hostNames(wasm: Buffer): readonly string[] {
  const memory = new WebAssembly.Memory({ initial: 64, maximum: 64 });
  const nothing = (): number => 0;
  const names = ['opa_abort', 'opa_println', 'opa_builtin0', 'opa_builtin1', 'opa_builtin2', 'opa_builtin3', 'opa_builtin4'];
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory, ...Object.fromEntries(names.map((name) => [name, nothing])) } });
  const { builtins, opa_json_dump: dump } = exports as { builtins: () => number; opa_json_dump: (address: number) => number };
  const bytes = Buffer.from(memory.buffer);
  const start = dump(builtins());
  return Object.keys(JSON.parse(bytes.toString('utf8', start, bytes.indexOf(0, start))) as object);
}
