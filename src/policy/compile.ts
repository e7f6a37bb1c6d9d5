import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { isObject, type JsonObject, property } from '../domain/json.ts';
import { capabilitiesOf } from './capabilities.ts';
import { collectorFolder, collectorModules, entrypoint } from './collector.ts';
import { isUndefinedReference, readOpaErrors } from './diagnose.ts';
import { noMetadata, type PolicyMetadata, readMetadata } from './metadata.ts';
import { type OpaRun, runOpa } from './opa.ts';
import { type DeclaredPolicy, describeProblem, findPolicies, type PolicyProblem } from './rules.ts';
import { inputSchema, narrowInputSchema } from './schema.ts';
import { isTestFile, type PolicyFile, type Snapshot, withFolder } from './snapshot.ts';
import { readTarGz } from './tar.ts';

/** A policy with what its files say about it. */
export interface CompiledPolicy extends DeclaredPolicy {
  readonly metadata: PolicyMetadata;
}

/** Policies ready for the engine. */
export interface CompiledPolicies {
  readonly policies: readonly CompiledPolicy[];
  readonly wasm: Buffer;
  /** Of the folder's data files; it never has `config`, `policies` or `tidewaiter`. */
  readonly data: JsonObject;
  /** Hex SHA-256 of the sources. */
  readonly hash: string;
}

/** Either the compiled policies, or every problem that stands in the way. */
export type Compilation = { readonly ok: true; readonly value: CompiledPolicies } | { readonly ok: false; readonly problems: readonly PolicyProblem[] };

const bundleName = 'bundle.tar.gz';
const longestWasm = 64 * 1024 * 1024;
const knownCapabilities = new Map<string, string>();

/**
 * Checks and compiles a folder of policies with opa: rules that nobody would hear of, types against the input's schema, builtins
 * against what the engine has, then `opa build -t wasm`. The steps run at once, on one snapshot. Fault: INTERNAL when opa can't be run.
 */
export async function compilePolicies(opa: string, snapshot: Snapshot, signal: AbortSignal): Promise<Outcome<Compilation>> {
  const { policies, problems } = findPolicies(snapshot.files);
  if (policies.length === 0 && problems.length === 0) {
    return good({ ok: false, problems: [{ file: '.', line: 0, column: 0, message: 'there is no policy: no file has a package policies.NAME' }] });
  }
  const capabilities = await knownCapabilitiesOf(opa, signal);
  if (!capabilities.ok) return capabilities;
  const enforced = snapshot.files.filter((file) => !isTestFile(file.path));
  const files = [
    ...enforced.map(({ path, content }) => ({ path: join('policies', path), content })),
    ...collectorModules(policies).map(({ path, content }) => ({ path: join('policies', path), content })),
    { path: 'capabilities.json', content: capabilities.value },
    { path: 'schema.json', content: JSON.stringify(inputSchema) },
    { path: 'narrow.json', content: JSON.stringify(narrowInputSchema) },
  ];
  return withFolder(files, (folder) => compileFolder(opa, folder, { policies, problems, libraries: librariesOf(snapshot.files) }, snapshot.hash, signal));
}

/** What the files say they are. */
interface Declared {
  readonly policies: readonly DeclaredPolicy[];
  readonly problems: readonly PolicyProblem[];
  readonly libraries: readonly string[];
}

