/** The library of policies: what its METADATA say, and how its policies judge in the real engine. */
import { join } from 'node:path';
import { z } from 'zod';
import type { Finding, Question } from '../../src/domain/decision.ts';
import type { JsonObject } from '../../src/domain/json.ts';
import { type CompiledPolicies, compilePolicies } from '../../src/policy/compile.ts';
import { Engine } from '../../src/policy/engine.ts';
import { readFindings } from '../../src/policy/findings.ts';
import { inputDocument } from '../../src/policy/input.ts';
import { runOpa } from '../../src/policy/opa.ts';
import { makeSet } from '../../src/policy/set.ts';
import { readSnapshot } from '../../src/policy/snapshot.ts';
import { installTool } from '../install.ts';

export const libraryFolder = join(import.meta.dirname, '..', '..', 'policies');

const text = z.string().min(1);
const field = z.strictObject({
  name: text,
  type: text,
  meaning: text,
  default: text.optional(),
  required: z.boolean().optional(),
});
const parameter = field.extend({
  /** Where it is configured, if not under the policy's own name. */
  at: text.optional(),
  fields: z.array(field).optional(),
});
const written = z.strictObject({
  title: text,
  description: text,
  scope: z.literal('package'),
  custom: z.strictObject({
    severity: z.enum(['critical', 'high', 'medium', 'low']),
    remediation: text,
    mode: z.enum(['warn', 'off']).optional(),
    parameters: z.array(parameter).optional(),
  }),
});
const inspected = z.object({ annotations: z.array(z.object({ path: z.array(z.object({ value: z.string() })), annotations: z.unknown() })) });

export type Parameter = z.infer<typeof parameter>;
export type ParameterField = z.infer<typeof field>;

/** A policy, as its METADATA describe it; strictly read, so that a misspelt key is found. */
export interface LibraryPolicy {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly severity: string;
  readonly remediation: string;
  readonly mode: 'enforce' | 'warn' | 'off';
  readonly parameters: readonly Parameter[];
}

export async function readLibrary(): Promise<readonly LibraryPolicy[]> {
  const run = await runOpa(await installTool('opa'), ['inspect', '-a', '--format=json', '.'], libraryFolder, AbortSignal.timeout(60_000));
  if (!run.ok) throw new Error(run.fault.message);
  const policies: LibraryPolicy[] = [];
  for (const { path, annotations } of inspected.parse(JSON.parse(run.value.stdout)).annotations) {
    const [, root, name] = path.map(({ value }) => value);
    if (root !== 'policies' || name === undefined || path.length !== 3) continue;
    const read = written.safeParse(annotations);
    if (!read.success) throw new Error(`METADATA of policy ${name}: ${z.prettifyError(read.error)}`);
    const { title, description, custom } = read.data;
    const { severity, remediation, mode = 'enforce', parameters = [] } = custom;
    policies.push({ name, title, description: description.trim(), severity, remediation, mode, parameters });
  }
  return policies.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export interface Judge {
  /** What one policy of the library, in force alone, says of a question. */
  judge(policy: string, data: JsonObject, question: Question): Promise<readonly Finding[]>;
}

/** Compiles the library once, into what serve runs. */
export async function openJudge(): Promise<Judge> {
  const snapshot = await readSnapshot(libraryFolder);
  if (!snapshot.ok) throw new Error(snapshot.fault.message);
  const compiled = await compilePolicies(await installTool('opa'), snapshot.value, AbortSignal.timeout(120_000));
  if (!compiled.ok) throw new Error(compiled.fault.message);
  if (!compiled.value.ok) throw new Error(compiled.value.problems.map(({ file, line, message }) => `${file}:${line}: ${message}`).join('\n'));
  const library: CompiledPolicies = compiled.value.value;
  return {
    async judge(policy, data, question) {
      const modes = Object.fromEntries(library.policies.map(({ name }) => [name, name === policy ? ('enforce' as const) : ('off' as const)]));
      const set = await makeSet(library, { required: [policy], modes, data });
      if (!set.ok) throw new Error(set.fault.message);
      const results = new Engine(set.value.engine).evaluate(Buffer.from(inputDocument(question)), () => {});
      return readFindings(set.value.running, results);
    },
  };
}
