import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { canonicalJson } from '../domain/canonical.ts';
import { bad, good, type Outcome } from '../domain/fault.ts';
import type { JsonObject } from '../domain/json.ts';
import { bundleFiles, longestBundle, openBundle } from './bundle.ts';
import { noChecks } from './bundleSignature.ts';
import type { CompiledPolicies } from './compile.ts';
import { writeWhole } from './keptBundle.ts';
import { policyModes } from './options.ts';
import { type JudgingSet, makeSet } from './set.ts';
import { readTarGz, writeTarGz } from './tar.ts';

/** What was in force stays on disk by its revision, so that the decisions made under it can be looked at again. */
const mostRevisions = 200;
const mostBytes = 256 * 1024 * 1024;

const aboutName = 'revision.json';

/** What a revision consists of besides the compiled policies. */
const aboutForm = z.strictObject({
  format: z.literal(1),
  modes: z.record(z.string(), z.enum(policyModes)),
  config: z.record(z.string(), z.json()),
});

/**
 * Keeps a set of policies under its revision: a policy bundle that also holds the modes and `policy.data` that were in force. The oldest go above 200
 * revisions or 256 MiB. Fault: INTERNAL when the disk does not take it.
 */
export async function keepRevision(folder: string, set: JudgingSet, compiled: CompiledPolicies, config: JsonObject): Promise<Outcome<void>> {
  const file = join(folder, nameOf(set.revision));
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const now = new Date();
    // In use again: it is not among the oldest.
    if (
      await utimes(file, now, now).then(
        () => true,
        () => false,
      )
    )
      return good(undefined);
    const files = bundleFiles(compiled, null);
    const modes = Object.fromEntries(set.infos.map(({ name, mode }) => [name, mode]));
    files.set(aboutName, Buffer.from(canonicalJson({ format: 1, modes, config })));
    await writeWhole(file, await writeTarGz(files));
    await removeOldest(folder, file);
    return good(undefined);
  } catch (cause) {
    return bad('INTERNAL', `the policies in force can not be kept in ${folder}`, { cause });
  }
}

/** The set of a revision, as it was in force. Faults: POLICY_BROKEN when it is not kept, or is not what its revision says. */
export async function readRevision(folder: string, revision: string): Promise<Outcome<JudgingSet>> {
  if (!/^[0-9a-f]{64}$/.test(revision)) return bad('POLICY_BROKEN', 'a revision of policies is 64 hex digits');
  const file = join(folder, nameOf(revision));
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (cause) {
    return bad('POLICY_BROKEN', `the policies of revision ${revision.slice(0, 12)} are not kept in ${folder}`, { cause });
  }
  const broken = bad('POLICY_BROKEN', `${file} is not what was kept there`);
  const opened = await openBundle(bytes, noChecks);
  const files = await readTarGz(bytes, 2 * longestBundle);
  if (!opened.ok || !files.ok || !('compiled' in opened.value.content)) return broken;
  const about = aboutForm.safeParse(parse(files.value.get(aboutName)));
  if (!about.success) return broken;
  const set = await makeSet(opened.value.content.compiled, { required: [], modes: about.data.modes, data: about.data.config as JsonObject });
  return set.ok && set.value.revision === revision ? set : broken;
}

function nameOf(revision: string): string {
  return `${revision}.tar.gz`;
}

async function removeOldest(folder: string, kept: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.tar.gz'));
  const files = await Promise.all(
    names.map(async (name) => {
      const { mtimeMs, size } = await stat(join(folder, name));
      return { path: join(folder, name), mtimeMs, size };
    }),
  );
  let [count, bytes] = [0, 0];
  for (const { path, size } of files.sort((a, b) => b.mtimeMs - a.mtimeMs)) {
    count += 1;
    bytes += size;
    if (path !== kept && (count > mostRevisions || bytes > mostBytes)) await rm(path, { force: true });
  }
}

function parse(content: Buffer | undefined): unknown {
  try {
    return JSON.parse(content?.toString('utf8') ?? '');
  } catch {
    return undefined;
  }
}
