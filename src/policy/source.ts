import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { readPolicyBundle } from './bundle.ts';
import { type CompiledPolicies, compilePolicies, describeProblems } from './compile.ts';
import type { PolicyOptions } from './options.ts';
import { readSnapshot } from './snapshot.ts';

/** Milliseconds that opa may take for a load. */
const longestLoad = 30_000;

/** A look at where policies come from: what is there now, known by its hash, and how to make policies of it. */
export interface PolicyLook {
  /** Changes when the content does. */
  readonly hash: string;
  /** Folders whose changes matter. */
  readonly folders: readonly string[];
  /** Fault: POLICY_BROKEN, transient when it is opa that could not be found or run. */
  compile(): Promise<Outcome<CompiledPolicies>>;
}

/** Looks at the source. Fault: POLICY_BROKEN. */
export async function lookAt(options: Pick<PolicyOptions, 'source' | 'opa'>): Promise<Outcome<PolicyLook>> {
  const { source } = options;
  if ('bundle' in source) {
    const { bundle } = source;
    try {
      const hash = createHash('sha256').update(await readFile(bundle));
      return good({ hash: hash.digest('hex'), folders: [dirname(bundle)], compile: () => readPolicyBundle(bundle) });
    } catch (cause) {
      return bad('POLICY_BROKEN', 'the policy bundle can not be read', { cause });
    }
  }
  const snapshot = await readSnapshot(source.directory);
  if (!snapshot.ok) return snapshot;
  const compile = async (): Promise<Outcome<CompiledPolicies>> => {
    const opa = await options.opa();
    if (!opa.ok) return bad('POLICY_BROKEN', opa.fault.message, { cause: opa.fault, transient: true });
    const compiled = await compilePolicies(opa.value, snapshot.value, AbortSignal.timeout(longestLoad));
    if (!compiled.ok) return bad('POLICY_BROKEN', compiled.fault.message, { cause: compiled.fault, transient: true });
    return compiled.value.ok ? good(compiled.value.value) : bad('POLICY_BROKEN', describeProblems(compiled.value.problems));
  };
  return good({ hash: snapshot.value.hash, folders: snapshot.value.folders, compile });
}
