/**
 * Everything about the sources that can be checked without running them, at once:
 *
 *     node tools/check.ts
 *
 * Ends with 1 if something is wrong.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findViolations } from './direction.ts';

const root = join(import.meta.dirname, '..');

export interface Checked {
  readonly name: string;
  /** What is wrong, for people; null when nothing is. */
  readonly wrong: string | null;
  readonly milliseconds: number;
}

/** Runs all checks, two at a time the machine's business, and tells of each as soon as it is done. */
export function runChecks(say: (checked: Checked) => void): Promise<Checked[]> {
  const checks: Readonly<Record<string, () => Promise<string | null>>> = {
    'format and lint': () => runBin('@biomejs/biome', 'biome', ['ci', '--colors=off', '--error-on-warnings', '.']),
    types: () => runBin('typescript', 'tsc', []),
    unused: () => runBin('knip', 'knip', ['--no-progress']),
    'cycles and direction': checkDirection,
  };
  return Promise.all(
    Object.entries(checks).map(async ([name, check]) => {
      const started = performance.now();
      const wrong = await check().catch((error: unknown) => (error instanceof Error ? error.message : 'could not be run'));
      const checked = { name, wrong, milliseconds: performance.now() - started };
      say(checked);
      return checked;
    }),
  );
}

/** One line for a check, and what it found. */
export function describeCheck({ name, wrong, milliseconds }: Checked): string {
  const line = `${wrong === null ? 'ok    ' : 'FAILED'} ${name} (${(milliseconds / 1000).toFixed(1)} s)`;
  return wrong === null ? line : `${line}\n${wrong.trimEnd().slice(0, 20_000)}`;
}

async function checkDirection(): Promise<string | null> {
  const { modules, expected, violations } = await findViolations(root);
  const unseen = modules < expected ? [`only ${modules} of ${expected} modules were seen: is @swc/core installed?`] : [];
  const lines = [...unseen, ...violations.map(({ rule, from, to }) => `  ${rule}: ${from} -> ${to}`)];
  return lines.length === 0 ? null : lines.join('\n');
}

/** Runs a package's program under this very Node; its output if it ends with anything but 0. */
function runBin(packageName: string, bin: string, args: readonly string[]): Promise<string | null> {
  const folder = join(root, 'node_modules', packageName);
  const manifest: { bin: string | Record<string, string> } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = typeof manifest.bin === 'string' ? manifest.bin : manifest.bin[bin];
  return new Promise((resolve, reject) => {
    if (file === undefined) return reject(new Error(`${packageName} has no program ${bin}`));
    const child = spawn(process.execPath, [join(folder, file), ...args], {
      cwd: root,
      env: { ...process.env, NO_COLOR: '1' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', reject);
    child.on('close', (code) => resolve(code === 0 ? null : Buffer.concat(chunks).toString('utf8')));
  });
}

if (import.meta.main) {
  const checked = await runChecks((one) => process.stdout.write(`${describeCheck(one)}\n`));
  process.exitCode = checked.every(({ wrong }) => wrong === null) ? 0 : 1;
}
