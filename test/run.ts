/**
 * Runs everything and counts it in one total:
 *
 *     node test/run.ts
 *
 * The last line reads `N passed, N failed` (and `, N skipped`); it ends with 1 if anything failed, or if nothing was tried.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { z } from 'zod';
import { describeCheck, runChecks } from '../tools/check.ts';
import { installContainerd } from '../tools/containerd.ts';
import { installTool, type ToolName, toolPath, tools } from '../tools/install.ts';
import { installPostgres } from '../tools/postgres.ts';
import { installRedisServer } from '../tools/redis.ts';
import { addCounts, type Counts, counts, describeCounts, exitCodeOf } from './counts.ts';
import { countsFileVariable } from './reporter.ts';
import { noContainerd } from './rig/containerd.ts';

const root = join(import.meta.dirname, '..');
const longest = 25 * 60_000;
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/** https://www.openpolicyagent.org/docs/policy-testing: a result for each rule whose name starts with `test_`. */
const regoResults = z.array(
  z.object({ package: z.string(), name: z.string(), fail: z.boolean().optional(), skip: z.boolean().optional(), error: z.unknown().optional() }),
);

/** The parts of the run, in order: what is cheap and fails often comes first. Every part is run, whatever the others say. */
const parts: readonly (readonly [string, () => Promise<Counts>])[] = [
  ['tools', installTools],
  ['sources', checkSources],
  ['policies', testPolicies],
  ['tests', runVitest],
];

const counted: Counts[] = [];
for (const [name, part] of parts) {
  const started = performance.now();
  say(`\n== ${name}`);
  const result = await part().catch((error: unknown): Counts => {
    say(`FAILED ${error instanceof Error ? error.message : 'for an unknown reason'}`);
    return { passed: 0, failed: 1, skipped: 0 };
  });
  counted.push(result);
  say(`-- ${name}: ${describeCounts(result)} in ${Math.round((performance.now() - started) / 1000)} s`);
}
const total = addCounts(counted);
if (total.passed === 0 && total.failed === 0) say('\nnothing was tried');
say(`\n${describeCounts(total)}`);
process.exitCode = exitCodeOf(total);

/** Builds the real tools that are missing. Not counted: it is no test. */
async function installTools(): Promise<Counts> {
  const names: readonly ToolName[] = ['opa', 'registry', 'crane', 'cosign', 'notation-sign', 'etcd', 'kubectl', 'kube-apiserver', 'trivy', 'trivy-db'];
  const missing = names.filter((name) => !existsSync(toolPath(name)));
  if (missing.length > 0)
    say(`${missing.length} of ${names.length} tools have to be built, once: about ${missing.reduce((sum, name) => sum + tools[name].cold, 0)} s`);
  for (const name of names) await installTool(name, say);
  // One after the other, and before the tests: two of them at once would be in each other's way.
  await installRedisServer(say);
  await installPostgres(say);
  if (noContainerd === null) await installContainerd(say);
  const apiserver = toolPath('kube-apiserver');
  const { stdout } = await promisify(execFile)(apiserver, ['--version']);
  say(`kube-apiserver ${stdout.trim().replace(/^Kubernetes /, '')} at ${apiserver}`);
  return { passed: 0, failed: 0, skipped: 0 };
}

async function checkSources(): Promise<Counts> {
  const checked = await runChecks((one) => say(describeCheck(one)));
  const failed = checked.filter(({ wrong }) => wrong !== null).length;
  return { passed: checked.length - failed, failed, skipped: 0 };
}

async function testPolicies(): Promise<Counts> {
  const { stdout, stderr } = await finish(toolPath('opa'), ['test', '--format=json', 'policies'], {});
  if (stdout.trim() === '') throw new Error(`opa test said nothing: ${stderr.slice(0, 2000)}`);
  const results = regoResults.parse(JSON.parse(stdout));
  const failed = results.filter((result) => result.fail === true || result.error !== undefined);
  const skipped = results.filter((result) => result.skip === true);
  for (const { package: where, name, error } of failed) say(`FAILED ${where}.${name}${error === undefined ? '' : `: ${JSON.stringify(error)}`}`);
  if (failed.length > 0) say((await finish(toolPath('opa'), ['test', '--verbose', '--var-values', 'policies'], {})).stdout.slice(0, 10_000));
  if (results.length === 0) throw new Error('there are no Rego tests');
  return { passed: results.length - failed.length - skipped.length, failed: failed.length, skipped: skipped.length };
}

async function runVitest(): Promise<Counts> {
  const folder = mkdtempSync(join(tmpdir(), 'tidewaiter-test-'));
  const file = join(folder, 'counts.json');
  try {
    const program = join(root, 'node_modules', 'vitest', 'vitest.mjs');
    const args = [program, 'run', `--reporter=${join(root, 'test', 'reporter.ts')}`, ...process.argv.slice(2)];
    const { code } = await finish(process.execPath, args, { show: true, env: { [countsFileVariable]: file } });
    if (!existsSync(file)) throw new Error(`vitest ended with ${code} before it had counted`);
    const result = counts.parse(JSON.parse(readFileSync(file, 'utf8')));
    if (result.passed + result.failed === 0) throw new Error('vitest ran no test');
    if (code !== 0 && result.failed === 0) throw new Error(`vitest ended with ${code} although no test had failed`);
    return result;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

interface Finished {
  readonly code: number | string;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, or ends it when it takes too long. What it writes is shown at once, or returned. */
function finish(
  command: string,
  args: readonly string[],
  options: { readonly show?: boolean; readonly env?: Readonly<Record<string, string>> },
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const output = options.show === true ? 'inherit' : 'pipe';
    const child = spawn(command, args, {
      cwd: root,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', output, output],
      timeout: longest,
      killSignal: 'SIGKILL',
    });
    const written = { stdout: '', stderr: '' };
    child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
      written.stdout += chunk;
    });
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
      written.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code: code ?? signal ?? 'unknown', ...written }));
  });
}
