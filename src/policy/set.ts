import { createHash } from 'node:crypto';
import { canonicalJson } from '../domain/canonical.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { CompiledPolicies, CompiledPolicy } from './compile.ts';
import type { ReadablePolicy } from './findings.ts';
import { type PolicyInfo, type PolicyMode, type PolicyOptions, policyModes } from './options.ts';
import type { PoolSet } from './pool.ts';

/** A set of policies that can be put in force. */
export interface JudgingSet extends PoolSet {
  readonly revision: string;
  /** All of them, those that are off too. */
  readonly infos: readonly PolicyInfo[];
  /** Those that run, in the order of the engine's results. */
  readonly running: readonly ReadablePolicy[];
}

/** What of the options makes a set. */
export type SetOptions = Pick<PolicyOptions, 'required' | 'modes' | 'data' | 'memoryPages'>;

/** Applies modes, required policies and data to what was compiled. Fault: POLICY_BROKEN. */
export async function makeSet(compiled: CompiledPolicies, options: SetOptions): Promise<Outcome<JudgingSet>> {
  const modes = new Map<string, PolicyMode>();
  for (const policy of compiled.policies) {
    const mode = modeOf(policy, options);
    if (mode === null) return bad('POLICY_BROKEN', `${policy.files.join(', ')}: custom.mode of policy ${policy.name} must be one of ${policyModes.join(', ')}`);
    modes.set(policy.name, mode);
  }
  for (const name of options.required) {
    const mode = modes.get(name);
    if (mode === undefined) return bad('POLICY_BROKEN', `the required policy ${name} is missing`);
    if (mode === 'off') return bad('POLICY_BROKEN', `the required policy ${name} is switched off by its METADATA; set policy.modes.${name} or change it`);
  }
  const running = compiled.policies
    .map(({ name, files, metadata }) => ({ name, files, metadata, mode: modes.get(name) ?? 'enforce' }))
    .filter((policy) => policy.mode !== 'off');
  if (running.length === 0) return bad('POLICY_BROKEN', 'every policy is switched off, so nothing would be judged');
  const data = Buffer.from(canonicalJson({ ...compiled.data, config: options.data }), 'utf8');
  const hash = createHash('sha256').update(compiled.wasm).update(data);
  for (const { name, files, metadata } of compiled.policies) hash.update(canonicalJson([name, files, metadata, modes.get(name)]));
  try {
    // The copies give the engine whole ArrayBuffers, and not a slice of Node's pool.
    const module = await WebAssembly.compile(new Uint8Array(compiled.wasm));
    return good({
      revision: hash.digest('hex'),
      infos: compiled.policies.map((policy) => describe(policy, modes.get(policy.name) ?? 'enforce', options.required.includes(policy.name))),
      running,
      engine: { module, data: new Uint8Array(data).buffer, policies: running.map((policy) => policy.name), memoryPages: options.memoryPages ?? 2048 },
    });
  } catch (cause) {
    return bad('POLICY_BROKEN', 'the compiled policies are no Wasm module', { cause });
  }
}

/** Whether its METADATA name a mode that there is not. */
export function hasStrangeMode(policy: CompiledPolicy): boolean {
  return modeOf(policy, { modes: {} }) === null;
}

function modeOf(policy: CompiledPolicy, options: Pick<PolicyOptions, 'modes'>): PolicyMode | null {
  if (Object.hasOwn(options.modes, policy.name)) return options.modes[policy.name] ?? null;
  const written = policy.metadata.package.mode;
  if (written === null) return 'enforce';
  return policyModes.find((mode) => mode === written) ?? null;
}

function describe({ name, files, metadata }: CompiledPolicy, mode: PolicyMode, required: boolean): PolicyInfo {
  const { title, description, severity, remediation } = metadata.package;
  return { name, mode, required, title, description, severity, remediation, files };
}
