import { createHash } from 'node:crypto';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../domain/canonical.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import { type JsonObject, property } from '../domain/json.ts';
import { safeText } from '../domain/text.ts';
import { inspectPolicies, readPolicyFolder } from './check.ts';
import { type CompiledPolicies, type CompiledPolicy, describeProblems } from './compile.ts';
import { readTarGz, writeTarGz } from './tar.ts';

const longestBundle = 64 * 1024 * 1024;
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
  policies: z.array(
    z.strictObject({
      name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/),
      files: z.array(z.string()),
      metadata: z.strictObject({ package: metadata, rules: z.record(z.string(), metadata) }),
    }),
  ),
});

/**
 * Compiles a folder of policies into a policy bundle (a gzipped tar archive) with which `serve` needs no opa. Resolves to the names of
 * its policies. Fault: POLICY_BROKEN for policies that `serve` would refuse, CONFIG_INVALID when the file can't be written, INTERNAL
 * when opa can't be run.
 */
export async function buildPolicyBundle(directory: string, out: string, opa: string, signal: AbortSignal): Promise<Outcome<readonly string[]>> {
  const snapshot = await readPolicyFolder(directory);
  if (!snapshot.ok) return snapshot;
  const compiled = await inspectPolicies(snapshot.value, opa, signal);
  if (!compiled.ok) return compiled;
  if (!compiled.value.ok) return bad('POLICY_BROKEN', describeProblems(compiled.value.problems));
  const { wasm, data, policies, hash } = compiled.value.value;
  const manifest = { format: 1, hash, policies: policies.map(({ name, files, metadata: about }) => ({ name, files, metadata: about })) };
  const files = new Map([
    [manifestName, Buffer.from(canonicalJson(manifest))],
    ['data.json', Buffer.from(canonicalJson(data))],
    ['policy.wasm', wasm],
  ]);
  try {
    // A reader must never find half of it.
    await writeFile(`${out}.partial`, await writeTarGz(files));
    await rename(`${out}.partial`, out);
  } catch (cause) {
    return bad('CONFIG_INVALID', unwritten(out, cause), { cause });
  }
  return good(policies.map((policy) => policy.name));
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

/** Reads a policy bundle. Fault: POLICY_BROKEN. */
export async function readPolicyBundle(file: string): Promise<Outcome<CompiledPolicies>> {
  let bytes: Buffer;
  try {
    if ((await stat(file)).size > longestBundle) return bad('POLICY_BROKEN', 'the policy bundle is larger than 64 MiB');
    bytes = await readFile(file);
  } catch (cause) {
    return bad('POLICY_BROKEN', 'the policy bundle can not be read', { cause });
  }
  const files = await readTarGz(bytes, 2 * longestBundle);
  if (!files.ok) return files;
  const wasm = files.value.get('policy.wasm');
  const manifest = manifestForm.safeParse(parse(files.value.get(manifestName)));
  const data = z.record(z.string(), z.json()).safeParse(parse(files.value.get('data.json')));
  if (wasm === undefined || !manifest.success || !data.success) {
    return bad('POLICY_BROKEN', 'the file is no policy bundle of Tidewaiter; make one with `tidewaiter policy build`');
  }
  const policies: readonly CompiledPolicy[] = manifest.data.policies;
  return good({ policies, wasm, data: data.data as JsonObject, hash: createHash('sha256').update(bytes).digest('hex') });
}

function parse(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