/** The NAMEs of the packages `lib.NAME`. */
export function librariesOf(files: readonly PolicyFile[]): readonly string[] {
  return files.flatMap(
    ({ path, content }) => /^package\s+lib\.([A-Za-z_][A-Za-z0-9_]*)\s*(?:#.*)?$/m.exec(path.endsWith('.rego') ? content.toString('utf8') : '')?.[1] ?? [],
  );
}

async function compileFolder(
  opa: string,
  folder: string,
  { policies, problems: declared, libraries }: Declared,
  hash: string,
  signal: AbortSignal,
): Promise<Outcome<Compilation>> {
  const run = (...args: readonly string[]): Promise<Outcome<OpaRun>> => runOpa(opa, args, join(folder, 'policies'), signal);
  const check = (...more: readonly string[]) => run('check', '-b', '--format=json', '-m', '100', ...more, '.');
  const entrypoints = policies.flatMap(({ name }) => ['-e', entrypoint(name)]);
  const runs = await Promise.all([
    check('--schema', '../schema.json', '--capabilities', '../capabilities.json'),
    // opa stops at functions that it doesn't know: with all of them it gets to the types.
    check('--schema', '../narrow.json'),
    run('inspect', '-a', '--format=json', '.'),
    run('build', '-t', 'wasm', '-b', '--capabilities', '../capabilities.json', ...entrypoints, '-o', `../${bundleName}`, '.'),
  ]);
  const fault = runs.find((outcome) => !outcome.ok);
  if (fault !== undefined && !fault.ok) return fault;
  const [wide, narrow, inspected, built] = runs.map((outcome) => (outcome.ok ? outcome.value : { code: 1, stdout: '', stderr: '' }));
  if (wide === undefined || narrow === undefined || inspected === undefined || built === undefined) return bad('INTERNAL', 'opa did not run');

  const problems = [...declared, ...checkProblems(wide, narrow, libraries)];
  if (problems.length === 0 && built.code !== 0) problems.push(...buildProblems(built.stderr));
  if (problems.length > 0) return good({ ok: false, problems: inOrder(problems) });
  const bundle = await readTarGz(await readFile(join(folder, bundleName)), longestWasm);
  if (!bundle.ok) return bundle;
  const wasm = bundle.value.get('policy.wasm');
  const data = readData(bundle.value.get('data.json'));
  if (wasm === undefined) return bad('INTERNAL', 'opa built no Wasm');
  if (!data.ok) return good({ ok: false, problems: [{ file: 'data.json', line: 0, column: 0, message: data.message }] });
  const metadata = inspected.code === 0 ? readMetadata(JSON.parse(inspected.stdout)) : new Map<string, PolicyMetadata>();
  const described = policies.map((policy) => ({ ...policy, metadata: metadata.get(policy.name) ?? noMetadata }));
  return good({ ok: true, value: { policies: described, wasm, data: data.value, hash } });
}

/** The errors of both forms of the schema; of the narrow one only what it is for. */
function checkProblems(wide: OpaRun, narrow: OpaRun, libraries: readonly string[]): readonly PolicyProblem[] {
  const problems = wide.code === 0 ? [] : [...readOpaErrors(wide.stderr || wide.stdout, '.', libraries)];
  if (wide.code !== 0 && problems.length === 0) problems.push({ file: '.', line: 0, column: 0, message: 'opa check refuses the policies and gives no reason' });
  const known = new Set(problems.map((problem) => `${problem.file}:${problem.line}:${problem.column}`));
  for (const problem of narrow.code === 0 ? [] : readOpaErrors(narrow.stderr || narrow.stdout, '.', libraries)) {
    if (isUndefinedReference(problem) && !known.has(`${problem.file}:${problem.line}:${problem.column}`)) problems.push(problem);
  }
  return problems;
}

/** `opa build` writes its errors as text: `FILE:LINE: CODE: MESSAGE`. */
function buildProblems(output: string): readonly PolicyProblem[] {
  const problems = [...output.matchAll(/^(?:error: )?(?:\d+ errors? occurred: ?)?(\S+\.rego):(\d+): (.+)$/gm)].map(
    ([, file = '', line = '0', message = '']) => ({
      file,
      line: Number(line),
      column: 1,
      message,
    }),
  );
  return problems.length > 0 ? problems : [{ file: '.', line: 0, column: 0, message: `opa build: ${output.trim().slice(0, 500)}` }];
}

function readData(content: Buffer | undefined): { readonly ok: true; readonly value: JsonObject } | { readonly ok: false; readonly message: string } {
  const parsed: unknown = JSON.parse(content?.toString('utf8') ?? '{}');
  if (!isObject(parsed)) return { ok: true, value: {} };
  const taken = ['config', 'policies', 'tidewaiter'].find((key) => property(parsed, key) !== undefined);
  if (taken !== undefined) return { ok: false, message: `data files must not have ${taken}: data.config comes from the configuration (policy.data)` };
  return { ok: true, value: parsed as JsonObject };
}

async function knownCapabilitiesOf(opa: string, signal: AbortSignal): Promise<Outcome<string>> {
  const known = knownCapabilities.get(opa);
  if (known !== undefined) return good(known);
  const found = await capabilitiesOf(opa, signal);
  if (found.ok) knownCapabilities.set(opa, found.value);
  return found;
}

/** In order of file and line; those of modules that were generated only where there are no others. */
export function inOrder(problems: readonly PolicyProblem[]): readonly PolicyProblem[] {
  const authors = problems.filter((problem) => !problem.file.startsWith(`${collectorFolder}/`));
  const kept = authors.length > 0 ? authors : problems;
  return [...kept].sort((a, b) => (a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1));
}

/** The problems as one sentence, for a fault. */
export function describeProblems(problems: readonly PolicyProblem[]): string {
  const shown = problems.slice(0, 5).map(describeProblem).join('; ');
  return problems.length > 5 ? `${shown}; and ${problems.length - 5} more` : shown;
}
