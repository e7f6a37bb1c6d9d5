import { createHash } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../domain/canonical.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type JsonObject, property } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { type BundleChecks, type BundleSigning, signaturesName, signBundle, verifyBundle } from './bundleSignature.ts';
import { inspectPolicies, readPolicyFolder } from './check.ts';
import { type CompiledPolicies, type CompiledPolicy, describeProblems } from './compile.ts';
import { isPolicyFile, type Snapshot, snapshotOf } from './snapshot.ts';
import { readTarGz, writeTarGz } from './tar.ts';

/** Bytes of a policy bundle at most. */
export const longestBundle = 64 * 1024 * 1024;
const manifestName = 'tidewaiter.json';

const metadata = z.strictObject({
  title: z.string().nullable(),
  description: z.string().nullable(),
  severity: z.string().nullable(),
  remediation: z.string().nullable(),
  mode: z.string().nullable(),
});

/** What a policy bundle says about itself, beside `policy.wasm` and `data.json`, which are as OPA makes them. */
const manifestForm = z.strictObject({
  format: z.literal(1),
  /** Hex SHA-256 of the sources. */
  hash: z.string(),
  /** When it was built. */
  built: z.iso.datetime().optional(),
  policies: z.array(
    z.strictObject({
      name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      files: z.array(z.string()),
      metadata: z.strictObject({ package: metadata, rules: z.record(z.string(), metadata) }),
    }),
  ),
});

export interface BuildOptions {
  /** Milliseconds since the epoch; a bundle that is fetched is not put in force after one that was built later. */
  readonly built?: number;
  readonly signing?: Omit<BundleSigning, 'now'> | null;
}

/**
 * Compiles a folder of policies into a policy bundle (a gzipped tar archive) with which `serve` needs no opa. Resolves to the names of
 * its policies. Fault: POLICY_BROKEN for policies that `serve` would refuse, CONFIG_INVALID when the file can't be written, INTERNAL
 * when opa can't be run.
 */
export async function buildPolicyBundle(
  directory: string,
  out: string,
  opa: string,
  signal: AbortSignal,
  { built = Date.now(), signing = null }: BuildOptions = {},
): Promise<Outcome<readonly string[]>> {
  const snapshot = await readPolicyFolder(directory);
  if (!snapshot.ok) return snapshot;
  const compiled = await inspectPolicies(snapshot.value, opa, signal);
  if (!compiled.ok) return compiled;
  if (!compiled.value.ok) return bad('POLICY_BROKEN', describeProblems(compiled.value.problems));
  const files = bundleFiles(compiled.value.value, built);
  if (signing !== null) files.set(signaturesName, await signBundle(files, { ...signing, now: built }));
  try {
    // A reader must never find half of it.
    await writeFile(`${out}.partial`, await writeTarGz(files));
    await rename(`${out}.partial`, out);
  } catch (cause) {
    return bad('CONFIG_INVALID', unwritten(out, cause), { cause });
  }
  return good(compiled.value.value.policies.map((policy) => policy.name));
}

/** The files of a bundle. @param built milliseconds since the epoch; null: not said */
export function bundleFiles({ wasm, data, policies, hash }: CompiledPolicies, built: number | null): Map<string, Buffer> {
  const described = policies.map(({ name, files, metadata: about }) => ({ name, files, metadata: about }));
  const manifest = { format: 1, hash, policies: described, ...(built === null ? {} : { built: new Date(built).toISOString() }) };
  return new Map([
    [manifestName, Buffer.from(canonicalJson(manifest))],
    ['data.json', Buffer.from(canonicalJson(data))],
    ['policy.wasm', wasm],
  ]);
}

function unwritten(out: string, cause: unknown): string {
  const code = property(cause, 'code');
  const words: Readonly<Record<string, string>> = {
    ENOENT: `there is no folder ${dirname(out)}; make it, or name another file`,
    ENOTDIR: `${dirname(out)} is no folder; name another file`,
    EACCES: 'the program may not write there; name another file',
    EROFS: 'nothing can be written there; name another file',
    EISDIR: 'it is a folder; name a file in it',
    ENOSPC: 'the disk is full; make room there, or name another file',
  };
  return safeText(`${out} can not be written: ${(typeof code === 'string' ? words[code] : undefined) ?? 'name another file'}`, 1000);
}

/** A policy bundle that was looked at, and is what it must be. */
export interface OpenedBundle {
  /** `sha256:…` over its bytes. */
  readonly digest: string;
  /** When it was signed, else built, as its maker says, ms since the epoch; null: not said. */
  readonly built: number | null;
  /** Compiled by `tidewaiter policy build`; or `.rego` files, as `opa build` puts them together, which need opa. */
  readonly content: { readonly compiled: CompiledPolicies } | { readonly sources: Snapshot };
}

/** Opens a policy bundle. Faults: POLICY_BROKEN, SIGNATURE_INVALID for one that is revoked, or not signed as it must be. */
export async function openBundle(bytes: Uint8Array, { verification, revoked }: BundleChecks): Promise<Outcome<OpenedBundle>> {
  const hash = createHash('sha256').update(bytes).digest('hex');
  const digest = `sha256:${hash}`;
  if (revoked.has(digest)) return bad('SIGNATURE_INVALID', `the policy bundle is refused: ${digest} is revoked`);
  const files = await readTarGz(bytes, 2 * longestBundle);
  if (!files.ok) return files;
  const signed = verification === null ? good(null) : await verifyBundle(files.value, verification);
  if (!signed.ok) return signed;
  if ([...files.value.keys()].some(isStray)) return bad('POLICY_BROKEN', 'the policy bundle has a file whose name leads out of it');
  const sources = [...files.value].filter(([path]) => isPolicyFile(path)).map(([path, content]) => ({ path, content }));
  if (!files.value.has(manifestName) && sources.some(({ path }) => path.endsWith('.rego'))) {
    return good({ digest, built: signed.value, content: { sources: snapshotOf(sources) } });
  }
  const wasm = files.value.get('policy.wasm');
  const manifest = manifestForm.safeParse(parse(files.value.get(manifestName)));
  const data = z.record(z.string(), z.json()).safeParse(parse(files.value.get('data.json')));
  if (wasm === undefined || !manifest.success || !data.success) {
    return bad('POLICY_BROKEN', 'the file is no policy bundle of Tidewaiter; make one with `tidewaiter policy build`');
  }
  const policies: readonly CompiledPolicy[] = manifest.data.policies;
  const built = signed.value ?? (manifest.data.built === undefined ? null : Date.parse(manifest.data.built));
  return good({ digest, built, content: { compiled: { policies, wasm, data: data.data as JsonObject, hash } } });
}

/** Sources are written to a folder for opa: none may land elsewhere. */
function isStray(path: string): boolean {
  return path.includes('\\') || path.split('/').includes('..');
}

function parse(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
