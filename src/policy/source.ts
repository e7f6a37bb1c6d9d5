import { createHash } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { longestBundle, type OpenedBundle, openBundle } from './bundle.ts';
import { type BundleChecks, noChecks } from './bundleSignature.ts';
import { type CompiledPolicies, compilePolicies, describeProblems } from './compile.ts';
import { readSnapshot, type Snapshot } from './snapshot.ts';

/** Milliseconds that opa may take for a load. */
const longestLoad = 30_000;

/** Where policies come from. */
export type PolicySource =
  /** A folder of `.rego` files, which needs opa. */
  | { readonly directory: string }
  /** A file: a policy bundle made by `buildPolicyBundle`, or by `opa build`, which needs opa. */
  | { readonly bundle: string; readonly checks?: BundleChecks }
  /** A policy bundle that is fetched. */
  | { readonly remote: FollowedBundle };

/** A policy bundle that is fetched, verified and kept by somebody else, who tells when there is a new one. */
export interface FollowedBundle {
  readonly name: string;
  /** What was accepted last. Fault: why there is nothing. */
  current(): Outcome<OpenedBundle>;
  /** Told that it is in force now: what is worth keeping for a start without a network. */
  adopted(digest: string): Promise<void>;
}

/** A look at where policies come from: what is there now, known by its hash, and how to make policies of it. */
export interface PolicyLook {
  /** Changes when the content does. */
  readonly hash: string;
  /** Folders whose changes matter. */
  readonly folders: readonly string[];
  /** Faults: POLICY_BROKEN, transient when it is opa that could not be found or run; SIGNATURE_INVALID. */
  compile(): Promise<Outcome<CompiledPolicies>>;
  /** To be called once it is in force. */
  adopted(): Promise<void>;
}

type FindOpa = () => Promise<Outcome<string>>;

/** Looks at the source. Fault: POLICY_BROKEN, or why a bundle that is fetched is not there. */
export async function lookAt(source: PolicySource, opa: FindOpa): Promise<Outcome<PolicyLook>> {
  const unattended = { adopted: async () => {} };
  if ('remote' in source) {
    const { remote } = source;
    const current = remote.current();
    if (!current.ok) return current;
    const { digest } = current.value;
    return good({ hash: digest, folders: [], compile: () => compileBundle(current.value, opa), adopted: () => remote.adopted(digest) });
  }
  if ('bundle' in source) {
    const { bundle, checks = noChecks } = source;
    const bytes = await readBundle(bundle);
    if (!bytes.ok) return bytes;
    const compile = async (): Promise<Outcome<CompiledPolicies>> => {
      const opened = await openBundle(bytes.value, checks);
      return opened.ok ? compileBundle(opened.value, opa) : opened;
    };
    return good({ hash: createHash('sha256').update(bytes.value).digest('hex'), folders: [dirname(bundle)], compile, ...unattended });
  }
  const snapshot = await readSnapshot(source.directory);
  if (!snapshot.ok) return snapshot;
  const { hash, folders } = snapshot.value;
  return good({ hash, folders, compile: () => compileSources(snapshot.value, opa), ...unattended });
}

/** Folders to watch while there is nothing to look at. */
export function watchedFolders(source: PolicySource): readonly string[] {
  if ('remote' in source) return [];
  return 'directory' in source ? [source.directory, dirname(source.directory)] : [dirname(source.bundle)];
}

/** A source as people know it. */
export function nameOfSource(source: PolicySource): string {
  if ('remote' in source) return source.remote.name;
  return 'directory' in source ? source.directory : source.bundle;
}

async function readBundle(file: string): Promise<Outcome<Buffer>> {
  try {
    if ((await stat(file)).size > longestBundle) return bad('POLICY_BROKEN', 'the policy bundle is larger than 64 MiB');
    return good(await readFile(file));
  } catch (cause) {
    return bad('POLICY_BROKEN', 'the policy bundle can not be read', { cause });
  }
}

/** As PolicyLook.compile. */
async function compileBundle({ content }: OpenedBundle, opa: FindOpa): Promise<Outcome<CompiledPolicies>> {
  return 'compiled' in content ? good(content.compiled) : compileSources(content.sources, opa);
}

async function compileSources(snapshot: Snapshot, findOpa: FindOpa): Promise<Outcome<CompiledPolicies>> {
  const opa = await findOpa();
  if (!opa.ok) return bad('POLICY_BROKEN', opa.fault.message, { cause: opa.fault, transient: true });
  const compiled = await compilePolicies(opa.value, snapshot, AbortSignal.timeout(longestLoad));
  if (!compiled.ok) return bad('POLICY_BROKEN', compiled.fault.message, { cause: compiled.fault, transient: true });
  return compiled.value.ok ? good(compiled.value.value) : bad('POLICY_BROKEN', describeProblems(compiled.value.problems));
}
